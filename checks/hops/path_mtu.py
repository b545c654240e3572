"""The greatest packet that reaches the destination whole.

Packets with DF (RFC 1191, RFC 8201), and where no router says that one is too big, the search of
RFC 8899: a size counts when the destination answered it.
"""

from dataclasses import dataclass
from typing import Final, Literal

from checks.hops.answer import Answer
from checks.hops.flow import Asker
from checks.hops.walk import FULL
from monitor.model import Fault

LARGEST: Final = 9_216
"""Where the search begins: jumbo frames. A path that takes it takes at least so much."""
SMALLEST = {4: 576, 6: 1_280}
"""RFC 791: every host takes 576 bytes; RFC 8200 5: every IPv6 link takes 1280."""
_TOLD_BOUND: Final = 16
"""Falling sizes that routers may tell, before a liar among them is left."""
_PAIRS: Final = 3
"""How often a large packet must vanish beside a small one that comes back."""
_PLATEAUS: Final = (8_166, 4_352, 2_002, 1_492, 1_006, 576)
"""RFC 1191 7.1, for routers that say "too big" and not how big."""

Outcome = Literal["found", "hole", "unanswered", "lost", "time"]


@dataclass(slots=True, kw_only=True)
class MtuSearch:
    """Filled while it runs; `time` is the outcome until another one is known.

    - `found`: the destination answered a packet of `mtu` bytes, and either nothing larger was
      refused, or a router (`by`; empty: this host) said that larger ones do not fit.
    - `hole`: every larger packet vanished without a word, and every small one beside it came back.
    - `lost`: packets of one size came back and vanished: loss, which decides nothing.
    - `unanswered`: the destination does not answer small packets of this kind.
    """

    asker: Asker
    version: int
    tries: int
    wait_us: int
    mtu: int | None = None
    by: str | None = None
    hole: bool | None = None
    outcome: Outcome = "time"

    async def go(self) -> Fault | None:
        """Search to the end; a fault of this host ends it and is returned."""
        floor, size = SMALLEST[self.version], LARGEST
        by: str | None = None
        for _ in range(_TOLD_BOUND):
            answer = await self._ask(size)
            if isinstance(answer, Fault):
                return answer
            if answer is None:
                return await self._silent_at(size, by)
            if answer.kind == "arrived":
                self.mtu, self.by, self.hole, self.outcome = size, by, False, "found"
                return None
            if answer.kind != "too-big":
                break
            size, by = _next(answer.mtu, size, floor), answer.address
            if size < floor:
                break
        self.outcome = "unanswered"
        return None

    async def _silent_at(self, size: int, by: str | None) -> Fault | None:
        """A large packet was not answered: is any, and do the large ones vanish for certain?"""
        floor = SMALLEST[self.version]
        small = await self._ask(floor)
        if isinstance(small, Fault):
            return small
        if not _arrived(small):
            self.outcome = "unanswered"
            return None
        largest = await self._largest(floor, size)
        if isinstance(largest, Fault):
            return largest
        return await self._confirm(largest, by)

    async def _largest(self, low: int, high: int) -> int | Fault:
        """The largest size that comes back, between one that does and one that does not."""
        while high - low > 1:
            middle = (low + high) // 2
            answer = await self._ask(middle)
            if isinstance(answer, Fault):
                return answer
            low, high = (middle, high) if _arrived(answer) else (low, middle)
        return low

    async def _confirm(self, largest: int, by: str | None) -> Fault | None:
        """One byte more must vanish each time, and this size come back each time."""
        for _ in range(_PAIRS):
            for size, expected in ((largest + 1, False), (largest, True)):
                answer = await self.asker.ask(FULL, self.wait_us, size)
                if isinstance(answer, Fault):
                    return answer
                if answer is not None and answer.kind == "too-big":
                    who = answer.address
                    self.mtu, self.by, self.hole, self.outcome = largest, who, False, "found"
                    return None
                if _arrived(answer) is not expected:
                    self.outcome = "lost"
                    return None
        self.mtu, self.by, self.hole, self.outcome = largest, by, True, "hole"
        return None

    async def _ask(self, size: int) -> Answer | Fault | None:
        for _ in range(max(2, self.tries)):
            answer = await self.asker.ask(FULL, self.wait_us, size)
            if answer is not None:
                return answer
        return None


def _arrived(answer: Answer | Fault | None) -> bool:
    return isinstance(answer, Answer) and answer.kind == "arrived"


def _next(told: int, size: int, floor: int) -> int:
    """The size to try after "too big"; below the floor: no sense in it.

    A router that tells nothing, or a size that is no smaller, is answered with the next plateau.
    """
    if 0 < told < size:
        # A link below the floor would be a lie, or nothing that packets of ours can cross.
        return told
    return next((plateau for plateau in _PLATEAUS if floor <= plateau < size), floor - 1)
