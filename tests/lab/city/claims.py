"""What Sasando stored against what was the case, by the rules of covered time. Pure.

A state holds from its observation to the next one, at most 1.5 intervals, and an outage starts at
its first bad observation (docs/decisions/0003). So within a span that was truly down nothing may
be stored as available once those 1.5 intervals have passed, and within one that was truly up
nothing as unavailable. A probe that began before the end of a span may see what comes after it.
Outages shorter than two intervals and the confirmation are outside the claim, and so is time in
which nothing can be claimed (`Reach.UNSURE`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from monitor.model import State
from tests.lab.city.truth import Reach, Span

_NS = 1_000_000_000
_WRONG = {Reach.DOWN: State.AVAILABLE, Reach.UP: State.UNAVAILABLE}


class Held(Protocol):
    """A stored state and when it held."""

    @property
    def started_ns(self) -> int: ...
    @property
    def ended_ns(self) -> int: ...
    @property
    def state(self) -> State: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The lengths that the claim rests on, in ns."""

    interval_ns: int
    probe_ns: int
    """From a probe's start to its last possible answer."""
    late_ns: int = _NS // 2
    """How late a probe may start on a machine that is busy with other things."""
    confirmations: int = 3

    @property
    def claimed_ns(self) -> int:
        """The shortest outage that is claimed to be told."""
        return (2 + self.confirmations) * self.interval_ns + self.probe_ns + self.late_ns

    def core(self, span: Span) -> tuple[int, int]:
        """The part of a span in which nothing else may be stored."""
        start = span.started_ns + self.interval_ns * 3 // 2 + self.late_ns
        return start, span.ended_ns - self.probe_ns - self.late_ns


def contradictions(spans: Sequence[Span], stored: Sequence[Held], rules: Rules) -> Iterator[str]:
    """A sentence for each stored state that was not the case, from when on by the boot clock."""
    for span in spans:
        wrong = _WRONG.get(span.reach)
        start, end = rules.core(span)
        for held in stored:
            overlap = min(held.ended_ns, end) - max(held.started_ns, start)
            if held.state is wrong and overlap > 0:
                yield (
                    f"stored as {held.state.word} for {overlap / _NS:.2f} s within "
                    f"{span.seconds:.2f} s in which it was {span.reach.value}, "
                    f"from {max(held.started_ns, start) / _NS:.2f} s on"
                )


def untold(
    spans: Sequence[Span], told: Sequence[tuple[int, int]], stored: Sequence[Held], rules: Rules
) -> Iterator[str]:
    """A sentence for each outage of a claimed length that no incident and no label overlaps.

    Nor is one missed that is stored as unobserved, almost as long as it lasted: the agent said
    that it saw nothing.
    """
    dark = [held for held in stored if held.state is State.UNOBSERVED]
    for span in spans:
        if span.reach is not Reach.DOWN or span.ended_ns - span.started_ns < rules.claimed_ns:
            continue
        start, end = rules.core(span)
        unseen = sum(max(0, min(h.ended_ns, end) - max(h.started_ns, start)) for h in dark)
        if unseen >= (end - start) * 9 // 10:
            continue
        if not any(first < span.ended_ns and span.started_ns < last for first, last in told):
            yield f"an outage of {span.seconds:.2f} s was never told"


def accused_falsely(spans: Sequence[Span], since: Sequence[int], rules: Rules) -> Iterator[str]:
    """A sentence for each incident whose first bad observation fell into a time of being up."""
    for moment in since:
        for span in spans:
            start, end = rules.core(span)
            if span.reach is Reach.UP and start <= moment < end:
                yield f"accused {(moment - span.started_ns) / _NS:.2f} s after it had come up"
