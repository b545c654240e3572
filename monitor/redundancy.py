"""What the states of a site's legs (its links) come to: the one place that says it. Pure.

A site is up when any of its legs is. It is in *redundancy debt* while it is up and a leg is
known to be down; on a *single leg* while exactly one is alive and every other is known down: with
two legs the same, with three the worse of two. An outage is no debt, and what the agent did not
see is neither: undecided, unless the legs that it did see decide it.
"""

from collections.abc import Sequence
from enum import Enum

from monitor.model import State


class Redundancy(Enum):
    """What holds of a site at one moment; exactly one."""

    WHOLE = "whole"
    """Every leg is alive."""
    DEBT = "debt"
    """Some leg is alive and some other is down."""
    OUTAGE = "outage"
    """Every leg is down."""
    UNDECIDED = "undecided"


def redundancy_of(legs: Sequence[State]) -> Redundancy:
    """What the legs come to; undecided for a site without legs."""
    alive, down = legs.count(State.AVAILABLE), legs.count(State.UNAVAILABLE)
    if alive and down:
        return Redundancy.DEBT
    if legs and alive == len(legs):
        return Redundancy.WHOLE
    return Redundancy.OUTAGE if legs and down == len(legs) else Redundancy.UNDECIDED


def up(legs: Sequence[State]) -> bool | None:
    """Whether any leg is alive; None where none is seen alive and not all are seen down."""
    if State.AVAILABLE in legs:
        return True
    return False if redundancy_of(legs) is Redundancy.OUTAGE else None


def single_leg(legs: Sequence[State]) -> bool | None:
    """Whether just one of at least two legs is alive; None where unseen legs leave it open."""
    alive, unseen = legs.count(State.AVAILABLE), legs.count(State.UNOBSERVED)
    if alive > 1 or len(legs) < 2:
        return False
    if unseen:
        return None
    return alive == 1


def leg_state(series: Sequence[State]) -> State:
    """The state of one leg that is looked at in several ways (address families, checks).

    One that works is enough; it is down only when every one says so.
    """
    if State.AVAILABLE in series:
        return State.AVAILABLE
    if series and all(state is State.UNAVAILABLE for state in series):
        return State.UNAVAILABLE
    return State.UNOBSERVED
