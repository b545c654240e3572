"""The label `single-leg`: a site that is up on its last leg. Pure.

It stands while looks at the site say so, with the links that are down as its cause; how it begins
and ends is said by `monitor.marked`. A look that decides nothing moves nothing.
"""

from collections.abc import Sequence

from monitor.labels import joined
from monitor.marked import Marked

SINGLE_LEG = "single-leg"
MOST_NAMED = 16
"""Links that a cause names; of the others it says how many there are."""


def single_legs() -> Marked:
    """The sites that are looked at, and their labels."""
    return Marked(SINGLE_LEG)


def cause_of(down: Sequence[str]) -> str:
    """The links that are down as the cause of a label: an entry is bounded, a site may not be."""
    return joined(down, MOST_NAMED)
