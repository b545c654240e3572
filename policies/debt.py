"""Redundancy debt over a window, from intervals of state: exact integers in µs. Pure.

Debt, whole, outage and undecided add up to the window; `single_us` is the part of the debt in which
one leg alone was left (with two legs: all of it).
Time that no interval of a leg covers is unobserved.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from monitor.model import State
from monitor.redundancy import Redundancy, leg_state, redundancy_of, single_leg
from policies import sweep


class Span(NamedTuple):
    """A state over [started_us, ended_us). Those of one leg or series do not overlap."""

    started_us: int
    ended_us: int
    state: State


Spans = Sequence[Span]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedundancyTime:
    """How a window divides for one site, in µs."""

    debt_us: int
    """Up, but with a leg down: the debt."""
    single_us: int
    """The part of the debt in which exactly one leg was left."""
    whole_us: int
    """Every leg alive."""
    outage_us: int
    """Every leg down: an outage is no debt."""
    undecided_us: int
    """The agent did not see enough."""


def redundancy_debt(legs: Mapping[str, Spans], window: tuple[int, int]) -> RedundancyTime:
    """How [start, end) divides for a site with these legs; ValueError for a window backwards."""
    sums = dict.fromkeys(Redundancy, 0)
    single_us = 0
    for started, ended, states in swept(list(legs.values()), window):
        sums[redundancy_of(states)] += ended - started
        single_us += (ended - started) * (single_leg(states) is True)
    return RedundancyTime(
        debt_us=sums[Redundancy.DEBT],
        single_us=single_us,
        whole_us=sums[Redundancy.WHOLE],
        outage_us=sums[Redundancy.OUTAGE],
        undecided_us=sums[Redundancy.UNDECIDED],
    )


def leg_spans(series: Sequence[Spans], window: tuple[int, int]) -> list[Span]:
    """One leg from all of its series (address families, checks)."""
    return [
        Span(started_us=started, ended_us=ended, state=leg_state(states))
        for started, ended, states in swept(series, window)
    ]


def unseen_while(spans: Iterable[Span], hidden: Spans, window: tuple[int, int]) -> list[Span]:
    """The spans, but unobserved where they say unavailable while something hid the leg.

    `hidden` are spans of any state: the times in which every way to the leg was down. Unreachable
    is not down.
    """
    cover = [span._replace(state=State.AVAILABLE) for span in hidden]
    return [
        Span(
            started_us=started,
            ended_us=ended,
            state=State.UNOBSERVED if over and own is State.UNAVAILABLE else own,
        )
        for started, ended, (own, over) in swept([list(spans), cover], window)
    ]


def swept(
    tracks: Sequence[Spans], window: tuple[int, int]
) -> Iterator[tuple[int, int, tuple[State, ...]]]:
    """The window in pieces (start, end, state of each track) within which nothing changes."""
    stretches = [[(s.started_us, s.ended_us, s.state) for s in spans] for spans in tracks]
    for started, ended, held in sweep.swept(stretches, window):
        yield started, ended, tuple(State.UNOBSERVED if one is None else one for one in held)
