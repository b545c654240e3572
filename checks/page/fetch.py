"""One page as one visitor gets it: redirects followed inside the scope, its body for a moment."""

import asyncio
import errno
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from checks.address import literal_family, locate
from checks.base import Net
from checks.connection import tls_reason
from checks.failure import Failure, failure_at_once, failure_from_network
from checks.html_reference import printable
from checks.html_refresh import refresh_target
from checks.http_reply import Keeping, Reply, ReplyReader
from checks.http_request import Place, place, redirected
from checks.national_filter import Filter
from checks.page.settings import PageSettings
from checks.web.fields import content_type, fields_of, first
from monitor.model import Family, Fault, FaultKind

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 65_536
LED_AWAY = "led-away"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """As whom a page is asked for."""

    agent: str
    referer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """What came of one fetch; `outcome` as in `PageEvidence`.

    The body is not evidence; of one that is too large it is the part within the bound.
    """

    outcome: str
    reason: str = ""
    status: int | None = None
    body: bytes = b""
    kind: str = ""
    """Media type in lower case; empty where the reply does not say."""
    charset: str = ""
    at: Place
    """The last place asked."""
    away: str = ""
    """Host outside the scope that it led to."""
    refresh_host: str = ""
    """Host of the reply's field Refresh, which browsers follow as they do a `meta` element."""

    @property
    def readable(self) -> bool:
        """A whole reply in a coding that was asked for."""
        return self.outcome == "ok"


@dataclass(slots=True, kw_only=True)
class Fetcher:
    """The fetches of one probe: a host, once resolved, stays at its address for all visitors."""

    net: Net
    family: Family
    filter: Filter
    settings: PageSettings
    context: Callable[[], ssl.SSLContext | Fault]
    """Of TLS, as the settings ask for it."""
    pinned: dict[str, str] = field(default_factory=dict)
    """Admitted address by host."""

    async def get(self, url: str, visitor: Visitor, bound: int) -> Got | Fault:
        """The page, or why not; a Fault where nothing can be said. The caller sets the time."""
        at, hops = place(url), 0
        while True:
            address = await self._address(at)
            if isinstance(address, Fault):
                return self._turned_away(address, at, hops)
            if not address:
                return Got(outcome="dns", reason="no such name", at=at)
            by = self._landing(at.host, (address,))
            if by:
                return Got(outcome="blocked", reason=by, at=at)
            keeping = Keeping()
            reply = await self._asked(
                at, address, visitor, ReplyReader(head_only=False, max_body=bound, keeping=keeping)
            )
            if isinstance(reply, Failure):
                return Got(outcome=reply.outcome, reason=reply.reason, at=at)
            if isinstance(reply, Fault):
                return reply
            onward = self._onward(reply, at, hops)
            if isinstance(onward, Got):
                return _with_body(onward, keeping)
            at, hops = onward, hops + 1

    def _onward(self, reply: Reply, at: Place, hops: int) -> Place | Got:
        """Where the reply leads, or that it is the last."""
        leads = reply.end == "complete" and reply.status in _REDIRECTS and bool(reply.location)
        by = self.filter.of_reply(at, reply, leads_on=leads)
        if by:
            return Got(outcome="blocked", reason=by, status=reply.status, at=at)
        if leads and hops >= self.settings.max_redirects:
            return Got(outcome="too-many-redirects", status=reply.status, at=at)
        if leads:
            try:
                return redirected(at, reply.location)
            except ValueError as error:
                reason = f"redirect: {error}"[:255]
                return Got(outcome="malformed", reason=reason, status=reply.status, at=at)
        if reply.end != "complete":
            return Got(outcome=reply.end, reason=reply.reason, status=reply.status, at=at)
        if reply.encoding not in ("", "identity"):
            reason = printable(reply.encoding[:255])
            return Got(outcome="coded", reason=reason, status=reply.status, at=at)
        return Got(outcome="ok", status=reply.status, at=at)

    def _turned_away(self, fault: Fault, at: Place, hops: int) -> Got | Fault:
        """A fault on the way to a place: of the filter, of where it was led to, or our own."""
        if fault.kind is FaultKind.SCOPE and (by := self._landing(at.host, self._cached(at.host))):
            return Got(outcome="blocked", reason=by, at=at)
        if hops and fault.kind is FaultKind.SCOPE:
            return Got(outcome=LED_AWAY, at=at, away=at.host)
        if hops and fault.kind is FaultKind.ABSENT:
            return Got(outcome="dns", reason=fault.message, at=at)
        return fault

    def _landing(self, host: str, addresses: tuple[str, ...]) -> str:
        known = None if literal_family(host) else self.net.aliases(host, self.family)
        names = known.names if known is not None else ()
        return self.filter.of_names(names) or next(
            (by for one in addresses if (by := self.filter.of_address(one))), ""
        )

    def _cached(self, host: str) -> tuple[str, ...]:
        """The addresses of a name that was looked up just now."""
        found: list[str] = []
        if self.filter.networks:
            self.net.resolver.lookup(
                host,
                self.family or Family.IPV4,
                lambda answer: found.extend(() if isinstance(answer, Fault) else answer),
            )
        return tuple(found)

    async def _address(self, at: Place) -> str | Fault:
        """The one address of the host in this probe; empty: the name has none."""
        known = self.pinned.get(at.host)
        if known is not None:
            return self.net.scope.refusal(known) or known
        future: asyncio.Future[str | Fault | None] = asyncio.get_running_loop().create_future()

        def located(answer: str | Fault | None) -> None:
            if not future.done():
                future.set_result(answer)

        locate(self.net, at.host, self.family, located)
        answer = await future
        if isinstance(answer, str):
            self.pinned[at.host] = answer
        return answer or ""

    async def _asked(
        self, at: Place, address: str, visitor: Visitor, reader: ReplyReader
    ) -> Reply | Failure | Fault:
        """One request on a connection of its own."""
        context = self.context() if at.tls else None
        if isinstance(context, Fault):
            return context
        name = at.host.rstrip(".") if at.tls else None
        try:
            incoming, outgoing = await asyncio.open_connection(
                address, at.port, ssl=context, server_hostname=name, limit=_CHUNK
            )
        except ssl.SSLError as error:
            return Failure(outcome="tls", reason=tls_reason(error))
        except OSError as error:
            return _lost(error, connecting=True)
        try:
            outgoing.write(at.request("GET", agent=visitor.agent, referer=visitor.referer))
            while not reader.feed(await incoming.read(_CHUNK)):
                pass
        except ssl.SSLError as error:
            return Failure(outcome="tls", reason=tls_reason(error))
        except OSError as error:
            return _lost(error, connecting=False)
        finally:
            outgoing.transport.abort()
        return reader.reply()


def _with_body(got: Got, keeping: Keeping) -> Got:
    if not got.readable and got.outcome != "too-large":
        return got
    fields = fields_of(keeping.fields)
    kind, charset = content_type(fields)
    refresh = refresh_target(first(fields, "refresh") or "")
    return replace(
        got,
        body=bytes(keeping.body),
        kind=kind,
        charset=charset,
        refresh_host=_host_of(got.at, refresh) if refresh else "",
    )


def _host_of(at: Place, target: str) -> str:
    try:
        return redirected(at, target).host
    except ValueError:
        return ""


def _lost(error: OSError, *, connecting: bool) -> Failure | Fault:
    """What an error of a connection says; asyncio gives some without a number."""
    if not error.errno:
        return Failure(outcome="reset")
    if connecting and error.errno != errno.EHOSTUNREACH:
        return failure_at_once(error.errno)
    return failure_from_network(error.errno)
