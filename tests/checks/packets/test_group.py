"""What a group remembers: speakers, turns, two Actives at once. Time is passed in."""

from hypothesis import given
from hypothesis import strategies as st

from checks.packets.messages import MAX_CHANGES, MAX_SPEAKERS
from checks.packets.process.group import Group
from tests.checks.packets.samples import advert

S = 1_000_000_000
A, B = "192.0.2.2", "192.0.2.3"


def told(*lines: tuple[float, str, str]) -> tuple[Group, int]:
    """A group that heard these (second, source, state), and the time of the last one."""
    group, at = Group(0), 0
    for second, source, state in lines:
        at = int(second * S)
        priority = 0 if state == "leaving" else 100
        group.hear(advert(source, state=state, priority=priority), at)
    return group, at


def active(*times: float, source: str = A) -> list[tuple[float, str, str]]:
    """Claims of one router at these seconds."""
    return [(second, source, "active") for second in times]


def states(group: Group, now_ns: int) -> dict[str, str]:
    """State by speaker."""
    return {one.address: one.state for one in group.speakers(now_ns)}


def test_one_router_speaks() -> None:
    """A single Active is a speaker, and nothing changed."""
    group, now = told(*active(0, 1, 2))
    (speaker,) = group.speakers(now + S)
    assert (speaker.address, speaker.adverts, speaker.heard_age_us) == (A, 3, 1_000_000)
    assert (group.changes(now), group.both_age_us(now)) == ((), None)


def test_a_failed_active_is_replaced_with_its_time() -> None:
    """The gap is between the last advertisement of the old and the first of the new Active."""
    group, now = told(*active(0, 1, 2), *active(5.6, source=B))
    assert group.changes(now) == (), "one advertisement alone may be the crossing of another"
    group.hear(advert(B), 6_600_000_000)
    (change,) = group.changes(7 * S)
    assert (change.before, change.after, change.left) == (A, B, False)
    assert (change.age_us, change.gap_us) == (1_400_000, 3_600_000)
    assert change.settled_age_us == 400_000
    assert states(group, 7 * S) == {A: "silent", B: "active"}
    assert group.both_age_us(7 * S) is None


def test_an_active_that_leaves_is_replaced_at_once() -> None:
    """After a priority of 0 the first advertisement of another is the change."""
    group, now = told(*active(0, 1), (1.5, A, "leaving"), *active(1.9, source=B))
    (change,) = group.changes(now)
    assert (change.left, change.gap_us) == (True, 400_000)
    (old, _) = group.speakers(now)
    assert (old.state, old.left_age_us) == ("leaving", 400_000)


def test_a_preempted_active_lives_on() -> None:
    """Who still spoke when another took over is no failed router, and two were not Active."""
    group, now = told(*active(0, 1, 2, source=B), *active(2.3, 3.3, 4.3))
    (change,) = group.changes(now)
    assert (change.before, change.after, change.gap_us) == (B, A, 300_000)
    assert states(group, now)[B] == "preempted"
    assert group.both_age_us(now) is None


def test_the_crossing_of_a_preemption_is_not_two_actives() -> None:
    """One more advertisement of the old Active after the first of the new one is no split."""
    group, now = told(*active(0, 1, source=B), *active(1.9), *active(2, source=B), *active(2.9, 4))
    assert group.both_age_us(now) is None
    assert len(group.changes(now)) == 1


def test_two_that_go_on_are_both_active() -> None:
    """A real split is seen within a few intervals, however different these are."""
    for slow in (1, 3, 10):
        group = Group(0)
        for tick in range(40 * slow):
            group.hear(advert(B), tick * S)
            if tick % slow == 0:
                late = advert(interval_us=slow * 1_000_000, hold_us=4 * slow * 1_000_000)
                group.hear(late, tick * S + S // 2)
        assert group.both_age_us(40 * slow * S) is not None, slow


def test_a_split_ends_when_one_falls_silent() -> None:
    """After a split heals, its age grows."""
    group = Group(0)
    for tick in range(10):
        group.hear(advert(A), tick * S)
        group.hear(advert(B), tick * S + S // 2)
    for tick in range(10, 30):
        group.hear(advert(A), tick * S)
    age = group.both_age_us(30 * S)
    assert age is not None
    assert age >= 19_000_000


def test_a_standby_is_no_active() -> None:
    """HSRP: Active and Standby speak side by side, and nothing changes."""
    group = Group(0)
    for tick in range(6):
        group.hear(advert(A, protocol="hsrp"), 3 * tick * S)
        group.hear(advert(B, protocol="hsrp", state="standby"), (3 * tick + 1) * S)
    assert states(group, 18 * S) == {A: "active", B: "standby"}
    assert (group.changes(18 * S), group.both_age_us(18 * S)) == ((), None)
    group.hear(advert(A, protocol="hsrp", state="leaving"), 18 * S)
    group.hear(advert(B, protocol="hsrp"), 19 * S)
    assert [change.after for change in group.changes(19 * S)] == [B]


def test_a_crowd_is_counted_and_takes_no_room() -> None:
    """Beyond the bound speakers are counted; one that fell silent gives its place up."""
    group = Group(0)
    for number in range(MAX_SPEAKERS + 5):
        group.hear(advert(f"198.51.100.{number}"), number)
    assert (len(group.speakers(S)), group.more_speakers) == (MAX_SPEAKERS, 5)
    group.hear(advert(A), 60 * S)
    assert A in states(group, 60 * S)
    assert len(group.speakers(60 * S)) == MAX_SPEAKERS


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5_000_000_000),
            st.integers(0, 24),
            st.sampled_from(["active", "standby", "leaving", "speak"]),
        ),
        max_size=120,
    )
)
def test_nothing_grows_without_bound(lines: list[tuple[int, int, str]]) -> None:
    """Whatever is heard, tables keep their bounds, ages and gaps are not negative, and somebody
    who took over is somebody else."""
    group, now = Group(0), 0
    for wait, number, state in lines:
        now += wait
        group.hear(advert(f"198.51.100.{number}", state=state), now)
    assert len(group.speakers(now)) <= MAX_SPEAKERS
    assert len(group.changes(now)) <= MAX_CHANGES
    for change in group.changes(now):
        assert change.before != change.after
        assert change.gap_us >= 0
        assert change.age_us >= 0
    assert all(one.heard_age_us >= 0 for one in group.speakers(now))


@given(st.lists(st.integers(200_000_000, 1_800_000_000), min_size=3, max_size=30))
def test_one_router_alone_never_splits_or_changes(waits: list[int]) -> None:
    """However unevenly a single router speaks, there is no change and no second Active."""
    group, now = Group(0), 0
    for wait in waits:
        now += wait
        group.hear(advert(A), now)
    assert (group.changes(now), group.both_age_us(now)) == ((), None)
