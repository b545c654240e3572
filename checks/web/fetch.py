"""The requests of one look at a server: one after another, each bounded, all under one deadline."""

import asyncio
from dataclasses import dataclass
from typing import Final

from checks.attempt import ConnectionProber
from checks.base import Assignment, Evidence, Net, Outcome, Probe
from checks.http_evidence import HttpSettings
from checks.http_exchange import HttpAttempt
from checks.http_reply import Keeping, Reply, ReplyReader
from checks.http_request import Place
from checks.web.evidence import WebSettings
from checks.web.fields import Fields, fields_of
from monitor.model import Fault

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_SHARE: Final = 3
"""No request takes more than this part of the whole time: a silent port must not cost the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched(Evidence):
    """One reply, held only while the probe lasts. It is never stored."""

    outcome: str
    """As of the http check; ok also where the body was cut at its bound."""
    reason: str
    place: Place
    address: str
    status: int | None
    """Undefined unless the head was read to its end."""
    location: str
    encoding: str
    fields: Fields
    body: bytes
    whole: bool
    """No byte of the body is missing."""

    @property
    def ok(self) -> bool:
        """Status, fields and the body up to its bound were read."""
        return self.outcome == "ok"

    @property
    def readable(self) -> bool:
        """The body is not in a coding that nobody asked for."""
        return self.ok and self.encoding in ("", "identity")


class FetchAttempt(HttpAttempt):
    """One request whose reply is kept. A redirect is a reply: whoever asked decides."""

    __slots__ = ("keeping",)

    def new_reader(self) -> ReplyReader:
        """A reader that keeps."""
        self.keeping = Keeping()
        bound = self.settings.max_body
        return ReplyReader(head_only=False, max_body=bound, keeping=self.keeping)

    def evidence(
        self, outcome: str, reason: str, now_ns: int, reply: Reply | None = None
    ) -> Evidence:
        """The reply, as far as it was read."""
        del now_ns
        reply = reply or self.reader.reply()
        head = self.keeping.head_read
        cut = outcome == "too-large"
        return Fetched(
            outcome="ok" if cut else outcome,
            reason=reason,
            place=self.at,
            address=self.address,
            status=reply.status if head else None,
            location=reply.location if head else "",
            encoding=reply.encoding,
            fields=fields_of(self.keeping.fields) if head else (),
            body=bytes(self.keeping.body),
            whole=outcome == "ok",
        )


class Errand:
    """The requests of one probe."""

    def __init__(
        self, net: Net, prober: ConnectionProber, assignment: Assignment, reading: asyncio.Lock
    ) -> None:
        assert isinstance(assignment.settings, WebSettings)
        self.settings = assignment.settings
        self.reading = reading
        """Held while a page is read: many pages together take no longer turns than one."""
        self.requests = 0
        self._net = net
        self._prober = prober
        self._assignment = assignment
        self._until_ns = net.boottime_ns() + self.settings.timeout * 1_000

    def left_us(self) -> int:
        """What is left of the time for everything together; not above zero: it is over."""
        return (self._until_ns - self._net.boottime_ns()) // 1_000

    async def get(self, where: Place, max_body: int) -> Fetched | Fault:
        """Ask for one URL, without credentials; out of time is outcome timeout.

        The name is resolved and the scope asked anew for each request (`Attempt.go`).
        """
        if self.requests:
            await asyncio.sleep(self.settings.pause / 1e6)
        left_us = self.left_us()
        if left_us <= 0:
            return _out_of_time(where)
        self.requests += 1
        settings = HttpSettings(
            url=where.url,
            timeout=max(1, min(left_us, self.settings.timeout // _SHARE)),
            max_body=max_body,
            max_redirects=0,
            verify=self.settings.verify,
            filter_hosts=self.settings.filter_hosts,
        )
        outcome = await self._asked(settings)
        if outcome.fault is not None:
            return outcome.fault
        assert isinstance(outcome.evidence, Fetched)
        return outcome.evidence

    async def _asked(self, settings: HttpSettings) -> Outcome:
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(_: int, outcome: Outcome) -> None:
            if not told.done():
                told.set_result(outcome)

        one = Assignment(
            target=self._assignment.target,
            check=self._assignment.check,
            family=self._assignment.family,
            settings=settings,
        )
        self._prober.begin([Probe(0, one)], done)
        return await told


def _out_of_time(where: Place) -> Fetched:
    return Fetched(
        outcome="timeout",
        reason="the time was over",
        place=where,
        address="",
        status=None,
        location="",
        encoding="",
        fields=(),
        body=b"",
        whole=False,
    )
