"""Whether a target could have been seen at all."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Kind, State, Target
from monitor.sight import AGENT, Sights, Way, Ways, parents_of

UP, DOWN, UNSEEN = State.AVAILABLE, State.UNAVAILABLE, State.UNOBSERVED


def sights(*seen: tuple[str, State, int], canaries: tuple[str, ...] = ()) -> Sights:
    """A child behind two parents, each seen by series 0 unless the name says otherwise."""
    made = Sights(parents={"child": ("a", "b")}, canaries=canaries)
    for name, state, at_us in seen:
        target, _, number = name.partition("/")
        made.note(target, int(number or 0), state, at_us)
    return made


def test_one_working_parent_is_enough() -> None:
    """Parents are alternatives."""
    look = sights(("a", DOWN, 10), ("b", UP, 11)).look("child", 10)
    assert (look.way, look.at_us) == (Way.CLEAR, 11)


def test_all_parents_down_block_the_way() -> None:
    """The cause names them."""
    look = sights(("a", DOWN, 10), ("b", DOWN, 12)).look("child", 10)
    assert (look.way, look.cause, look.at_us) == (Way.BLOCKED, "a,b", 12)


def test_what_was_seen_before_says_nothing() -> None:
    """A parent that was up before the child's bad observation must be looked at again."""
    look = sights(("a", UP, 9), ("b", DOWN, 10)).look("child", 10)
    assert (look.way, look.ask) == (Way.UNKNOWN, ("a",))


def test_a_parent_that_could_not_be_measured_is_asked_again() -> None:
    """Unobserved is not down."""
    look = sights(("a", UNSEEN, 10), ("b", DOWN, 10)).look("child", 10)
    assert (look.way, look.ask) == (Way.UNKNOWN, ("a",))


def test_a_parent_is_up_when_any_of_its_series_is() -> None:
    """Ping may be filtered where a connection works."""
    look = sights(("a/0", DOWN, 10), ("a/1", UP, 10), ("b", DOWN, 10)).look("child", 10)
    assert look.way is Way.CLEAR


def test_blind_canaries_come_before_everything() -> None:
    """When none of them answers, the cause is the agent, whatever the parents say."""
    seen = sights(("a", UP, 10), ("c", DOWN, 10), canaries=("c",))
    assert (seen.look("child", 10).way, seen.look("child", 10).cause) == (Way.BLOCKED, AGENT)
    assert seen.look("c", 10).way is Way.CLEAR, "a canary is looked at without canaries"


def test_without_parents_and_canaries_the_way_is_clear() -> None:
    """Nothing stands before it."""
    assert sights().look("alone", 5).way is Way.CLEAR


def test_a_target_that_answers_was_reached() -> None:
    """By an observation that is fresh enough, and not by the series in question."""
    seen = sights(("child/3", UP, 10), ("a", DOWN, 12), ("b", DOWN, 12))
    assert seen.look("child", 10).way is Way.CLEAR
    assert seen.look("child", 11).way is Way.BLOCKED
    assert seen.look("child", 10, but=3).way is Way.BLOCKED
    assert seen.answers("child")
    assert not seen.answers("a")


def test_a_way_is_clear_since_the_first_answer_after_its_failure() -> None:
    """From when the answer came; an observation that failed as one breaks nothing."""
    seen = sights(("a", UP, 10), ("a", DOWN, 20))
    seen.note("a", 0, UP, 30, took_us=5)
    seen.note("a", 0, UNSEEN, 40)
    seen.note("a", 0, UP, 50, took_us=5)
    look = seen.look("child", 30)
    assert (look.at_us, look.clear_us) == (50, 35)
    seen.note("a", 0, DOWN, 45)
    assert seen.look("child", 30) == look, "older than the newest"
    seen.shift(-20)
    look = seen.look("child", 10)
    assert (look.at_us, look.clear_us) == (30, 15)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(list(State)), st.integers(0, 20))))
def test_a_way_is_blocked_only_by_fresh_and_unanimous_failure(
    seen: list[tuple[str, State, int]],
) -> None:
    """Blocked means that every parent's newest observation is fresh and down; clear, one is up."""
    newest: dict[str, tuple[State, int]] = {}
    for name, state, at in seen:
        if at >= newest.get(name, (state, at))[1]:
            newest[name] = (state, at)
    fresh = [newest[n][0] for n in "ab" if n in newest and newest[n][1] >= 10]
    look = sights(*seen).look("child", 10)
    assert (look.way is Way.CLEAR) == (UP in fresh)
    assert (look.way is Way.BLOCKED) == (fresh == [DOWN, DOWN])
    assert bool(look.ask) == (look.way is Way.UNKNOWN)


def test_sites_are_replaced_by_their_links() -> None:
    """Also through a site without links; a site itself hangs on its own links."""
    targets = [
        Target(key="core", kind=Kind.SITE, name=""),
        Target(key="core-fo", kind=Kind.LINK, name="", site="core"),
        Target(key="office", kind=Kind.SITE, name="", parents=("core",)),
        Target(key="fo", kind=Kind.LINK, name="", site="office", parents=("core",)),
        Target(key="lte", kind=Kind.LINK, name="", site="office", parents=("gone",)),
        Target(key="web", kind=Kind.SERVICE, name="", site="office", parents=("office",)),
        Target(key="ward", kind=Kind.SITE, name="", parents=("office",)),
        Target(key="desk", kind=Kind.SERVICE, name="", site="ward", parents=("ward",)),
    ]
    found = parents_of(targets)
    assert found == {
        "core": ("core-fo",),
        "core-fo": (),
        "office": ("fo", "lte"),
        "fo": ("core-fo",),
        "lte": (),
        "web": ("fo", "lte"),
        "ward": ("fo", "lte"),
        "desk": ("fo", "lte"),
    }


PARENTS = {
    "agg": ("core1", "core2"),
    "line": ("agg",),
    "web": ("line", "lte"),
    "own": ("core1",),
    "desk": ("own",),
}


def test_an_alternative_that_works_keeps_everything_reachable() -> None:
    """One core of two fails: only what has no other way hangs on it."""
    ways = Ways(PARENTS)
    assert ways.consequences("core1", ["core1"]) == ("own", "desk")
    assert ways.consequences("core2", ["core1"]) == ("agg", "line")
    assert ways.consequences("lte", ["core1", "core2"]) == ("web",)
    assert ways.consequences("web", ["web"]) == ()


def test_what_is_down_itself_is_no_consequence() -> None:
    """It is told of by itself; what is behind it still hangs on both."""
    assert Ways(PARENTS).consequences("core1", ["own"]) == ("desk",)


def test_what_is_regained_has_a_way_again() -> None:
    """The first of two cores brings everything back, except what is behind another failure."""
    ways = Ways(PARENTS)
    assert ways.regained("core1", ["core2"]) == ("agg", "own", "line", "desk")
    assert ways.regained("core2", []) == ()
    assert ways.regained("core1", ["own", "core2"]) == ("agg", "line")


GRAPHS = st.integers(1, 8).flatmap(
    lambda count: st.tuples(
        *(
            st.sets(st.sampled_from([f"t{p}" for p in range(n)])) if n else st.just(set[str]())
            for n in range(count)
        )
    )
)


@given(GRAPHS, st.sets(st.sampled_from([f"t{n}" for n in range(8)])), st.data())
def test_consequences_are_those_that_no_way_reaches(
    graph: tuple[set[str], ...], down: set[str], data: st.DataObject
) -> None:
    """Against a walk of every way: cut off is what has parents of which none lets through."""
    parents = {f"t{n}": tuple(sorted(members)) for n, members in enumerate(graph)}
    cause = data.draw(st.sampled_from(sorted(parents)))
    lost = down | {cause}

    def through(target: str) -> bool:
        return target not in lost and reached(target)

    def reached(target: str) -> bool:
        return not parents[target] or any(through(member) for member in parents[target])

    def behind(target: str) -> bool:
        return any(member == cause or behind(member) for member in parents[target])

    expected = {t for t in parents if not reached(t) and behind(t) and t not in lost}
    found = Ways(parents).consequences(cause, down)
    assert set(found) <= {t for t in parents if not reached(t)} - lost
    assert len(set(found)) == len(found)
    if not down - {cause}:
        assert set(found) == expected
    again = Ways(parents).regained(cause, down - {cause})
    lost = down - {cause}
    assert all(reached(target) for target in again)
