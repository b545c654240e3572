"""One HTTP probe: a request, its reply, and the redirects it leads through."""

from collections.abc import Sequence

from checks.address import literal_family
from checks.attempt import Attempt
from checks.base import Evidence
from checks.failure import Failure
from checks.html_reference import printable
from checks.http_evidence import HttpEvidence, HttpSettings
from checks.http_reply import Reply, ReplyReader
from checks.http_request import Place, place, redirected
from checks.national_filter import NO_FILTER, filter_of
from checks.shown_url import shown_url
from monitor.model import Family, Fault, FaultKind

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOCATION_BOUND = 255


class HttpAttempt(Attempt):
    """Asks for one URL, a connection for each hop, all hops under one deadline.

    At every hop the name is resolved anew and the scope is asked about that very address; a
    hop out of scope makes the whole probe a fault, because what it led to was not looked at.
    """

    __slots__ = ("at", "filter", "hops", "mark", "reader", "settings", "spent", "status")

    def begin_exchange(self) -> None:
        """Go to the URL of the settings."""
        settings = self.probe.assignment.settings
        assert isinstance(settings, HttpSettings)
        self.start(settings)

    def start(self, settings: HttpSettings) -> None:
        """Go to the URL of these settings."""
        self.settings = settings
        self.hops: list[str] = []
        self.spent: dict[str, int] = {}
        where = place(settings.url)
        known = filter_of(settings.filter_hosts)
        # Who looks at the landing page itself wants to see it.
        self.filter = NO_FILTER if known.of_host(where.host) else known
        self._visit(where)

    def _visit(self, where: Place) -> None:
        settings = self.settings
        self.at = where
        self.status: int | None = None
        self.reader = self.new_reader()
        context = self.desk.context(settings.verify) if where.tls else None
        if isinstance(context, Fault):
            self.end(context)
            return
        self.mark = self.desk.net.boottime_ns()
        self.go(where.host, where.port, context, where.host.rstrip(".") if where.tls else "")

    def new_reader(self) -> ReplyReader:
        """The reader of the next reply."""
        return ReplyReader(
            head_only=self.settings.method == "HEAD",
            max_body=self.settings.max_body,
            text=self.settings.body.encode(),
        )

    def _spend(self, phase: str, now_ns: int) -> None:
        self.spent[phase] = self.spent.get(phase, 0) + max(0, now_ns - self.mark)
        self.mark = now_ns

    def located(self, now_ns: int) -> None:
        """The name is resolved; a literal address has no time for that."""
        if literal_family(self.at.host):
            self.mark = now_ns
            return
        self._spend("dns", now_ns)
        by = self._landing([self.address])
        if by:
            self.end(self.evidence("blocked", by, now_ns), now_ns)

    def _landing(self, addresses: Sequence[str]) -> str:
        """What of the filter the name was answered with; empty: nothing."""
        known = self.desk.net.aliases(self.at.host, self.probe.assignment.family)
        if known is not None and known.names and (by := self.filter.of_names(known.names)):
            return by
        return next((by for one in addresses if (by := self.filter.of_address(one))), "")

    def _out_of_scope(self) -> str:
        """As `_landing`, of a name whose address may not be probed; its answer was just cached."""
        found: list[str] = []
        if self.filter.networks:
            self.desk.net.resolver.lookup(
                self.at.host,
                self.probe.assignment.family or Family.IPV4,
                lambda answer: found.extend(() if isinstance(answer, Fault) else answer),
            )
        return self._landing(found)

    def connected(self, now_ns: int) -> None:
        """Plain HTTP is asked at once, HTTPS after its handshake."""
        self._spend("connect", now_ns)
        if self.at.tls:
            self.phase = "tls"
        else:
            self.ask()

    def secured(self, now_ns: int) -> None:
        """The channel is trusted as far as the settings ask."""
        self._spend("tls", now_ns)
        self.ask()

    def ask(self) -> None:
        """Send the request."""
        self.phase = "reply"
        assert self.connection is not None
        self.connection.send(self.request())

    def request(self) -> bytes:
        """What is sent."""
        return self.at.request(self.settings.method)

    def received(self, chunk: bytes, now_ns: int) -> None:
        """Feed the reader; at the end of the reply follow it or tell it."""
        if self.phase == "reply" and chunk:
            self._spend("first_byte", now_ns)
            self.phase = "body"
        if self.reader.feed(chunk):
            self._replied(self.reader.reply(), now_ns)

    def _replied(self, reply: Reply, now_ns: int) -> None:
        self.status = reply.status
        leads_on = reply.end == "complete" and reply.status in _REDIRECTS and reply.location
        by = self.filter.of_reply(self.at, reply, leads_on=bool(leads_on))
        if by:
            self.end(self.evidence("blocked", by, now_ns, reply), now_ns)
        elif leads_on and self.settings.max_redirects:
            self._follow(reply, now_ns)
        else:
            outcome = "ok" if reply.end == "complete" else reply.end
            self.end(self.evidence(outcome, reply.reason, now_ns, reply), now_ns)

    def _follow(self, reply: Reply, now_ns: int) -> None:
        if len(self.hops) >= self.settings.max_redirects:
            self.end(self.evidence("too-many-redirects", "", now_ns, reply), now_ns)
            return
        try:
            where = redirected(self.at, reply.location)
        except ValueError as error:
            reason = f"redirect: {error}"[:_LOCATION_BOUND]
            self.end(self.evidence("malformed", reason, now_ns, reply), now_ns)
            return
        if self.connection is not None:
            self.connection.close()
        self.hops.append(where.shown)
        self._visit(where)

    def nameless(self, now_ns: int) -> None:
        """The name has no address: browsers cannot get the page either."""
        self.end(self.evidence("dns", "no such name", now_ns), now_ns)

    def refused(self, fault: Fault) -> Evidence | Fault:
        """A redirect to a name that lacks this family breaks the page in this family."""
        if fault.kind is FaultKind.ABSENT and self.hops:
            return self.evidence("dns", fault.message, self.desk.net.boottime_ns())
        if fault.kind is FaultKind.SCOPE and (by := self._out_of_scope()):
            return self.evidence("blocked", by, self.desk.net.boottime_ns())
        return fault

    def concluded(self, failure: Failure, now_ns: int) -> Evidence:
        """No whole reply."""
        return self.evidence(failure.outcome, failure.reason, now_ns)

    def evidence(
        self, outcome: str, reason: str, now_ns: int, reply: Reply | None = None
    ) -> Evidence:
        """What a probe that ended so has seen; `reply` as far as it was read."""
        reply = reply or self.reader.reply()
        whole = outcome == "ok"
        matches = self._body_matches(reply) if whole else None
        return HttpEvidence(
            **{f"{phase}_us": self._spent_us(phase) for phase in _PHASES},
            total_us=max(0, now_ns - self.since) // 1_000 if whole else None,
            size=reply.size if reply.status is not None else None,
            outcome=outcome,
            reason=reason or None,
            status=reply.status,
            blocked=self._blocked(outcome, reply),
            blocked_by=reason if outcome == "blocked" else None,
            as_expected=None if outcome == "blocked" else self._as_expected(whole, reply, matches),
            body_matches=matches,
            encoding=printable(reply.encoding[:_LOCATION_BOUND]) or None,
            location=shown_url(reply.location)[:_LOCATION_BOUND] or None,
            redirects=tuple(self.hops),
            final_url=self.at.shown,
            server_address=self.address or None,
        )

    def _spent_us(self, phase: str) -> int | None:
        spent = self.spent.get(phase)
        return None if spent is None else spent // 1_000

    def _body_matches(self, reply: Reply) -> bool | None:
        """Undefined without a wish, and for a coding that was not asked for: not looked into."""
        if not self.settings.body or reply.encoding not in ("", "identity"):
            return None
        return reply.contains

    def _blocked(self, outcome: str, reply: Reply) -> bool | None:
        """Undefined where no page was looked into: a filter may also cut the connection."""
        if outcome == "blocked":
            return True
        looked = outcome == "ok" and self.settings.method == "GET" and not reply.encoding
        return False if looked and self.settings.filter_hosts else None

    def _as_expected(self, whole: bool, reply: Reply, matches: bool | None) -> bool | None:
        if not whole or reply.status is None or not self.settings.expects(reply.status):
            return False
        return matches if self.settings.body else True


_PHASES = ("dns", "connect", "tls", "first_byte")
