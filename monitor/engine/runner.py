"""The engine's heart: each tick, what is due begins, what is under way goes on.

One plain function, `step`, does everything and never waits; `start` calls it from one timer of
the loop. There is no task, thread or timer for a probe.

Rules kept here
1. Every round of an assignment gives exactly one result, or is counted: skipped (the engine was
   held up for more than an interval), paused, or withdrawn by a reload.
2. A round that found no room before the next one is OVERLOAD: unobserved, never held against a
   target. A probe that was asked for out of turn stands for the round that comes meanwhile.
3. A prober that raises, or loses a probe, costs that probe (INTERNAL), never the engine.
4. Results are handed over at the end of a step, in the order of their ends. What `results` raises
   is not caught: it stops the timer, `progress` stands still, and the watchdog sees it.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from checks.base import Assignment, Outcome, Probe, Prober, Settings
from monitor.clock import Clock
from monitor.engine.inflight import Entry, Inflight, network_of
from monitor.engine.lateness import LatenessLog
from monitor.engine.schedule import Schedule
from monitor.model import Family, Fault, FaultKind

_LOG = logging.getLogger(__name__)
_CALM_PER_S = 500
"""Below so many probes a second wake-ups cost more than probes: the tick may be longer."""
_CALM_TICKS = 5
_CALM_ROUND = 5
"""Ticks that fit into the shortest interval at least, so that no round is held up by another."""
_LOST_ROUNDS = 3
_LOST_NS = 60_000_000_000
"""A probe that has not ended after three intervals and a minute never will."""


class Result(NamedTuple):
    """What one round of one assignment came to. `slot` is its place in the present assignments."""

    slot: int
    assignment: Assignment
    due_ns: int
    outcome: Outcome


@runtime_checkable
class Paced(Protocol):
    """A prober that bounds the length of a tick."""

    def pace_ns(self) -> int:
        """The longest tick that loses nothing and holds up nothing, by what is under way now."""
        ...


class _Series(NamedTuple):
    target: str
    check: str
    family: Family


class _Started(NamedTuple):
    series: int
    assignment: Assignment
    due_ns: int
    begun_ns: int


class Runner:
    """See the module. Slots are places in the sequence of assignments last given."""

    def __init__(
        self,
        assignments: Sequence[Assignment],
        probers: Mapping[str, Prober],
        clock: Clock,
        tick_ms: int,
        results: Callable[[Result], None],
        *,
        per_network: int = 256,
        in_flight: int = 16_384,
    ) -> None:
        self._probers, self._clock, self._results = dict(probers), clock, results
        self._paced = [prober for prober in self._probers.values() if isinstance(prober, Paced)]
        self._tick_ns = tick_ms * 1_000_000
        self._inflight = Inflight(per_network=per_network, total=in_flight)
        self._tally: Counter[str] = Counter()
        self._series: dict[_Series, int] = {}
        self._started: dict[int, _Started] = {}
        self._token_of: dict[int, int] = {}
        self._due: dict[int, int] = {}
        self._requested: set[int] = set()
        self._asked: set[int] = set()
        """Waiting or under way out of turn, and standing for no round yet."""
        self._ended: list[tuple[int, _Started, Outcome]] = []
        self._tokens = self._steps = 0
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self.lateness = LatenessLog()
        """Of each start against its due time."""
        self.tick_lateness = LatenessLog()
        """Of each tick against its plan."""
        now_ns = clock.boottime_ns()
        self._seen_ns = now_ns - 1
        self._adopt(assignments, Schedule(assignments, now_ns))

    @property
    def under_way(self) -> int:
        """Probes begun that have not ended."""
        return len(self._started)

    @property
    def waiting(self) -> int:
        """Probes due that find no room yet."""
        return self._inflight.waiting

    def progress(self) -> int:
        """Grows with every step: what the watchdog looks at."""
        return self._steps

    def counters(self) -> Mapping[str, int]:
        """What was lost or odd since start, by name; every name is always there."""
        names = ("skipped", "paused", "overload", "internal", "lost", "withdrawn", "doubled")
        return {name: self._tally[name] for name in (*names, "prober_errors", "missed_ticks")}

    def pause(self, paused: bool = True) -> None:
        """Begin nothing from now on (probes under way go on), or begin again."""
        self._paused = paused

    def request(self, slot: int) -> None:
        """Probe this slot at the next step, whatever its phase; one under way already will do."""
        self._requested.add(self._id_of[slot])

    def replace(self, assignments: Sequence[Assignment]) -> None:
        """Go on with other assignments (a reload). Probes under way end as they began.

        A group whose members stay keeps its times. A series whose new phase would leave a gap of
        more than 1¼ intervals since its last round is probed at the next step.
        """
        now_ns = self._seen_ns
        old_last = dict(zip(self._id_of, self._schedule.last_due(now_ns).tolist(), strict=True))
        self._adopt(assignments, Schedule(assignments, self._schedule.origin_ns))
        following = self._schedule.next_due(now_ns).tolist()
        for series, assignment, following_ns in zip(
            self._id_of, assignments, following, strict=True
        ):
            last_ns = old_last.get(series, -1)
            if last_ns >= 0 and following_ns - last_ns > assignment.settings.interval * 1_250:
                self._requested.add(series)

    def step(self, now_ns: int) -> bool:
        """Do what is due at `now_ns` (boot time); whether anything began or ended."""
        self._steps += 1
        begun = self._tokens
        self._take_due(now_ns)
        self._begin_admitted(now_ns)
        for name, prober in self._probers.items():
            try:
                prober.tick()
            except Exception as error:  # noqa: BLE001 - a prober is a supervised boundary
                self._blame(name, error)
        ended = self._hand_over()
        return ended or self._tokens != begun

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Call `step` every tick from now on; shorter ticks where a prober wants them."""
        self._tick_at(loop, loop.time())

    async def close(self) -> None:
        """Stop the timer and the probers; probes under way are forgotten."""
        if self._timer is not None:
            self._timer.cancel()
        for prober in self._probers.values():
            await prober.close()

    def _tick_at(self, loop: asyncio.AbstractEventLoop, planned: float) -> None:
        self._timer = loop.call_at(planned, self._on_tick, loop, planned)

    def _on_tick(self, loop: asyncio.AbstractEventLoop, planned: float) -> None:
        late_ns = int((loop.time() - planned) * 1e9)
        now_ns = self._clock.boottime_ns()
        self.tick_lateness.add(np.array([late_ns]), now_ns)
        self.step(now_ns)
        tick_s = self._pace_ns() / 1e9
        # The plan goes on from the plan, not from now: no drift. Ticks missed are not made up.
        missed = max(0, int((loop.time() - planned) / tick_s))
        self._tally["missed_ticks"] += missed
        self._tick_at(loop, planned + (missed + 1) * tick_s)

    def _pace_ns(self) -> int:
        return max(1_000_000, min((self._calm_ns, *(p.pace_ns() for p in self._paced))))

    def _adopt(self, assignments: Sequence[Assignment], schedule: Schedule) -> None:
        keys = [_Series(a.target, a.check, a.family) for a in assignments]
        self._assignments, self._schedule = list(assignments), schedule
        self._id_of = [self._series.setdefault(key, len(self._series)) for key in keys]
        self._slot_of = {series: slot for slot, series in enumerate(self._id_of)}
        self._networks = [network_of(assignment) for assignment in assignments]
        self._calm_ns = calm_ns(assignments, self._tick_ns)

    def _take_due(self, now_ns: int) -> None:
        due = self._schedule.due(self._seen_ns, now_ns)
        self._seen_ns = max(self._seen_ns, now_ns)
        if self._paused:
            self._tally["paused"] += len(due.slots) + due.skipped
            return
        self._tally["skipped"] += due.skipped
        for slot, due_ns in zip(due.slots.tolist(), due.due_ns.tolist(), strict=True):
            self._enter(slot, due_ns, now_ns)
        requested, self._requested = self._requested, set()
        for series in requested & self._slot_of.keys():
            slot = self._slot_of[series]
            if self._inflight.enter(series, self._networks[slot]) is Entry.QUEUED:
                self._due[series] = now_ns
                self._asked.add(series)

    def _enter(self, slot: int, due_ns: int, now_ns: int) -> None:
        """One scheduled round: it waits for room, or costs itself or the round before it."""
        series = self._id_of[slot]
        entry = self._inflight.enter(series, self._networks[slot])
        if entry is Entry.BUSY and self._lose(series, now_ns):
            entry = self._inflight.enter(series, self._networks[slot])
        if entry is not Entry.QUEUED and series in self._asked:
            self._stand_for(series, due_ns)
            return
        if entry is Entry.BUSY:
            self._overload(slot, due_ns, "the probe before it is still under way")
            return
        if entry is Entry.REPLACED:
            self._overload(slot, self._due[series], "it found no room for a whole interval")
        self._due[series] = due_ns

    def _stand_for(self, series: int, due_ns: int) -> None:
        """The probe out of turn is this round's; the agent is not short of anything."""
        self._asked.remove(series)
        token = self._token_of.get(series)
        if token is None:
            self._due[series] = due_ns
        else:
            self._started[token] = self._started[token]._replace(due_ns=due_ns)

    def _overload(self, slot: int, due_ns: int, why: str) -> None:
        self._tally["overload"] += 1
        fault = Fault(kind=FaultKind.OVERLOAD, message=f"the probe was skipped: {why}")
        started = _Started(self._id_of[slot], self._assignments[slot], due_ns, due_ns)
        self._ended.append((started.series, started, _unmeasured(due_ns, fault)))

    def _lose(self, series: int, now_ns: int) -> bool:
        """Give up a probe that its prober has forgotten; whether it was one."""
        started = self._started[self._token_of[series]]
        patience_ns = started.assignment.settings.interval * 1_000 * _LOST_ROUNDS + _LOST_NS
        if now_ns - started.begun_ns < patience_ns:
            return False
        self._tally["lost"] += 1
        fault = Fault(kind=FaultKind.INTERNAL, message="the probe never ended")
        self._done(self._token_of[series], _unmeasured(started.begun_ns, fault))
        return True

    def _begin_admitted(self, now_ns: int) -> None:
        batches: dict[str, list[Probe]] = {}
        late: list[int] = []
        for series in self._inflight.admitted():
            slot, due_ns = self._slot_of.get(series), self._due.pop(series)
            if slot is None:
                self._inflight.finish(series)
                self._asked.discard(series)
                self._tally["withdrawn"] += 1
                continue
            assignment = self._assignments[slot]
            self._tokens += 1
            self._started[self._tokens] = _Started(series, assignment, due_ns, now_ns)
            self._token_of[series] = self._tokens
            batches.setdefault(assignment.check, []).append(Probe(self._tokens, assignment))
            late.append(now_ns - due_ns)
        self.lateness.add(np.array(late, np.int64), now_ns)
        for name, batch in batches.items():
            self._begin(name, batch)

    def _begin(self, name: str, batch: list[Probe]) -> None:
        try:
            self._probers[name].begin(batch, self._done)
        except Exception as error:  # noqa: BLE001 - a prober is a supervised boundary
            self._blame(name, error)
            fault = Fault(kind=FaultKind.INTERNAL, message=f"the {name} prober failed: {error!r}")
            for probe in batch:
                if probe.slot in self._started:
                    self._tally["internal"] += 1
                    begun_ns = self._started[probe.slot].begun_ns
                    self._done(probe.slot, _unmeasured(begun_ns, fault))

    def _done(self, token: int, outcome: Outcome) -> None:
        """`checks.base.Done`: a probe has ended. A second end of the same probe is counted."""
        started = self._started.pop(token, None)
        if started is None:
            self._tally["doubled"] += 1
            return
        del self._token_of[started.series]
        self._inflight.finish(started.series)
        self._asked.discard(started.series)
        self._ended.append((started.series, started, outcome))

    def _hand_over(self) -> bool:
        ended, self._ended = self._ended, []
        for series, started, outcome in ended:
            slot = self._slot_of.get(series)
            if slot is None:
                self._tally["withdrawn"] += 1
            else:
                self._results(Result(slot, started.assignment, started.due_ns, outcome))
        return bool(ended)

    def _blame(self, name: str, error: Exception) -> None:
        """Count a prober's defect; tell the log the 1st, 2nd, 4th, 8th … time."""
        self._tally["prober_errors"] += 1
        count = self._tally["prober_errors"]
        if count & (count - 1) == 0:
            _LOG.error("the %s prober failed (%d so far)", name, count, exc_info=error)


def calm_ns(assignments: Sequence[Assignment], tick_ns: int) -> int:
    """The longest tick that these assignments bear, `tick_ns` at least: longer while few are due.

    A round keeps its place in its interval, and the singletons of a sample their spacing; a probe
    that nobody answers is found to be over before the next round of its series is due.
    """
    per_s = sum(1e6 / assignment.settings.interval for assignment in assignments)
    if per_s >= _CALM_PER_S:
        return tick_ns
    rounds = [assignment.settings.interval // _CALM_ROUND for assignment in assignments]
    spacings = [getattr(a.settings, "spacing", 0) for a in assignments]
    steps = [spacing for spacing in spacings if spacing]
    rests = [rest // 2 for a in assignments if (rest := _rest_us(a.settings)) >= 0]
    bearable_ns = min((*rounds, *steps, *rests)) * 1_000 if assignments else tick_ns
    return max(tick_ns, min(_CALM_TICKS * tick_ns, bearable_ns))


def _rest_us(settings: Settings) -> int:
    """What is left of an interval after the longest probe; negative where none takes any time."""
    spaced = getattr(settings, "spacing", 0) * (getattr(settings, "count", 1) - 1)
    return settings.interval - settings.timeout - spaced


def _unmeasured(started_ns: int, fault: Fault) -> Outcome:
    return Outcome(started_ns=started_ns, elapsed_us=0, fault=fault)
