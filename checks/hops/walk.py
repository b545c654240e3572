"""From here to there, hop by hop, along one flow."""

from dataclasses import dataclass, field
from typing import Final, Literal

from checks.hops.answer import Answer
from checks.hops.flow import Asker
from monitor.model import Fault

FULL: Final = 64
"""Hops that an ordinary packet may travel (RFC 1700's default TTL)."""
GAP: Final = 5
"""Silent hops in a row after which the destination itself is asked whether it is there at all."""

End = Literal["arrived", "unreachable", "loop", "beyond", "silent", "timeout"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """Who answered at one distance; empty and None: nobody."""

    address: str = ""
    delay_us: int | None = None


@dataclass(slots=True, kw_only=True)
class Walk:
    """The way of one flow, as far as it is known; filled while it is walked.

    - A silent hop is silent, never left out; silent ones at the end of an unfinished way say
      nothing and are cut off.
    - After `GAP` silent hops in a row, and where a router shows up again behind another one, one
      packet with all its hops asks the destination. Only if it does not answer either is the
      way at its end: "silent", or "loop".
    - `timeout` is the end until another one is known: the walk was cut short.
    """

    asker: Asker
    max_hops: int
    tries: int
    wait_us: int
    hops: list[Hop] = field(default_factory=list)
    end: End = "timeout"
    word: str = ""
    by: str = ""
    """Who said `unreachable`; empty: this host itself."""
    delay_us: int | None = None
    """To the destination and back; undefined unless it answered."""
    _answers: bool = False
    """The destination answered a packet with all its hops: it is there, however far."""

    async def go(self) -> Fault | None:
        """Walk to the end; a fault of this host ends the walk and is returned."""
        for distance in range(1, self.max_hops + 1):
            answer = await self._asked(distance)
            if isinstance(answer, Fault):
                return answer
            if answer is not None and answer.kind != "exceeded":
                self._stop(answer, at_hop=True)
                return None
            self.hops.append(
                Hop() if answer is None else Hop(address=answer.address, delay_us=answer.delay_us)
            )
            if self._in_doubt():
                fault = await self._ask_destination()
                if fault is not None or self.end != "timeout":
                    return fault
        self.end = self._end_of_bound()
        return None

    @property
    def outcome(self) -> End:
        """The end; a walk that was cut short has arrived if the destination answered already."""
        return "arrived" if self.end == "timeout" and self._answers else self.end

    def addresses(self) -> tuple[str, ...]:
        """The hops in order of distance, the destination last where it was met."""
        known = [hop.address for hop in self._known()]
        return tuple(known)

    def delays_us(self) -> tuple[int | None, ...]:
        """The delay of each of `addresses`."""
        return tuple(hop.delay_us for hop in self._known())

    def _known(self) -> list[Hop]:
        """The hops without the silent ones at the end."""
        length = len(self.hops)
        while length and not self.hops[length - 1].address:
            length -= 1
        return self.hops[:length]

    async def _asked(self, distance: int) -> Answer | Fault | None:
        """The answer of one distance; behind a gap one try is enough."""
        for _ in range(1 if self._answers else self.tries):
            answer = await self.asker.ask(distance, self.wait_us)
            if answer is not None:
                return answer
        return None

    def _in_doubt(self) -> bool:
        if self._answers:
            return False
        tail = self.hops[-GAP:]
        return repeats(self.hops) or (len(tail) == GAP and not any(hop.address for hop in tail))

    async def _ask_destination(self) -> Fault | None:
        """Whether it answers at all. If not, the way ends here."""
        answer: Answer | Fault | None = None
        for _ in range(self.tries):
            answer = answer or await self.asker.ask(FULL, self.wait_us)
        if isinstance(answer, Fault):
            return answer
        answer = answer or self.asker.late
        if answer is not None and answer.kind == "arrived":
            self._answers, self.delay_us = True, answer.delay_us
        elif repeats(self.hops):
            self.end = "loop"
        elif answer is None:
            self.end = "silent"
        elif answer.kind == "exceeded":
            self.end = "beyond"
        else:
            self._stop(answer, at_hop=False)
        return None

    def _stop(self, answer: Answer, *, at_hop: bool) -> None:
        if answer.kind == "arrived":
            self.end, self.delay_us = "arrived", answer.delay_us
            self.hops.append(Hop(address=answer.address, delay_us=answer.delay_us))
            return
        self.end, self.word, self.by = "unreachable", answer.word or "too-big", answer.address
        # The router that refuses is a hop of the way, unless it has already shown itself.
        if at_hop and answer.address and answer.address != self._last():
            self.hops.append(Hop(address=answer.address, delay_us=answer.delay_us))

    def _last(self) -> str:
        return self.hops[-1].address if self.hops else ""

    def _end_of_bound(self) -> End:
        if self._answers:
            return "arrived"
        return "beyond" if self._last() else "silent"


def repeats(hops: list[Hop]) -> bool:
    """Whether the last hop was met before, with another router between."""
    if not hops or not hops[-1].address:
        return False
    last = hops[-1].address
    before = [hop.address for hop in hops[:-1]]
    if last not in before:
        return False
    between = before[before.index(last) + 1 :]
    return any(address not in ("", last) for address in between)
