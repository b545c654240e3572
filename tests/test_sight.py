"""Whether a target could have been seen at all."""

from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Kind, State, Target
from monitor.sight import AGENT, Sights, Way, parents_of

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
    """Only by an observation that is fresh enough."""
    seen = sights(("child", UP, 10))
    assert seen.reached("child", 10).way is Way.CLEAR
    assert seen.reached("child", 11).way is Way.UNKNOWN


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(list(State)), st.integers(0, 20))))
def test_a_way_is_blocked_only_by_fresh_and_unanimous_failure(
    seen: list[tuple[str, State, int]],
) -> None:
    """Blocked means that every parent's newest observation is fresh and down; clear, one is up."""
    newest = {name: (state, at) for name, state, at in seen}
    fresh = [newest[n][0] for n in "ab" if n in newest and newest[n][1] >= 10]
    look = sights(*seen).look("child", 10)
    assert (look.way is Way.CLEAR) == (UP in fresh)
    assert (look.way is Way.BLOCKED) == (fresh == [DOWN, DOWN])
    assert bool(look.ask) == (look.way is Way.UNKNOWN)


def test_sites_are_replaced_by_their_links() -> None:
    """A link stands behind its site's parents, a service behind its site's links."""
    targets = [
        Target(key="core", kind=Kind.SITE, name=""),
        Target(key="core-fo", kind=Kind.LINK, name="", site="core"),
        Target(key="office", kind=Kind.SITE, name="", parents=("core",)),
        Target(key="fo", kind=Kind.LINK, name="", site="office"),
        Target(key="lte", kind=Kind.LINK, name="", site="office"),
        Target(key="web", kind=Kind.SERVICE, name="", site="office", parents=("gone",)),
    ]
    found = parents_of(targets)
    assert found["fo"] == found["lte"] == ("core-fo",)
    assert found["web"] == ("fo", "lte")
    assert found["core-fo"] == ()
    assert found["office"] == ("core-fo",)
