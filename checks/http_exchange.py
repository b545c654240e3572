"""One HTTP probe: a request, its reply, and the redirects it leads through."""

from checks.address import literal_family
from checks.attempt import Attempt
from checks.base import Evidence
from checks.failure import Failure
from checks.http_evidence import HttpEvidence, HttpSettings
from checks.http_reply import Reply, ReplyReader
from checks.http_request import Place, place, redirected
from monitor.model import Fault, FaultKind

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOCATION_BOUND = 255


class HttpAttempt(Attempt):
    """Asks for one URL, a connection for each hop, all hops under one deadline.

    At every hop the name is resolved anew and the scope is asked about that very address; a
    hop out of scope makes the whole probe a fault, because what it led to was not looked at.
    """

    __slots__ = ("at", "hops", "mark", "reader", "settings", "spent", "status")

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
        self._visit(place(settings.url))

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
        else:
            self._spend("dns", now_ns)

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
        if leads_on and self.settings.max_redirects:
            self._follow(reply, now_ns)
            return
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
            as_expected=self._as_expected(whole, reply, matches),
            body_matches=matches,
            encoding=reply.encoding[:_LOCATION_BOUND] or None,
            location=reply.location.partition("?")[0][:_LOCATION_BOUND] or None,
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

    def _as_expected(self, whole: bool, reply: Reply, matches: bool | None) -> bool | None:
        if not whole or reply.status is None or not self.settings.expects(reply.status):
            return False
        return matches if self.settings.body else True


_PHASES = ("dns", "connect", "tls", "first_byte")
