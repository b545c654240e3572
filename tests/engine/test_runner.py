"""The runner, stepped by hand with probers that a test controls."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.base import Assignment, Done, Outcome, Probe, Settings
from checks.icmp import IcmpSettings
from monitor.engine.runner import Result, Runner, calm_ns
from monitor.model import Family, Fault, FaultKind

_MS = 1_000_000
_GOOD = Outcome(started_ns=1, elapsed_us=1, fault=Fault(kind=FaultKind.CLOCK, message="stands in"))


class _Clock:
    now_ns = 1_000

    def wall_us(self) -> int:
        return self.now_ns // 1_000

    def boottime_ns(self) -> int:
        return self.now_ns

    def boot_id(self) -> str:
        return "boot"


class _Prober:
    """Keeps what began until it is told to end it."""

    def __init__(self) -> None:
        self.begun: list[tuple[Probe, Done]] = []
        self.raises_in_begin = self.raises_in_tick = self.closed = False
        self.ticks = 0

    def begin(self, batch: Sequence[Probe], done: Done) -> None:
        for probe in batch:
            self.begun.append((probe, done))
            if self.raises_in_begin:
                raise RuntimeError("begin")

    def tick(self) -> None:
        self.ticks += 1
        if self.raises_in_tick:
            raise RuntimeError("tick")

    def counters(self) -> dict[str, int]:
        return {}

    def notes(self) -> list[str]:
        return []

    async def close(self) -> None:
        self.closed = True

    def end_all(self) -> None:
        begun, self.begun = self.begun, []
        for probe, done in begun:
            done(probe.slot, _GOOD)


def _assignment(target: str, interval_ms: int = 1_000) -> Assignment:
    settings = Settings(interval=interval_ms * 1_000, timeout=1)
    return Assignment(target=target, check="fake", family=Family.NONE, settings=settings)


class _Engine:
    def __init__(self, names: str, **bounds: int) -> None:
        self.clock, self.prober, self.results = _Clock(), _Prober(), list[Result]()
        self.runner = Runner(
            [_assignment(name) for name in names],
            {"fake": self.prober},
            self.clock,
            50,
            self.results.append,
            **bounds,
        )

    def pass_ms(self, milliseconds: int, *, end: bool = True) -> bool:
        self.clock.now_ns += milliseconds * _MS
        worked = self.runner.step(self.clock.now_ns)
        if end:
            self.prober.end_all()
        return worked

    def flush(self) -> list[tuple[str, FaultKind]]:
        self.runner.step(self.clock.now_ns)
        found = [
            (r.assignment.target, r.outcome.fault.kind) for r in self.results if r.outcome.fault
        ]
        self.results.clear()
        return found


@given(st.lists(st.integers(1, 2_500), min_size=1, max_size=40))
def test_every_round_gives_a_result_or_is_counted(ticks_ms: list[int]) -> None:
    """Results, overloads and skipped rounds add up to the rounds of the schedule."""
    engine = _Engine("abc", per_network=1, in_flight=2)
    for number, tick in enumerate(ticks_ms):
        engine.pass_ms(tick, end=number % 3 == 0)
    engine.runner.pause()
    for _ in range(4):
        engine.prober.end_all()
        engine.pass_ms(0)
    elapsed = sum(ticks_ms) * _MS
    rounds = sum(
        (elapsed - p * 1_000 * _MS // 3) // (1_000 * _MS) + 1
        for p in range(3)
        if elapsed >= p * 1_000 * _MS // 3
    )
    assert len(engine.results) + engine.runner.counters()["skipped"] == rounds
    assert engine.runner.under_way == engine.runner.waiting == 0


def test_a_step_says_whether_there_was_work() -> None:
    """A step with nothing due and nothing ended is idle."""
    engine = _Engine("a")
    assert engine.pass_ms(0)
    assert engine.pass_ms(10)
    assert not engine.pass_ms(10)
    assert engine.runner.progress() == 3


def test_a_round_without_room_is_overload_not_silence() -> None:
    """A probe that waits a whole interval is replaced by the next round and told as OVERLOAD."""
    engine = _Engine("ab", in_flight=1)
    engine.pass_ms(0, end=False)
    engine.pass_ms(600, end=False)
    assert (engine.runner.under_way, engine.runner.waiting) == (1, 1)
    engine.pass_ms(1_000, end=False)
    assert engine.flush() == [("a", FaultKind.OVERLOAD), ("b", FaultKind.OVERLOAD)]
    assert engine.runner.counters()["overload"] == 2


def test_what_waited_is_probed_when_room_comes() -> None:
    """Ending one probe admits the next at the following step, and its lateness is counted."""
    engine = _Engine("ab", in_flight=1)
    engine.pass_ms(0, end=False)
    engine.pass_ms(600, end=True)
    engine.pass_ms(50, end=False)
    assert [probe.assignment.target for probe, _ in engine.prober.begun] == ["b"]
    assert engine.runner.lateness.total().max_ms == pytest.approx(150, abs=1)


def test_a_stall_is_skipped_rounds_not_a_burst() -> None:
    """After a stall of five intervals each target is probed once."""
    engine = _Engine("abcd")
    engine.pass_ms(0)
    engine.pass_ms(5_000, end=False)
    assert len(engine.prober.begun) == 4
    assert engine.runner.counters()["skipped"] == 16


def test_a_prober_that_raises_in_begin_costs_its_probes_only() -> None:
    """Each probe of the batch is told as INTERNAL, and later rounds go on."""
    engine = _Engine("ab")
    engine.prober.raises_in_begin = True
    engine.pass_ms(600, end=False)
    engine.prober.raises_in_begin = False
    engine.prober.begun.clear()
    assert sorted(engine.flush()) == [("a", FaultKind.INTERNAL), ("b", FaultKind.INTERNAL)]
    engine.pass_ms(1_000)
    assert [kind for _, kind in engine.flush()] == [FaultKind.CLOCK, FaultKind.CLOCK]
    assert engine.runner.counters()["prober_errors"] == 1


def test_a_prober_that_raises_in_tick_is_counted() -> None:
    """The engine goes on beside a prober whose tick fails."""
    engine = _Engine("a")
    engine.prober.raises_in_tick = True
    engine.pass_ms(0)
    engine.pass_ms(1_000)
    assert len(engine.flush()) == 2
    assert engine.runner.counters()["prober_errors"] == 3


def test_a_check_without_a_prober_is_an_internal_fault() -> None:
    """An assignment of a check that nobody runs is told, not dropped."""
    engine = _Engine("")
    stray = Assignment(target="x", check="none", family=Family.NONE, settings=Settings())
    engine.runner.replace([stray])
    engine.runner.request(0)
    engine.pass_ms(1)
    assert engine.flush() == [("x", FaultKind.INTERNAL)]


def test_a_second_end_is_counted_and_ignored() -> None:
    """A prober that ends a probe twice makes one result."""
    engine = _Engine("a")
    engine.pass_ms(0, end=False)
    (probe, done) = engine.prober.begun[0]
    done(probe.slot, _GOOD)
    done(probe.slot, _GOOD)
    assert len(engine.flush()) == 1
    assert engine.runner.counters()["doubled"] == 1


def test_a_forgotten_probe_is_given_up() -> None:
    """A probe that never ends is INTERNAL after three intervals and a minute, then probed again."""
    engine = _Engine("a")
    engine.pass_ms(0, end=False)
    for _ in range(63):
        engine.pass_ms(1_000, end=False)
    found = [kind for _, kind in engine.flush()]
    assert found.count(FaultKind.INTERNAL) == 1
    assert engine.runner.counters()["lost"] == 1
    assert engine.runner.under_way == 1


def test_a_request_probes_at_once_and_only_once() -> None:
    """A requested slot begins at the next step; asked for while under way, it is not doubled."""
    engine = _Engine("ab")
    engine.pass_ms(0)
    engine.runner.request(1)
    engine.pass_ms(10, end=False)
    engine.runner.request(1)
    engine.pass_ms(10, end=False)
    assert [probe.assignment.target for probe, _ in engine.prober.begun] == ["b"]


def test_a_probe_out_of_turn_stands_for_the_round_that_comes_meanwhile() -> None:
    """Nothing was short: the round has that probe's result and no OVERLOAD."""
    engine = _Engine("a")
    engine.pass_ms(0)
    engine.flush()
    engine.runner.request(0)
    engine.pass_ms(900, end=False)
    engine.pass_ms(200)
    assert engine.flush() == [("a", FaultKind.CLOCK)]
    assert engine.runner.counters()["overload"] == 0


def test_a_probe_out_of_turn_stands_for_one_round_only() -> None:
    """The second round that comes while it is under way found no room."""
    engine = _Engine("a")
    engine.pass_ms(0)
    engine.flush()
    engine.runner.request(0)
    engine.pass_ms(900, end=False)
    engine.pass_ms(200, end=False)
    engine.pass_ms(1_000)
    assert engine.flush() == [("a", FaultKind.OVERLOAD), ("a", FaultKind.CLOCK)]


def test_a_request_that_waits_stands_for_the_round_that_comes_meanwhile() -> None:
    """It found no room yet; the round does not count as lost and is probed when room comes."""
    engine = _Engine("ab", in_flight=1)
    engine.pass_ms(0, end=False)
    engine.runner.request(1)
    engine.pass_ms(100, end=False)
    engine.pass_ms(500, end=True)
    assert engine.flush() == [("a", FaultKind.CLOCK)]
    engine.pass_ms(50)
    assert engine.flush() == [("b", FaultKind.CLOCK)]
    assert engine.runner.counters()["overload"] == 0


def test_pause_begins_nothing_and_counts() -> None:
    """While paused rounds pass by, counted; afterwards they go on without a burst."""
    engine = _Engine("ab")
    engine.runner.pause()
    engine.pass_ms(3_000, end=False)
    assert not engine.prober.begun
    engine.runner.pause(False)
    engine.pass_ms(500, end=False)
    assert len(engine.prober.begun) == 1
    assert engine.runner.counters()["paused"] > 0


def test_a_reload_keeps_the_rhythm_and_the_slots() -> None:
    """After a reload results carry the new slots, and a removed target's late end is withdrawn."""
    engine = _Engine("abc")
    engine.pass_ms(900, end=False)
    engine.runner.replace([_assignment("c"), _assignment("a")])
    engine.prober.end_all()
    engine.runner.step(engine.clock.now_ns)
    assert sorted((r.slot, r.assignment.target) for r in engine.results) == [(0, "c"), (1, "a")]
    assert engine.runner.counters()["withdrawn"] == 1


def test_a_reload_that_moves_a_phase_leaves_no_gap() -> None:
    """A target whose new phase is far behind its old one is probed at once."""
    engine = _Engine("abcdefghij")
    engine.pass_ms(0)
    engine.pass_ms(995)
    engine.pass_ms(200)  # c (phase 200, last round at 200) is about to be due again
    engine.runner.replace([_assignment(name) for name in "abdefghijc"])
    engine.pass_ms(1, end=False)
    assert [probe.assignment.target for probe, _ in engine.prober.begun] == ["c"]


def test_an_unchanged_group_keeps_its_times_over_a_reload() -> None:
    """Adding a target with another interval moves nothing and repeats nothing."""
    engine = _Engine("ab")
    engine.pass_ms(0)
    engine.pass_ms(250)
    engine.runner.replace([_assignment("a"), _assignment("b"), _assignment("new", 60_000)])
    engine.pass_ms(240, end=False)
    assert not engine.prober.begun
    engine.pass_ms(10, end=False)
    assert [probe.assignment.target for probe, _ in engine.prober.begun] == ["b"]


def test_the_timer_steps_without_drift_and_stops() -> None:
    """On a loop the runner steps by itself, and `close` stops it and its probers."""

    async def scene() -> _Engine:
        engine = _Engine("a")
        reached = asyncio.Event()
        engine.runner = Runner([], {"fake": engine.prober}, engine.clock, 1, engine.results.append)
        tick = engine.prober.tick

        def counted() -> None:
            tick()
            if engine.prober.ticks >= 20:
                reached.set()

        engine.prober.tick = counted  # type: ignore[method-assign]
        engine.runner.start(asyncio.get_running_loop())
        await asyncio.wait_for(reached.wait(), 30)
        await engine.runner.close()
        return engine

    engine = asyncio.run(scene())
    assert engine.prober.closed
    assert engine.runner.tick_lateness.total().count >= 20


def test_a_prober_can_ask_for_shorter_ticks() -> None:
    """A prober whose buffers would overflow shortens the tick."""

    class _Hasty(_Prober):
        def pace_ns(self) -> int:
            return 3 * _MS

    runner = Runner([], {"fake": _Hasty()}, _Clock(), 50, lambda _: None)
    assert runner._pace_ns() == 3 * _MS


def test_a_calm_tick_is_longer_and_never_longer_than_rounds_and_spacings_bear() -> None:
    """Few probes: five ticks at most, a fifth of the shortest interval, the shortest spacing."""
    quiet = [_assignment("a", 60_000)]
    assert calm_ns([], 50 * _MS) == 50 * _MS
    assert calm_ns(quiet, 40 * _MS) == 200 * _MS
    assert calm_ns([*quiet, _assignment("b", 600)], 50 * _MS) == 120 * _MS
    assert calm_ns([*quiet, _assignment("b", 100)], 50 * _MS) == 50 * _MS
    spaced = IcmpSettings(address="192.0.2.1", spacing=100_000)
    sample = Assignment(target="c", check="icmp", family=Family.IPV4, settings=spaced)
    assert calm_ns([*quiet, sample], 50 * _MS) == 100 * _MS
    crowd = [_assignment(str(number), 1_000) for number in range(500)]
    assert calm_ns(crowd, 50 * _MS) == 50 * _MS


def test_a_probe_without_an_answer_is_over_before_its_next_round() -> None:
    """A calm tick of 200 ms would find a timeout of 850 ms at 1 s, with the next round due."""
    lone = IcmpSettings(address="192.0.2.1", count=1, interval=1_000_000, timeout=850_000)
    spaced = IcmpSettings(
        address="192.0.2.1", count=3, spacing=200_000, interval=1_000_000, timeout=470_000
    )
    for settings, bearable_ms in ((lone, 75), (spaced, 65)):
        one = Assignment(target="a", check="icmp", family=Family.IPV4, settings=settings)
        assert calm_ns([one], 50 * _MS) == bearable_ms * _MS
