"""Ten numbered echo requests a second to one address, and the looks at the way there.

Both probe only what the scope admits at that moment: each probe asks anew.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable, Mapping

from checks.base import Assignment, Evidence, Outcome, Probe, Prober
from checks.icmp import IcmpEvidence, IcmpSettings
from checks.table import KINDS
from monitor.clock import Clock
from monitor.daemon.net import family_of
from monitor.drill import SPACING_US, TIMEOUT_US, Fate, PathSeen, Singleton
from monitor.drill_record import MOST_PATHS, MOST_ROUTERS, ROUTER_CHARACTERS
from monitor.model import FaultKind

PATH_CHECK = "path"
PATH_S = 30.0
"""A look at the way that takes longer is given up."""
LOOK_EVERY_US = 10_000_000
LOOK_SOON_US = 1_000_000
"""Two looks begin at least so far apart."""
_slots = itertools.count(1 << 41)
"""Far from the engine's tokens and those of on-demand checks: a prober may keep all by slot."""


class NumberedSample:
    """Sends singleton `n` when `n * SPACING_US` have passed, without drift and never in a burst.

    A number whose time passed while the loop was held up is unmeasured, and so is one that could
    not leave this host. The prober is the sample's own: nobody else ticks it.
    """

    def __init__(self, prober: Prober, address: str, clock: Clock) -> None:
        self._prober, self._clock = prober, clock
        settings = IcmpSettings(address=address, count=1, timeout=TIMEOUT_US)
        self._assignment = Assignment(
            target=address, check="icmp", family=family_of(address), settings=settings
        )
        self._seen: dict[int, Singleton] = {}
        self._next = 0
        self._origin_ns: int | None = None
        self.faults: Counter[str] = Counter()
        """Why singletons are unmeasured, by the kind of fault."""
        self.counts: Counter[Fate] = Counter()
        self._calm_since_us = 0
        self._newest = {Fate.ANSWERED: -1, Fate.LOST: -1}
        self.recovered = False
        """Whether an answer came after a loss, since this was last set to False."""

    async def warm_up(self, longest_s: float) -> None:
        """One request without a number, so that the socket is open and stamping when it begins."""
        over = asyncio.Event()
        self._prober.begin([Probe(-1, self._assignment)], lambda _slot, _outcome: over.set())
        for _ in range(int(longest_s / 0.01)):
            self._prober.tick()
            if over.is_set():
                return
            await asyncio.sleep(0.01)

    def start(self) -> int:
        """Number 0 is due now; this moment of the boot clock."""
        self._origin_ns = origin_ns = self._clock.boottime_ns()
        return origin_ns

    @property
    def passed_us(self) -> int:
        """Since the start; 0 before it."""
        return self._since_us(self._clock.boottime_ns())

    @property
    def calm_us(self) -> int:
        """How long every singleton was answered, up to the newest answer; 0 while none is."""
        newest = self._seen.get(self._newest[Fate.ANSWERED])
        return 0 if newest is None else max(0, newest.sent_us - self._calm_since_us)

    @property
    def silent_us(self) -> int:
        """How long ago the newest answered singleton was sent; since the start without any."""
        newest = self._seen.get(self._newest[Fate.ANSWERED])
        return self.passed_us - (newest.sent_us if newest else 0)

    @property
    def waiting(self) -> bool:
        """Whether a singleton has no fate yet."""
        return len(self._seen) < self._next

    def step(self, *, sending: bool = True) -> None:
        """Send what is due, take in what came."""
        now = self.passed_us // SPACING_US
        if sending and now >= self._next:
            for missed in range(self._next, now):
                self._unmeasured(missed, "late")
            self._next = now + 1
            self._prober.begin([Probe(now, self._assignment)], self._done)
        self._prober.tick()

    def end(self) -> tuple[Singleton, ...]:
        """Every singleton in order; one whose answer was not waited for is unmeasured."""
        for number in range(self._next):
            if number not in self._seen:
                self._unmeasured(number, "unawaited")
        return tuple(self._seen[number] for number in range(self._next))

    def _done(self, number: int, outcome: Outcome) -> None:
        if number in self._seen:  # its time was given up
            return
        evidence = outcome.evidence
        if not isinstance(evidence, IcmpEvidence) or len(evidence.delays_us) != 1:
            self._unmeasured(number, outcome.fault.kind.value if outcome.fault else "internal")
            return
        delay_us = evidence.delays_us[0]
        sent_us = self._since_us(outcome.started_ns)
        fate = Fate.LOST if delay_us is None else Fate.ANSWERED
        self._keep(Singleton(number=number, sent_us=sent_us, fate=fate, delay_us=delay_us))

    def _since_us(self, boottime_ns: int) -> int:
        return 0 if self._origin_ns is None else (boottime_ns - self._origin_ns) // 1_000

    def _unmeasured(self, number: int, why: str) -> None:
        self.faults[why] += 1
        self._keep(Singleton(number=number, sent_us=number * SPACING_US, fate=Fate.UNMEASURED))

    def _keep(self, one: Singleton) -> None:
        self._seen[one.number] = one
        self.counts[one.fate] += 1
        if one.fate is not Fate.ANSWERED:
            self._calm_since_us = max(self._calm_since_us, one.sent_us + SPACING_US)
        if one.fate in self._newest:
            self._note_recovery(one)
            self._newest[one.fate] = max(self._newest[one.fate], one.number)

    def _note_recovery(self, one: Singleton) -> None:
        """A loss is known a timeout after it, often later than the answers that followed it."""
        answered, lost = self._newest[Fate.ANSWERED], self._newest[Fate.LOST]
        if one.fate is Fate.ANSWERED:
            self.recovered |= answered < lost < one.number
        else:
            self.recovered |= one.number < answered


class PathLooks:
    """Looks at the way one after the other: when asked, and every so often.

    Without a check of paths in the table there is no look, and nothing is said of the path.
    """

    def __init__(
        self, probers: Mapping[str, Prober], address: str, passed_us: Callable[[], int]
    ) -> None:
        self._prober = probers.get(PATH_CHECK)
        self._address, self._passed_us = address, passed_us
        self._task: asyncio.Task[None] | None = None
        self._begun_us = 0
        self._wished = False
        self.paths: list[PathSeen] = []

    async def look(self) -> None:
        """One look from now on, to its end."""
        if self._task is not None:
            await asyncio.wait([self._task])
        self._start(self._passed_us())
        if self._task is not None:
            await asyncio.wait([self._task])

    def wish(self) -> None:
        """A look soon."""
        self._wished = True

    def step(self) -> None:
        """Begin a look where one is due and none is under way."""
        now_us = self._passed_us()
        pause_us = LOOK_SOON_US if self._wished else LOOK_EVERY_US
        if now_us - self._begun_us >= pause_us and (self._task is None or self._task.done()):
            self._start(now_us)

    async def close(self) -> None:
        """A look under way is forgotten."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _start(self, now_us: int) -> None:
        self._begun_us, self._wished = now_us, False
        if self._prober is not None and len(self.paths) < MOST_PATHS:
            self._task = asyncio.create_task(self._one(self._prober, now_us))

    async def _one(self, prober: Prober, at_us: int) -> None:
        found: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(_slot: int, outcome: Outcome) -> None:
            if not found.done():  # it was given up, or forgotten
                found.set_result(outcome)

        try:
            kind = KINDS[PATH_CHECK]
            settings = kind.settings(address=self._address)  # type: ignore[call-arg]
            assignment = Assignment(
                target=self._address,
                check=PATH_CHECK,
                family=kind.families(settings)[0],
                settings=settings,
            )
            prober.begin([Probe(next(_slots), assignment)], done)
            outcome = await asyncio.wait_for(found, PATH_S)
        except TimeoutError:
            self.paths.append(PathSeen(at_us=at_us, routers=None, fault=FaultKind.OVERLOAD.value))
        except Exception:  # noqa: BLE001 - a prober is a supervised boundary
            self.paths.append(PathSeen(at_us=at_us, routers=None, fault=FaultKind.INTERNAL.value))
        else:
            self.paths.append(_path_of(at_us, outcome))


def _path_of(at_us: int, outcome: Outcome) -> PathSeen:
    """What a look found, within bounds: what the way answers is not ours to trust."""
    evidence: Evidence | None = outcome.evidence
    if evidence is None:
        why = outcome.fault.kind.value if outcome.fault else FaultKind.INTERNAL.value
        return PathSeen(at_us=at_us, routers=None, fault=why)
    routers = evidence.facts().get("routers")
    if not isinstance(routers, list):
        return PathSeen(at_us=at_us, routers=None)
    kept = tuple(str(one)[:ROUTER_CHARACTERS] for one in routers[:MOST_ROUTERS])
    return PathSeen(at_us=at_us, routers=kept)
