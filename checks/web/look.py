"""One look at a server: which pages are asked for, in which order, and what is made of them."""

import secrets
from typing import Any, Final

from checks.html import Outline, outline
from checks.http_request import Place, place, redirected
from checks.web import findings
from checks.web.closed import Answer, Standing, neighbour, shown, standing
from checks.web.evidence import WebEvidence
from checks.web.fetch import REDIRECTS, Errand, Fetched
from checks.web.forms import Seen
from checks.web.security_txt import SIZE_BOUND
from checks.web.visit import Visit, outlined, visit
from monitor.model import Fault

_CLOSED_BODY: Final = 65_536
_FILE_REDIRECTS: Final = 2


class Look:
    """The pages of one server, one after another; the later ones may not fit into the time."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._settings = errand.settings
        self._at = place(self._settings.url)
        self._found: dict[str, Any] = {}
        self._replies: list[Fetched] = []
        """Those of which cookies are taken."""
        self._pages: list[Seen] = []
        self._complete = True
        self._logins: list[Answer] = []
        """The login page, so that a closed path that shows it is known by it."""

    async def observe(self, observed_at_us: int) -> WebEvidence | Fault:
        """Everything that could be seen; a fault when the page could not be asked for at all."""
        front = await self._visit(self._at)
        if not front.hops:
            assert front.fault is not None
            return front.fault
        self._take(front, self._at.host)
        self._found |= findings.of_page(front)
        self._found |= findings.of_hsts(self._at.host, front)
        plain = await self._ask_plain(front)
        # A server whose page cannot be had at all is not asked for more.
        if front.hops[0].ok:
            await self._ask_login(plain)
            await self._ask_security_txt()
            await self._ask_closed()
        return self._evidence(observed_at_us)

    async def _visit(self, where: Place) -> Visit:
        settings = self._settings
        return await visit(self._errand, where, settings.max_body, settings.max_redirects)

    def _take(self, one: Visit, host: str) -> None:
        """Remember what forms and cookies are looked for in."""
        self._replies += (hop for hop in one.hops if hop.place.host in (host, self._at.host))
        if one.page is None or not one.page.readable:
            self._complete = False
        else:
            # What is no HTML asks for nothing and loads nothing.
            read = one.outline or outline(b"", "", one.page.place.url)
            self._pages.append(findings.seen(one.page, read))

    async def _ask_plain(self, front: Visit) -> Fetched | None:
        """The first reply without TLS; None: there was none to ask for, or none came."""
        where = self._settings.plain_place()
        if where is None:
            self._found["plain_outcome"] = "not-asked"
            return None
        reply = front.hops[0] if where == self._at else await self._first(where)
        self._found |= (
            {"plain_outcome": "not-followed"}
            if reply is None
            else findings.of_plain(self._at.host, reply)
        )
        return reply

    async def _first(self, where: Place) -> Fetched | None:
        reply = await self._errand.get(where, self._settings.max_body)
        if isinstance(reply, Fault):
            return None
        self._replies.append(reply)
        await self._see(reply)
        return reply

    async def _see(self, reply: Fetched) -> None:
        read = await outlined(reply, self._errand)
        if read is not None and reply.status not in REDIRECTS:
            self._pages.append(findings.seen(reply, read))

    async def _ask_login(self, plain: Fetched | None) -> None:
        where = self._settings.login_place()
        if where is None:
            return
        login = await self._visit(where)
        self._take(login, where.host)
        if login.page is not None and login.outline is not None:
            self._logins.append(_answer_of(where.path, login.page, login.outline))
        last = login.hops[-1] if login.hops else None
        self._found |= {
            "login_outcome": login.outcome,
            "login_status": last.status if last is not None else None,
        }
        # The same page without TLS: where it is served, people will find it.
        if plain is not None and plain.ok and where.tls and where.host == self._at.host:
            await self._first(redirected(plain.place, where.path))

    async def _ask_security_txt(self) -> None:
        where = self._settings.below("/.well-known/security.txt")
        file = await visit(self._errand, where, SIZE_BOUND, _FILE_REDIRECTS)
        self._found |= findings.of_security_txt(file)

    async def _ask_closed(self) -> None:
        """Each path that must be closed."""
        if not self._settings.closed:
            return
        stand: dict[str, Standing] = {}
        for path in self._settings.closed:
            stand[path] = await self._standing(path)
        opened = tuple(sorted(path for path in stand if stand[path] == "open"))
        undecided = tuple(sorted(path for path in stand if stand[path] == "undecided"))
        self._found |= {
            # That none is open is known only when all were decided.
            "closed_open": opened if opened or not undecided else None,
            "closed_undecided": undecided,
        }

    async def _standing(self, path: str) -> Standing:
        """Only of a path that shows something neighbours are asked for, which cannot exist."""
        answer = await self._answer(path)
        beside: list[Answer | None] = []
        while (stands := standing(answer, beside, self._logins)) is None:
            beside.append(await self._answer(neighbour(path, secrets.token_hex(12))))
        return stands

    async def _answer(self, path: str) -> Answer | None:
        where = self._settings.below(path)
        reply = await self._errand.get(where, _CLOSED_BODY)
        onward = _to_itself(reply)
        if onward is not None:
            reply = await self._errand.get(onward, _CLOSED_BODY)
        if isinstance(reply, Fault) or not reply.ok or reply.status is None:
            return None
        read = await outlined(reply, self._errand)
        if self._errand.left_us() <= 0:
            return None  # a page that was not read to its end is like no other
        return _answer_of(path, reply, read)

    def _evidence(self, observed_at_us: int) -> WebEvidence:
        self._found |= findings.of_cookies(self._replies)
        self._found |= findings.of_passwords(
            self._pages, complete=self._complete, expected=bool(self._settings.login)
        )
        self._found |= findings.of_mixed(self._pages)
        names = (*WebEvidence.measures(), *WebEvidence.postures())
        return WebEvidence(
            **{
                **dict.fromkeys(names),
                **self._found,
                "observed_at_us": observed_at_us,
                "requests": self._errand.requests,
            }
        )


def _answer_of(path: str, reply: Fetched, read: Outline | None) -> Answer:
    return Answer(
        path=path,
        status=reply.status or 0,
        size=len(reply.body),
        shown=shown(reply.body, read) if reply.readable else None,
        has_password=read is not None and any(form.has_password for form in read.forms),
    )


def _to_itself(reply: Fetched | Fault) -> Place | None:
    """Where a reply leads, if that is the same path with a slash, or over TLS."""
    if isinstance(reply, Fault) or not reply.ok or reply.status not in REDIRECTS:
        return None
    try:
        where = redirected(reply.place, reply.location)
    except ValueError:
        return None
    same = where.host == reply.place.host and where != reply.place
    return where if same and where.path.rstrip("/") == reply.place.path.rstrip("/") else None
