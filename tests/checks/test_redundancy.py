"""The redundancy check on legs that a test lays down."""

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import redundancy
from checks.base import Leg
from checks.redundancy_evidence import RedundancyEvidence, RedundancySettings
from checks.shared_fate import shared_hops
from checks.table import KINDS
from monitor.model import Family, FaultKind, State
from tests.checks.harness import facts, fault, net_of, observe, run

UP, DOWN, UNSEEN = State.AVAILABLE, State.UNAVAILABLE, State.UNOBSERVED
ADDRESSES = [f"192.0.2.{n}" for n in range(1, 9)]


def leg(link: str, state: State, *routers: str, role: str = "") -> Leg:
    """A leg in a state, with the routers on its path."""
    return Leg(link=link, role=role, state=state, since_ns=1, routers=routers or None)


def found(legs: Sequence[Leg], settings: RedundancySettings | None = None) -> dict[str, object]:
    """The facts of one look at these legs."""
    seen: dict[str, object] = {}

    async def scenario() -> None:
        net = net_of(legs=lambda site: legs if site == "t" else ())
        outcome = await observe(redundancy.KIND, settings or RedundancySettings(), net, Family.NONE)
        seen.update(facts(outcome))

    run(scenario)
    return seen


def test_the_primary_down_and_the_backup_up() -> None:
    """The site is up on a single leg, and the leg that it lost is named."""
    legs = [leg("fo", DOWN, role="primary"), leg("lte", UP, role="backup")]
    assert found(legs) == {
        "configured": 2, "alive": 1, "down": ["fo"], "unseen": [], "up": True, "all_alive": False,
        "single_leg": True, "lost_legs": ["fo"], "primary_alive": False, "paths_known": 0,
    }  # fmt: skip


def test_all_legs_down_is_an_outage_and_no_debt() -> None:
    """The site is down; which legs it lost while it was up is not defined."""
    seen = found([leg("fo", DOWN), leg("lte", DOWN)])
    assert (seen["up"], seen["single_leg"], seen["all_alive"]) == (False, False, False)
    assert "lost_legs" not in seen


def test_an_unseen_backup_leaves_open_what_it_would_decide() -> None:
    """With the primary alive the site is up, and whether it is redundant is not known."""
    seen = found([leg("fo", UP), leg("lte", UNSEEN)])
    assert (seen["up"], seen["unseen"]) == (True, ["lte"])
    assert not {"all_alive", "single_leg", "lost_legs"} & set(seen)
    seen = found([leg("fo", DOWN), leg("lte", UNSEEN)])
    assert not {"up", "single_leg", "lost_legs"} & set(seen)
    assert seen["all_alive"] is False


def test_three_legs_with_one_down_are_in_debt_and_not_single() -> None:
    """Fewer are alive than configured, but a failure more ends nothing."""
    seen = found([leg("a", UP), leg("b", DOWN), leg("c", UP)])
    assert (seen["lost_legs"], seen["single_leg"]) == (["b"], False)


@pytest.mark.parametrize("states", list(product(State, repeat=3)))
def test_a_fact_is_there_only_where_the_seen_legs_decide_it(states: tuple[State, ...]) -> None:
    """Whatever the unseen legs turn out to be, a fact that was given stays true."""
    if set(states) == {UNSEEN}:
        return
    names = ("up", "all_alive", "single_leg")
    given_now = found([leg(f"l{n}", state) for n, state in enumerate(states)])
    for world in product(*((UP, DOWN) if one is UNSEEN else (one,) for one in states)):
        then = found([leg(f"l{n}", state) for n, state in enumerate(world)])
        assert all(then[name] == given_now[name] for name in names if name in given_now)


def test_no_observation_at_all_is_a_fault() -> None:
    """What nobody looked at is not measured, whether the site has links or none."""

    async def scenario() -> None:
        for legs in ([], [leg("fo", UNSEEN), leg("lte", UNSEEN)]):
            net = net_of(legs=lambda _, legs=legs: legs)
            outcome = await observe(redundancy.KIND, RedundancySettings(), net, Family.NONE)
            assert fault(outcome).kind is FaultKind.UNSEEN

    run(scenario)


def test_it_has_a_state_and_no_incident_of_its_own() -> None:
    """The kind is derived: its availability is the site's, its links tell people."""
    assert KINDS["redundancy"].derived
    assert KINDS["redundancy"].available == "evidence.up"
    assert [kind.name for kind in KINDS.values() if kind.derived] == ["redundancy"]


def test_a_hop_on_both_paths_is_named() -> None:
    """The router that primary and backup share is a fact; the agent's first hop is none."""
    legs = [
        leg("fo", UP, "192.0.2.1", "192.0.2.9", "192.0.2.20", role="primary"),
        leg("lte", UP, "192.0.2.1", "192.0.2.7", "192.0.2.9"),
    ]
    assert found(legs)["shared_hops"] == ["192.0.2.9"]
    common = RedundancySettings(common=("192.0.2.9",))
    assert found(legs, common)["shared_hops"] == []


@pytest.mark.parametrize(
    ("paths", "primary", "expected"),
    [
        ({"a": ["192.0.2.1"], "b": ["192.0.2.2"]}, "a", ()),
        ({"a": ["192.0.2.1", "192.0.2.3"], "b": ["192.0.2.3"]}, "a", ("192.0.2.3",)),
        ({"a": ["192.0.2.1"]}, "a", None),
        ({}, "a", None),
        # Whether c shares a hop is not known; that b does is.
        ({"a": ["192.0.2.1"], "b": ["192.0.2.2"], "c": None}, "a", None),
        ({"a": ["192.0.2.1", "192.0.2.5"], "b": ["192.0.2.5"], "c": None}, "a", ("192.0.2.5",)),
        # The two backups share a hop, which is nobody's way to the primary.
        (
            {"a": ["192.0.2.1"], "b": ["192.0.2.2", "192.0.2.5"], "c": ["192.0.2.3", "192.0.2.5"]},
            "a",
            (),
        ),
        ({"a": None, "b": ["192.0.2.5"], "c": ["192.0.2.4", "192.0.2.5"]}, "a", None),
        ({"a": ["192.0.2.4", "192.0.2.5"], "b": ["192.0.2.5"]}, None, ("192.0.2.5",)),
        # One address in two notations; only the very first hop of all is left out.
        (
            {"a": ["2001:db8::1", "2001:db8:0::5"], "b": ["2001:db8::1", "2001:db8::5"]},
            "a",
            ("2001:db8::5",),
        ),
    ],
)
def test_which_hops_are_shared(
    paths: dict[str, list[str] | None], primary: str | None, expected: tuple[str, ...] | None
) -> None:
    """Named where seen, empty only where every path is known, absent else."""
    known = {link: hops for link, hops in paths.items() if hops}
    assert shared_hops(list(paths) or ["a", "b"], known, primary=primary) == expected


path_lists = st.lists(st.sampled_from(ADDRESSES), min_size=1, max_size=5, unique=True)


@given(a=path_lists, b=path_lists, common=st.sets(st.sampled_from(ADDRESSES)))
def test_shared_hops_are_on_both_paths_and_none_is_missed(
    a: list[str], b: list[str], common: set[str]
) -> None:
    """Just the hops of both, but for the common ones and a first hop of all, in order."""
    own = common | ({a[0]} if a[0] == b[0] else set())
    expected = tuple(hop for hop in a if hop in b and hop not in own)
    assert shared_hops(["a", "b"], {"a": a, "b": b}, primary="a", common=common) == expected


def test_a_path_on_which_no_router_answered_is_not_known() -> None:
    """No address seen is not the same as none shared."""
    silent = Leg(link="lte", role="", state=UP, since_ns=1, routers=())
    seen = found([leg("fo", UP, "192.0.2.1"), silent])
    assert seen["paths_known"] == 1
    assert "shared_hops" not in seen


@pytest.mark.parametrize("common", [("core",), ("192.0.2.1",) * 65, ("192.0.2.0/24",)])
def test_a_common_hop_is_an_address(common: tuple[str, ...]) -> None:
    """A name, a network or a list without end is refused."""
    with pytest.raises(ValueError, match=r"address|common"):
        RedundancySettings(common=common)


def test_evidence_has_no_time_in_it() -> None:
    """An unchanged site costs one record: everything is posture."""
    assert RedundancyEvidence.measures() == ()
