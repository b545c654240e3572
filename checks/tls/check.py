"""tls: which versions, suites and certificates does a server show? Raw hellos, many connections.

One probe is one survey of one address: first for a verdict, then, when that differs from the
last one or shows trouble, once more in full. Everything is asked on one poller: there is no task,
thread or timer for a connection.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult

from checks import trust
from checks.address import ascii_host, families_of, literal_family
from checks.attempt import Attempt, ConnectionProber, Desk
from checks.base import CheckKind, Done, Net, Probe, Prober, Settings
from checks.connection import internal
from checks.deadline import Deadlines, Expiring
from checks.failure import Failure
from checks.tls.chain import certificate_facts
from checks.tls.changes import Changes
from checks.tls.curves import curve_of
from checks.tls.evidence import TlsEvidence
from checks.tls.findings import Findings
from checks.tls.plan import Survey
from checks.tls.posture import differing, fields_of
from checks.tls.roots import roots_of
from checks.tls.settings import TlsSettings, in_full, needing, wishes_of
from checks.tls.turns import Doors
from checks.tls.visit import Ground, Visit
from checks.tls.wishes import Wishes
from monitor.model import Family, Fault, FaultKind

Then = Callable[[Visit, Wishes], None]

WAIT_NS = 25_000_000_000
"""How long a probe may wait for its first turn at a crowded address."""
MOST_ADDRESSES = 8
"""Of one name that are compared."""


class Hall:
    """What the probes of one prober share beside the desk."""

    def __init__(self, desk: Desk) -> None:
        self.doors = Doors()
        self.changes = Changes()
        self.ground = Ground(
            poller=desk.poller, boottime_ns=desk.net.boottime_ns, rounds=Deadlines[Expiring]()
        )
        self.visits: set[Visit] = set()

    def tick(self, now_ns: int) -> None:
        """Expire what is due, and let in whom the bound of a minute held up."""
        self.ground.rounds.tick(now_ns)
        for door in {visit.door for visit in self.visits}:
            door.serve(now_ns)


class TlsAttempt(Attempt):
    """One probe: its visits one after the other, and the evidence they come to."""

    __slots__ = ("connections", "hall", "others", "seen", "settings", "times", "visit")

    def __init__(self, desk: Desk, probe: Probe, done: Done, hall: Hall) -> None:
        super().__init__(desk, probe, done)
        self.hall = hall
        self.visit: Visit | None = None
        self.connections = 0
        self.seen: dict[str, Any] = {}
        """Fields of the evidence, as far as they are known."""
        self.times: dict[str, int | None] = {}
        self.others: list[str] = []
        """Further addresses of the name, to be compared."""

    def begin_exchange(self) -> None:
        """Find the server."""
        settings = self.probe.assignment.settings
        assert isinstance(settings, TlsSettings)
        self.settings = settings
        self.go(ascii_host(settings.host), settings.port, None, "")

    def reach(self, port: int, context: object, name: str) -> None:  # noqa: ARG002
        """The address is admitted: look at it."""
        self._look(self.address, self.settings.mode == "full", self._surveyed)

    def nameless(self, now_ns: int) -> None:
        """The name has no address."""
        self.end(self._evidence({"outcome": "dns", "reason": "no such name"}), now_ns)

    def concluded(self, failure: Failure, now_ns: int) -> TlsEvidence:  # noqa: ARG002
        """Before any visit."""
        return self._evidence({"outcome": failure.outcome, "reason": failure.reason or None})

    def expire(self, now_ns: int) -> None:
        """The time is up: of the wait for a turn, or of the survey."""
        visit = self.visit
        if visit is None and self.seen:  # while further addresses were sought
            self.end(self._evidence(self.seen), now_ns)
        elif visit is None:
            super().expire(now_ns)
        elif visit.connections == 0:
            message = f"too many surveys wait for {self.address}: raise per_minute or at_once"
            self.end(Fault(kind=FaultKind.OVERLOAD, message=message), now_ns)
        else:
            visit.cut()

    def release(self) -> None:
        """See `Attempt`."""
        visit, self.visit = self.visit, None
        if visit is not None:
            self.hall.visits.discard(visit)
            visit.forget()
        super().release()

    def _look(self, address: str, full: bool, then: Then) -> None:
        """Survey an address; `then` gets the findings."""
        settings = self.settings
        budget_us = settings.full_timeout if full else settings.timeout
        wishes = wishes_of(settings, full)

        def begun(now_ns: int) -> None:
            self.postpone(now_ns + budget_us * 1_000)

        def ended(visit: Visit, fault: Fault | None) -> None:
            self.visit = None
            self.hall.visits.discard(visit)
            self.connections += visit.connections
            if not self.times:
                self.times = {"connect_us": visit.connect_us, "handshake_us": visit.handshake_us}
            try:
                if fault is not None:
                    self.end(fault)
                else:
                    then(visit, wishes)
            except Exception as error:  # noqa: BLE001 - a probe's boundary
                self.end(internal(error))

        now_ns = self.desk.net.boottime_ns()
        self.phase = "tls"
        self.postpone(now_ns + WAIT_NS)
        self.visit = visit = Visit(
            self.hall.ground,
            self.hall.doors.of(address),
            Survey(wishes, curve_of),
            (address, settings.port),
            (settings.at_once, settings.per_minute, budget_us),
            begun,
            ended,
        )
        self.hall.visits.add(visit)
        visit.start(now_ns)

    def _surveyed(self, visit: Visit, wishes: Wishes) -> None:
        """The first visit, or the full one after it, is over."""
        fields = self._fields(visit.survey.found, wishes)
        if not self.seen or fields["outcome"] == "ok":
            certain = {name: value for name, value in fields.items() if value is not None}
            self.seen = {**self.seen, **certain}
        changes, assignment = self.hall.changes, self.probe.assignment
        if wishes.full or self.seen["outcome"] != "ok" or not visit.in_time:
            self._compare()
        elif changes.worth_detail(assignment, self.seen):
            self._look(self.address, True, self._surveyed)
        else:
            self._compare()

    def _compare(self) -> None:
        """Look at the other addresses too, where that is wished."""
        if self.settings.addresses == "first" or self.seen["outcome"] != "ok":
            self.end(self._evidence(self.seen))
            return
        self.seen["addresses_differ"] = ()
        host = ascii_host(self.settings.host)
        self.desk.net.resolver.lookup(host, literal_family(self.address), self._found_others)

    def _found_others(self, answer: Sequence[str] | Fault) -> None:
        if self.done is None:
            return
        if isinstance(answer, Fault):
            self.end(answer)
            return
        fit = [one for one in answer if one != self.address]
        admitted = [one for one in fit if self.desk.net.scope.refusal(one) is None]
        self.others = admitted[: MOST_ADDRESSES - 1]
        self._next_other()

    def _next_other(self) -> None:
        if not self.others:
            self.end(self._evidence(self.seen))
            return
        address = self.others.pop(0)

        def then(visit: Visit, wishes: Wishes) -> None:
            fields = self._fields(visit.survey.found, wishes)
            told = tuple(f"{address}: {name}" for name in differing(self.seen, fields))
            self.seen["addresses_differ"] = (*self.seen["addresses_differ"], *told)
            self._next_other()

        self._look(address, False, then)

    def _fields(self, found: Findings, wishes: Wishes) -> dict[str, Any]:
        fields = fields_of(found, wishes)
        if found.chain is None:
            return fields
        own, system = self.desk.net.ca_file, trust.system_bundle()
        return fields | certificate_facts(
            found.chain,
            name=self.settings.asked_name,
            roots=roots_of((system,)) if system else None,
            own_roots=roots_of((own,)) if own else None,
            now=datetime.fromtimestamp(self.desk.net.wall_us() // 1_000_000, UTC),
            ocsp=found.ocsp,
            scts_by_handshake=found.scts,
            staple_asked=not found.frail,
        )

    def _evidence(self, fields: dict[str, Any]) -> TlsEvidence:
        return TlsEvidence.of(
            **fields,
            **self.times,
            connections=self.connections or None,
            observed_at_us=self.desk.net.wall_us(),
            server_address=self.address or None,
            server_name=self.settings.asked_name,
        )


class TlsProber(ConnectionProber):
    """The prober of this check. See `checks.base.Prober`."""

    def __init__(self, net: Net) -> None:
        super().__init__(net, self._attempt_of, needs_roots=True)
        self._hall = Hall(self._desk)

    def _attempt_of(self, desk: Desk, probe: Probe, done: Done) -> TlsAttempt:
        return TlsAttempt(desk, probe, done, self._hall)

    def tick(self) -> None:
        """Expire what is due, questions before probes."""
        self._hall.tick(self._desk.net.boottime_ns())
        super().tick()


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return TlsProber(net)


def from_url(url: SplitResult) -> TlsSettings:
    """Settings of `tls://host:port`, port 443 if it is left out."""
    if url.hostname is None or url.path not in ("", "/") or url.query:
        raise ValueError("write tls://host or tls://host:port")
    return TlsSettings(host=url.hostname, port=443 if url.port is None else url.port)


def families(settings: Settings) -> tuple[Family, ...]:
    """A literal's own family, both of a name."""
    assert isinstance(settings, TlsSettings)
    return families_of(settings.host)


KIND = CheckKind(
    name="tls",
    settings=TlsSettings,
    evidence=TlsEvidence,
    prober=prober,
    available='evidence.outcome == "ok"',
    from_url=from_url,
    families=families,
    needing=needing,
    full=in_full,
)
