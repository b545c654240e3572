"""How long a site really was up on fewer legs than it has, from the lab's own log. Pure."""

from collections.abc import Sequence
from itertools import pairwise

from tests.lab.city.claims import Rules
from tests.lab.city.truth import Reach, Span


def true_debt(legs: Sequence[Sequence[Span]]) -> tuple[int, int]:
    """(least, most) ns of debt of a site whose legs had these spans.

    Debt is time in which a leg is up and another one down; a leg that nobody can be sure of makes
    it possible only.
    """
    marks = sorted({edge for spans in legs for s in spans for edge in (s.started_ns, s.ended_ns)})
    least = most = 0
    for start, end in pairwise(marks):
        reaches = [_at(spans, start) for spans in legs]
        if Reach.UP in reaches and Reach.DOWN in reaches:
            least += end - start
        sure = Reach.UNSURE not in reaches
        if not sure or (Reach.UP in reaches and Reach.DOWN in reaches):
            most += end - start
    return least, most


def slack(legs: Sequence[Sequence[Span]], rules: Rules) -> int:
    """How much the accounting rules allow a daemon to be off: each end of an outage is seen by
    the next observation, or by the end of what the last one covers."""
    edges = sum(max(0, len(spans) - 1) for spans in legs)
    return (edges + 1) * (rules.interval_ns * 3 // 2 + rules.probe_ns + rules.late_ns)


def _at(spans: Sequence[Span], moment: int) -> Reach | None:
    found = [span.reach for span in spans if span.started_ns <= moment < span.ended_ns]
    return found[0] if found else None
