"""The label `blocked`: several series of a target, their turns, restarts and reloads."""

from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from monitor.blocked import BLOCKED, Blocks
from monitor.ledger.entry import LabelSet

S = 1_000_000_000
WALL_US = 1_700_000_000_000_000
HOLDS_S = 15
FILTER = "lamanlabuh.aduankonten.id"


def at_us(moment_ns: int) -> int:
    """The wall clock of a moment of the boot clock."""
    return WALL_US + moment_ns // 1_000


@dataclass
class Site:
    """A site observed in both families (series 4 and 6), whose labels are committed at once."""

    blocks: Blocks = field(default_factory=Blocks)
    standing: dict[tuple[str, str], LabelSet] = field(default_factory=dict)
    told: list[tuple[str, int, int | None]] = field(default_factory=list)
    """(cause, since, until) in seconds of the boot clock."""

    def __post_init__(self) -> None:
        self.blocks.watch({4: "site", 6: "site"}, 0)

    def see(self, at_s: int, series: int, by: str) -> None:
        """An observation that holds for 15 s."""
        self.blocks.note(series, by, at_s * S, (at_s + HOLDS_S) * S)
        self.commit(at_s)

    def commit(self, at_s: int) -> None:
        """What follows now."""
        for label in self.blocks.marked.labels(self.standing, at_s * S, at_us):
            label.require_valid()
            until = label.until_us
            self.told.append(
                (label.cause, _s(label.since_us), None if until is None else _s(until))
            )
            if until is None:
                self.standing[label.label, label.target] = label
            else:
                del self.standing[label.label, label.target]


def _s(wall_us: int) -> int:
    return (wall_us - WALL_US) // 1_000_000


def test_it_begins_and_ends_with_the_observations_that_turned() -> None:
    """From the first answer of the filter to the first that is not its own; no time between."""
    site = Site()
    site.see(5, 4, "")
    assert site.told == []
    site.see(10, 4, FILTER)
    site.see(20, 4, FILTER)
    site.see(30, 4, "")
    assert site.told == [(FILTER, 10, None), (FILTER, 10, 30)]


def test_it_stands_while_one_family_is_blocked() -> None:
    """A filter that works on IPv4 alone still blocks the site; the last family ends it."""
    site = Site()
    site.see(10, 4, FILTER)
    site.see(11, 6, "")
    site.see(20, 4, FILTER)
    site.see(21, 6, FILTER)
    site.see(22, 4, "")
    assert site.told == [(FILTER, 10, None)]
    site.see(30, 6, "")
    assert site.told[1:] == [(FILTER, 10, 30)]


def test_without_observations_it_ends_where_the_last_one_holds_no_more() -> None:
    """Faults say nothing of the filter; a later answer of it is a label of its own."""
    site = Site()
    site.see(10, 4, FILTER)
    site.commit(24)
    assert len(site.told) == 1
    site.commit(40)
    assert site.told[1:] == [(FILTER, 10, 25)]
    site.see(50, 4, FILTER)
    assert site.told[2:] == [(FILTER, 50, None)]


def test_another_landing_host_is_another_cause() -> None:
    """The provider changes its landing page: two labels, back to back."""
    site = Site()
    site.see(10, 4, FILTER)
    site.see(20, 4, "internetpositif.id")
    assert site.told[1:] == [(FILTER, 10, 20), ("internetpositif.id", 20, None)]


def test_a_restored_label_goes_on_until_somebody_looked() -> None:
    """After a restart it stands while its last look holds, and ends when both families are free."""
    label = LabelSet(label=BLOCKED, target="site", cause=FILTER, since_us=at_us(0), until_us=None)
    site = Site(standing={(BLOCKED, "site"): label})
    site.blocks.restore(label, 15 * S)
    site.see(10, 4, "")
    assert site.told == []
    site.see(11, 6, "")
    assert site.told == [(FILTER, 0, 11)]


def test_a_series_that_a_reload_took_away_blocks_no_longer() -> None:
    """Of two families one is left, and it is free: the label ends at the reload."""
    site = Site()
    site.see(10, 4, FILTER)
    site.see(11, 6, "")
    site.blocks.watch({6: "site"}, 12 * S)
    site.commit(13)
    assert site.told[1:] == [(FILTER, 10, 12)]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 20), st.sampled_from((4, 6)), st.sampled_from(("", "a.id", "b.id"))
        ),
        max_size=40,
    )
)
def test_no_time_bears_it_twice(steps: list[tuple[int, int, str]]) -> None:
    """Whatever is observed, ended labels follow one another and each ends after it began."""
    site, now_s = Site(), 0
    for pause_s, series, by in steps:
        now_s += pause_s
        site.see(now_s, series, by)
    spans = [(since, until) for _, since, until in site.told if until is not None]
    assert all(since <= until for since, until in spans)
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
