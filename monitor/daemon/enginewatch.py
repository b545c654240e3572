"""The daemon's side of the engine: what it had to leave out, and whether it goes on."""

from collections.abc import Callable

from monitor.clock import Clock
from monitor.daemon.recorder import Recorder
from monitor.engine.runner import Runner

_LOSSES = ("skipped", "paused", "lost", "prober_errors", "doubled")
_STILL_NS = 5_000_000_000
"""Without one step of the engine for so long, while the loop goes on, it counts as dead: a tick is
at most 1 s."""


class EngineStoppedError(RuntimeError):
    """The engine's timer died of an exception; the loop itself goes on."""


class EngineWatch:
    """Asked once a second, on the loop."""

    def __init__(
        self,
        runner: Runner,
        recorder: Recorder,
        clock: Clock,
        fail: Callable[[BaseException], None],
    ) -> None:
        """`fail` hears of an engine that stopped."""
        self._runner, self._recorder, self._clock, self._fail = runner, recorder, clock, fail
        self._counted: dict[str, int] = {}
        self._progress = -1
        self._moved_ns = clock.boottime_ns()

    def count_losses(self) -> None:
        """What the engine had to leave out becomes an entry."""
        counters = self._runner.counters()
        for name in _LOSSES:
            more = counters[name] - self._counted.get(name, 0)
            if more:
                self._recorder.accumulator.lose(name, more)
        self._counted = dict(counters)

    def moved(self) -> bool:
        """Whether the engine made a step since the last time this was asked."""
        progress, now_ns = self._runner.progress(), self._clock.boottime_ns()
        if progress == self._progress:
            if now_ns - self._moved_ns > _STILL_NS:
                self._fail(EngineStoppedError(f"no step of the engine in {_STILL_NS // 10**9} s"))
            return False
        self._progress, self._moved_ns = progress, now_ns
        return True
