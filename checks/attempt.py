"""What the probes over a TCP connection share: their prober, and the life of one attempt.

resolve → ask the scope → connect → (TLS) → the check's own exchange, under one deadline. Each
attempt ends exactly once, with evidence or with a fault.
"""

import ssl
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from checks import trust
from checks.address import locate
from checks.base import Done, Evidence, Net, Outcome, Probe
from checks.connection import Connection, internal
from checks.deadline import Deadlines
from checks.failure import Failure
from checks.poller import Poller
from monitor.model import Fault, FaultKind


class Desk:
    """What the attempts of one prober have in common."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self.poller = Poller(net.boottime_ns)
        self.deadlines: Deadlines[Attempt] = Deadlines()
        self.counts: Counter[str] = Counter()
        self._contexts: dict[bool, ssl.SSLContext] = {}

    def context(self, verify: bool) -> ssl.SSLContext | Fault:
        """The context of TLS, made at its first use and then shared; a fault is tried again."""
        if verify not in self._contexts:
            made = trust.verifying_context(self.net.ca_file) if verify else trust.looking_context()
            if isinstance(made, Fault):
                return made
            self._contexts[verify] = made
        return self._contexts[verify]


class Attempt:
    """One probe under way; a check derives its own exchange and its evidence from it.

    The parts of a check: `begin_exchange` (go to the first place), the steps of
    `connection.Owner`, `nameless` (the name has no address) and `failed`.
    """

    __slots__ = ("address", "connection", "deadline_ns", "desk", "done", "phase", "probe", "since")

    def __init__(self, desk: Desk, probe: Probe, done: Done) -> None:
        self.desk = desk
        self.probe = probe
        self.done: Done | None = done
        self.connection: Connection | None = None
        self.address = ""
        self.phase = "resolve"
        self.since = desk.net.boottime_ns()
        self.deadline_ns = self.since + probe.assignment.settings.timeout * 1_000

    def begin_exchange(self) -> None:
        """Start; called once, right after the attempt was made."""
        raise NotImplementedError

    def nameless(self, now_ns: int) -> None:
        """The name has no address of any family."""
        raise NotImplementedError

    def connected(self, now_ns: int) -> None:
        """See `connection.Owner`."""
        raise NotImplementedError

    def secured(self, now_ns: int) -> None:
        """See `connection.Owner`."""
        raise NotImplementedError

    def received(self, chunk: bytes, now_ns: int) -> None:
        """See `connection.Owner`."""
        raise NotImplementedError

    def concluded(self, failure: Failure, now_ns: int) -> Evidence:
        """The evidence of an exchange that failed."""
        raise NotImplementedError

    def located(self, now_ns: int) -> None:
        """The address is known and the SYN is about to leave; a check may take the time."""

    def refused(self, fault: Fault) -> Evidence | Fault:
        """A fault while the address was sought; a check may know that it is evidence."""
        return fault

    def go(self, host: str, port: int, context: ssl.SSLContext | None, name: str) -> None:
        """Resolve and connect; the steps of the check follow."""
        self.phase = "resolve"

        def found(answer: str | Fault | None) -> None:
            if self.done is None:
                return
            try:
                self._found(answer, port, context, name)
            except Exception as error:  # noqa: BLE001 - a probe's boundary
                self.end(internal(error))

        locate(self.desk.net, host, self.probe.assignment.family, found)

    def _found(
        self, answer: str | Fault | None, port: int, context: ssl.SSLContext | None, name: str
    ) -> None:
        now_ns = self.desk.net.boottime_ns()
        if answer is None:
            self.nameless(now_ns)
        elif isinstance(answer, Fault):
            self.end(self.refused(answer))
        else:
            self.address = answer
            self.phase = "connect"
            self.located(now_ns)
            if self.done is None:
                return  # the check knows enough without a connection
            self.reach(port, context, name)

    def reach(self, port: int, context: ssl.SSLContext | None, name: str) -> None:
        """The address is admitted: connect to it. A check of several connections has its own."""
        self.connection = Connection(self.desk.poller, self, context, name)
        why = self.connection.open(self.address, port)
        if why is not None:
            self.failed(why, self.desk.net.boottime_ns())

    def failed(self, why: Failure | Fault, now_ns: int) -> None:
        """See `connection.Owner`."""
        self.end(why if isinstance(why, Fault) else self.concluded(why, now_ns), now_ns)

    def expire(self, now_ns: int) -> None:
        """The deadline has passed: silence of the peer, or of the agent's own resolvers."""
        if self.phase == "resolve":
            self.end(
                Fault(kind=FaultKind.RESOLVER, message="no answer from the resolvers in time"),
                now_ns,
            )
        else:
            self.desk.counts["timeouts"] += 1
            self.failed(Failure(outcome="timeout", reason=self.phase), now_ns)

    def postpone(self, at_ns: int) -> None:
        """Let the attempt end at this moment (boot time) instead."""
        self.desk.deadlines.lift(self, self.deadline_ns)
        self.deadline_ns = at_ns
        self.desk.deadlines.set(self, at_ns)

    def abandon(self) -> None:
        """Forget it: nothing is told any more."""
        self.done = None
        self.release()

    def end(self, result: Evidence | Fault, now_ns: int | None = None) -> None:
        """Tell the result, once; later calls do nothing."""
        done, self.done = self.done, None
        if done is None:
            return
        self.release()
        elapsed = (now_ns or self.desk.net.boottime_ns()) - self.since
        fault = result if isinstance(result, Fault) else None
        if fault is not None:
            self.desk.counts["defects" if fault.kind is FaultKind.INTERNAL else "faults"] += 1
        outcome = Outcome(
            started_ns=self.since,
            elapsed_us=max(0, elapsed // 1_000),
            evidence=None if isinstance(result, Fault) else result,
            fault=fault,
        )
        done(self.probe.slot, outcome)

    def release(self) -> None:
        """Let go of whatever the attempt holds."""
        self.desk.deadlines.lift(self, self.deadline_ns)
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()


class ConnectionProber:
    """The prober of every check whose probe is an `Attempt`. See `checks.base.Prober`."""

    def __init__(
        self, net: Net, attempt: Callable[[Desk, Probe, Done], Attempt], *, needs_roots: bool
    ) -> None:
        self._desk = Desk(net)
        self._attempt = attempt
        self._needs_roots = needs_roots

    def begin(self, batch: Sequence[Probe], done: Done) -> None:
        """Start every probe; one that cannot even start is told at once."""
        for probe in batch:
            attempt = self._attempt(self._desk, probe, done)
            self._desk.deadlines.set(attempt, attempt.deadline_ns)
            try:
                attempt.begin_exchange()
            except Exception as error:  # noqa: BLE001 - a probe's boundary
                attempt.end(internal(error))

    def tick(self) -> None:
        """Expire what is due."""
        self._desk.deadlines.tick(self._desk.net.boottime_ns())

    def counters(self) -> Mapping[str, int]:
        """timeouts, faults and defects since the start."""
        return dict(self._desk.counts)

    def notes(self) -> Sequence[str]:
        """Trust cannot be judged on a host without roots."""
        lacking = self._needs_roots and not trust.bundles(self._desk.net.ca_file)
        return ("checks.no-roots",) if lacking else ()

    async def close(self) -> None:
        """Close every socket; nothing under way is told."""
        for attempt in self._desk.deadlines.clear():
            attempt.abandon()
        self._desk.poller.close()
