"""One drill under way: probe, look at the way, tell, and stop for whatever must stop it."""

import asyncio
import hashlib
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from checks.base import Prober
from checks.table import KINDS
from monitor.config.configuration import Drill
from monitor.daemon.control import Listener
from monitor.daemon.drill_sample import NumberedSample, PathLooks
from monitor.daemon.drill_show import detail_of
from monitor.daemon.shared import Shared
from monitor.drill import TIMEOUT_US, Fate
from monitor.drill_record import to_record
from monitor.model import FaultKind, Kind, State

TICK_S = 0.01
TELL_US = 250_000
WARM_UP_S = 1.0
FIRST_LOOK_S = 31.0
LAST_LOOK_S = 10.0
MOST_LINKS = 64
UNAWAITED_S = 0.3
"""How long a stopping daemon waits for answers; every request has 3 s to end then."""


@dataclass(slots=True, kw_only=True)
class Running:
    """Ends, by `ended`: "complete" after its time; "window" at the window's end, if that comes
    first; "client" when whoever asked wants no more; "stopping" with the daemon; "withdrawn" when
    a reload took the declaration away; "scope" when the address may no longer be probed; "defect".
    """

    daemon: Shared
    for_us: int
    drill: Drill
    address: str
    told: Listener
    ended: str = "defect"
    started_us: int = 0
    """SLA time of the moment when the first singleton was due; 0: none was."""
    prober: Prober = field(init=False)
    """Its own: the engine's tick is ten times too coarse for this."""
    sample: NumberedSample = field(init=False)
    looks: PathLooks = field(init=False)
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    _told_us: int = 0

    def __post_init__(self) -> None:
        self.prober = KINDS["icmp"].prober(self.daemon.probers.net)
        self.sample = NumberedSample(self.prober, self.address, self.daemon.clock)
        self.looks = PathLooks(self.daemon.probers, self.address, lambda: self.sample.passed_us)

    async def measure(self) -> None:
        """Until it ends; `result` says what was seen, however it ended."""
        self.before = link_states(self.daemon, self.drill.link)
        try:
            await self._first_look()
            await self._send()
            await self._await_answers()
            if not self.daemon.stopping.is_set():
                await self._unless_ended(self.looks.look(), LAST_LOOK_S, client=False)
            self.after = link_states(self.daemon, self.drill.link)
        except asyncio.CancelledError:
            self.ended = "stopping"
            raise
        finally:
            await self.looks.close()
            await self.prober.close()

    def result(self) -> tuple[dict[str, Any], Mapping[bytes, bytes]]:
        """The detail of the entry, and the record that it names."""
        singletons, paths = self.sample.end(), self.looks.paths
        raw = to_record(singletons, paths)
        digest = hashlib.sha256(raw).digest()
        detail = detail_of(singletons, paths, self.sample.faults) | {
            "started_us": self.started_us,
            "ended": self.ended,
            "links_before": self.before,
            "links_after": self.after,
            "record": digest,
        }
        return detail, {digest: raw}

    async def _first_look(self) -> None:
        """The way as it is before anything happens; the socket open and stamping."""
        self.told.tell({"phase": "looking"})
        await self.sample.warm_up(WARM_UP_S)
        await self._unless_ended(self.looks.look(), FIRST_LOOK_S)

    async def _send(self) -> None:
        """The numbered singletons. Durations are the boot clock's: a stepped wall clock is none."""
        left_us = self.drill.until_us - self.daemon.clock.wall_us()
        length_us = min(self.for_us, left_us)
        origin_ns = self.sample.start()
        self.started_us = self.daemon.recorder.anchor.wall_at(origin_ns)
        while not (why := self._over(length_us)):
            self.sample.step()
            if self.sample.recovered:
                self.sample.recovered = False
                self.looks.wish()
            self.looks.step()
            self._tell()
            await asyncio.sleep(TICK_S)
        self.ended = "window" if why == "complete" and left_us < self.for_us else why

    def _over(self, length_us: int) -> str:
        """Why it ends now; empty: it goes on."""
        daemon = self.daemon
        if daemon.stopping.is_set():
            return "stopping"
        if self.told.gone.is_set():
            return "client"
        if self.sample.faults[FaultKind.SCOPE.value]:
            return "scope"
        if self.drill not in daemon.plan.configuration.drills.get(self.drill.link, ()):
            return "withdrawn"
        return "complete" if self.sample.passed_us >= length_us else ""

    async def _await_answers(self) -> None:
        """What is under way may still be answered."""
        patience_us = self.sample.passed_us + TIMEOUT_US + 200_000
        while self.sample.waiting and self.sample.passed_us < patience_us:
            if self.daemon.stopping.is_set():
                self.ended = "stopping"
                patience_us = min(patience_us, self.sample.passed_us + int(UNAWAITED_S * 1e6))
            self.sample.step(sending=False)
            self._tell()
            await asyncio.sleep(TICK_S)

    async def _unless_ended(
        self, work: Awaitable[None], longest_s: float, *, client: bool = True
    ) -> None:
        """Wait for work, at most so long, and only while nothing ends the drill."""
        waits = [asyncio.ensure_future(work), asyncio.create_task(self._stopped())]
        if client:
            waits.append(asyncio.create_task(self._gone()))
        try:
            await asyncio.wait(waits, timeout=longest_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def _stopped(self) -> None:
        await self.daemon.stopping.wait()

    async def _gone(self) -> None:
        await self.told.gone.wait()

    def _tell(self) -> None:
        sample, now_us = self.sample, self.sample.passed_us
        if now_us - self._told_us < TELL_US:
            return
        self._told_us = now_us
        self.told.tell(
            {
                "phase": "measuring",
                "passed_ms": now_us // 1_000,
                "for_ms": self.for_us // 1_000,
                **{fate.value: sample.counts[fate] for fate in Fate},
                "calm_ms": sample.calm_us // 1_000,
                "silent_ms": sample.silent_us // 1_000,
            }
        )


def link_states(daemon: Shared, link: str) -> dict[str, str]:
    """The newest state of every link of a link's site; one that is too old is unobserved."""
    now_us = daemon.now_us()
    site = daemon.plan.configuration.targets[link].site
    found: dict[str, set[State]] = {}
    for item in daemon.plan.items.values():
        if item.target.kind is not Kind.LINK or item.target.site != site or item.rules[0] is None:
            continue
        seen = daemon.recorder.accumulator.latest.get(item.number)
        fresh_us = item.assignment.settings.interval * 3 // 2
        fresh = seen is not None and now_us - seen.at_us <= fresh_us
        state = seen.judgement.state if seen and fresh else State.UNOBSERVED
        found.setdefault(item.target.key, set()).add(state)
    order = (State.AVAILABLE, State.UNAVAILABLE, State.UNOBSERVED)
    return {
        key: next(state.word for state in order if state in states)
        for key, states in islice(found.items(), MOST_LINKS)
    }
