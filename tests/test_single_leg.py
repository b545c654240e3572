"""The label `single-leg`: when it begins, when it ends, and that no time bears it twice."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.entry import LabelSet
from monitor.marked import Mark, Marked
from monitor.single_leg import SINGLE_LEG, cause_of

S = 1_000_000_000
WALL_US = 1_700_000_000_000_000


def at_us(moment_ns: int) -> int:
    """The wall clock of a moment of the boot clock."""
    return WALL_US + moment_ns // 1_000


@dataclass
class Site:
    """One site, whose labels are committed at once."""

    legs: Marked = field(default_factory=lambda: Marked(SINGLE_LEG, targets={"office"}))
    standing: dict[tuple[str, str], LabelSet] = field(default_factory=dict)
    told: list[tuple[str, int, int | None]] = field(default_factory=list)
    """(cause, since, until) in seconds of the boot clock."""

    def look(self, at_s: int, single: bool | None, since_s: int, cause: str = "fo") -> None:
        """A look that holds for 15 s."""
        mark = Mark(
            stands=bool(single), cause=cause, since_ns=since_s * S, until_ns=(at_s + 15) * S
        )
        if single is not None:
            self.legs.note("office", mark)
        self.commit(at_s)

    def commit(self, at_s: int) -> None:
        """What follows from the marks now."""
        for label in self.legs.labels(self.standing, at_s * S, at_us):
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


def test_it_begins_when_the_leg_was_lost_and_ends_when_it_came_back() -> None:
    """The moments are those of the links' observations, not of the looks."""
    site = Site()
    site.look(10, True, since_s=8)
    site.look(20, True, since_s=8)
    site.look(30, False, since_s=27)
    assert site.told == [("fo", 8, None), ("fo", 8, 27)]


def test_an_outage_ends_it() -> None:
    """On no leg at all the site is not on a single one; on the other leg it is again."""
    site = Site()
    site.look(10, True, since_s=8)
    site.look(20, False, since_s=19)
    site.look(30, True, since_s=28, cause="lte")
    assert site.told == [("fo", 8, None), ("fo", 8, 19), ("lte", 28, None)]


def test_another_lost_leg_is_another_label() -> None:
    """Of three legs another pair may be down: the cause is exact."""
    site = Site()
    site.look(10, True, since_s=8, cause="a,b")
    site.look(20, True, since_s=18, cause="b,c")
    assert site.told == [("a,b", 8, None), ("a,b", 8, 18), ("b,c", 18, None)]


def test_a_look_that_decides_nothing_leaves_it_while_the_last_one_holds() -> None:
    """A moment of not seeing is no end; when the last look holds no more, it ended there."""
    site = Site()
    site.look(10, True, since_s=8)
    site.look(20, None, since_s=0)
    assert site.told == [("fo", 8, None)]
    site.look(40, None, since_s=0)
    assert site.told[1:] == [("fo", 8, 25)]
    site.look(50, True, since_s=8)
    assert site.told[2:] == [("fo", 25, None)]


def test_a_restored_label_goes_on_while_its_last_look_holds() -> None:
    """After a short stop it simply stands; after a long one it ends where the look ended."""
    label = LabelSet(
        label=SINGLE_LEG, target="office", cause="fo", since_us=at_us(0), until_us=None
    )
    for later_s, told in ((10, []), (20, [("fo", 0, 15)])):
        site = Site(standing={(SINGLE_LEG, "office"): label})
        site.legs.restore(label, 15 * S)
        site.commit(later_s)
        assert site.told == told


def test_a_site_that_is_gone_loses_its_label() -> None:
    """Nobody looks any more: it ends now."""
    site = Site()
    site.look(10, True, since_s=8)
    site.legs.targets = ()
    site.commit(12)
    assert site.told[1:] == [("fo", 8, 12)]


def test_a_label_never_ends_before_it_began() -> None:
    """After the wall clock was set back an hour the end is not before the beginning."""
    site = Site()
    site.look(10, True, since_s=8)
    mark = Mark(stands=False, cause="", since_ns=20 * S, until_ns=0)
    site.legs.note("office", mark)
    (label,) = site.legs.labels(site.standing, 20 * S, lambda ns: at_us(ns) - 3_600_000_000)
    assert label.until_us == label.since_us


def test_a_cause_names_a_bounded_number_of_links() -> None:
    """A site with thousands of links still fits into an entry."""
    assert cause_of(["fo", "lte"]) == "fo,lte"
    many = cause_of([f"l{n}" for n in range(10_000)])
    assert many.startswith("l0,l1,")
    assert many.endswith(",l15,+9984")


@given(
    st.lists(
        st.tuples(st.integers(1, 20), st.sampled_from([True, False, None]), st.sampled_from("ab"))
    )
)
def test_labels_of_a_site_never_overlap(looks: list[tuple[int, bool | None, str]]) -> None:
    """Whatever the looks say, each label ends before the next one begins."""
    site, now, turned, before = Site(), 0, 0, (None, "")
    for step, single, cause in looks:
        now += step
        if (single, cause) != before:
            turned, before = now, (single, cause)
        site.look(now, single, turned, cause)
    spans = [(since, until) for _, since, until in site.told if until is not None]
    begun = [since for _, since, until in site.told if until is None]
    assert len(begun) - len(spans) in (0, 1)
    for (since, until), following in zip(spans, begun[1:], strict=False):
        assert since <= until <= following
