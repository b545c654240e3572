"""The truth that the lab computes from its own events, and the claims made on it. Pure."""

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import State
from tests.lab.city.claims import Rules, accused_falsely, contradictions, untold
from tests.lab.city.debts import slack, true_debt
from tests.lab.city.eventlog import Event
from tests.lab.city.plan import OFFICES, city
from tests.lab.city.truth import Faults, Reach, Span, standing, truth

PLAN = city()
S = 1_000_000_000
FO, G4, WEB = "dukcapil-fo", "dukcapil-4g", "dukcapil"
RULES = Rules(interval_ns=S, probe_ns=S)


def event(what: str, subject: str, value: object, at_s: float, toward: str = "") -> Event:
    """A switch that takes a tenth of a second."""
    before = round(at_s * S)
    return Event(what=what, subject=subject, value=value, toward=toward, before_ns=before,
                 after_ns=before + S // 10)  # fmt: skip


def reaches(events: list[Event], subject: str, *, dynamic: bool = False) -> list[str]:
    """The words of the spans over the first 100 s."""
    spans = truth(PLAN, events, subject, since_ns=0, until_ns=100 * S, dynamic=dynamic)
    return [span.reach.value for span in spans]


def at(events: list[Event], subject: str, second: float, *, dynamic: bool = False) -> str:
    """The reach at a moment."""
    spans = truth(PLAN, events, subject, since_ns=0, until_ns=100 * S, dynamic=dynamic)
    (found,) = (s for s in spans if s.started_ns <= second * S < s.ended_ns)
    return found.reach.value


def test_a_cut_and_its_mending() -> None:
    """A leg is up, unsure while the switch is thrown, down, unsure again, up."""
    events = [event("carrier", FO, False, 10), event("carrier", FO, True, 20)]
    assert reaches(events, FO) == ["up", "unsure", "down", "unsure", "up"]
    assert reaches(events, G4) == ["up"]


@pytest.mark.parametrize(
    ("events", "subject", "dynamic", "told"),
    [
        ([event("carrier", FO, False, 1)], WEB, False, "up"),
        ([event("blackhole", FO, True, 1)], WEB, False, "down"),
        ([event("blackhole", FO, True, 1)], WEB, True, "up"),
        ([event("blackhole", FO, True, 1, toward="core1")], FO, False, "down"),
        ([event("carrier", FO, False, 1), event("carrier", G4, False, 1)], WEB, True, "down"),
        ([event("loss", FO, 40, 1)], FO, False, "unsure"),
        ([event("loss", FO, 100, 1)], FO, False, "down"),
        ([event("router", "core1", True, 1)], FO, False, "down"),
        ([event("router", "core1", True, 1)], G4, False, "up"),
        ([event("router", "core1", True, 1)], "canary", False, "up"),
        ([event("router", "core1", True, 1), event("router", "core2", True, 1)], "dns", False,
         "down"),
        ([event("carrier", "lan", False, 1, toward="operations")], "canary", False, "down"),
        ([event("carrier", "internet-1", False, 1)], "canary", False, "up"),
        ([event("blackhole", "internet-1", True, 1)], "canary", True, "down"),
        ([event("server", "dns", True, 1)], "dns", False, "down"),
        ([event("server", "dukcapil", True, 1)], WEB, False, "down"),
        ([event("vrrp", "core1", "SIGKILL", 1)], "canary", False, "up"),
        ([event("asymmetric", FO, True, 1), event("blackhole", G4, True, 1)], FO, False, "down"),
        ([event("asymmetric", FO, True, 1), event("carrier", G4, False, 1)], FO, False, "up"),
        ([event("carrier", "trunk", False, 1)], G4, False, "down"),
        ([event("delay", FO, {}, 1), event("mtu", FO, 1300, 1)], FO, False, "up"),
    ],
)  # fmt: skip
def test_what_each_fault_does_to_a_subject(
    events: list[Event], subject: str, dynamic: bool, told: str
) -> None:
    """After everything has settled, a subject is reached or not as the map says."""
    assert at(events, subject, 90, dynamic=dynamic) == told


def test_a_moved_way_is_unsure_while_routing_moves_it() -> None:
    """With OSPF the site's way over its backup is claimed only after the time of converging."""
    events = [event("blackhole", FO, True, 10)]
    assert reaches(events, WEB, dynamic=True) == ["up", "unsure", "up"]
    assert [at(events, WEB, s, dynamic=True) for s in (9, 15, 30)] == ["up", "unsure", "up"]


def test_a_failover_alone_is_claimed_sooner() -> None:
    """Where VRRP alone moves the gateway, what is behind it is claimed again after 5 s, not 12."""
    events = [event("router", "core1", True, 10)]
    assert [at(events, "dns", s) for s in (9, 14, 16)] == ["up", "unsure", "up"]
    assert [at(events, "dns", s, dynamic=True) for s in (16, 23)] == ["unsure", "up"]


def test_a_healed_cable_is_whole() -> None:
    """`heal` undoes loss, blackhole and cut of its own cable alone."""
    events = [
        event("blackhole", FO, True, 1),
        event("carrier", G4, False, 1),
        event("heal", FO, None, 5),
    ]
    assert [at(events, leg, 9) for leg in (FO, G4)] == ["up", "down"]


@pytest.mark.parametrize("first", ["router", "vrrp"])
def test_a_router_that_boots_speaks_vrrp_again(first: str) -> None:
    """Whatever ended the VRRP of a dead core, it holds the gateway again once it has power."""
    faults = {
        "router": event("router", "core1", True, 1),
        "vrrp": event("vrrp", "core1", "SIGTERM", 2),
    }
    second = next(name for name in faults if name != first)
    events = [
        faults[first],
        faults[second],
        event("router", "core1", False, 30),
        event("router", "core2", True, 50),
    ]
    assert standing(events[:3]) == Faults()
    assert [at(events, "canary", s) for s in (20, 33, 49, 80)] == ["up", "unsure", "up", "up"]
    assert [at(events, FO, s) for s in (20, 80)] == ["down", "up"]


def test_nothing_is_called_so() -> None:
    """A subject that the map does not have is an error."""
    with pytest.raises(ValueError, match="nothing is called kupang"):
        reaches([], "kupang")


_LEGS = [leg for leg in PLAN.legs if leg.startswith(OFFICES)]
_SWITCHES = st.one_of(
    st.tuples(st.just("carrier"), st.sampled_from(_LEGS), st.booleans()),
    st.tuples(st.just("loss"), st.sampled_from(_LEGS), st.sampled_from([0, 40, 100])),
    st.tuples(st.just("heal"), st.sampled_from(_LEGS), st.none()),
    st.tuples(st.just("router"), st.sampled_from(["core1", "core2"]), st.booleans()),
    st.tuples(st.just("vrrp"), st.sampled_from(["core1"]), st.sampled_from(["SIGKILL", ""])),
)


@given(
    st.lists(_SWITCHES, max_size=12), st.sampled_from([*_LEGS, *OFFICES, "canary"]), st.booleans()
)
def test_spans_cover_the_time_once(
    switches: list[tuple[str, str, object]], subject: str, dynamic: bool
) -> None:
    """Whatever happens, spans are adjacent, differ from their neighbour and leave nothing out."""
    events = [event(w, s, v, 3 + 5 * i) for i, (w, s, v) in enumerate(switches)]
    spans = truth(PLAN, events, subject, since_ns=0, until_ns=100 * S, dynamic=dynamic)
    assert (spans[0].started_ns, spans[-1].ended_ns) == (0, 100 * S)
    for one, two in itertools.pairwise(spans):
        assert one.ended_ns == two.started_ns
        assert one.reach is not two.reach


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    started_ns: int
    ended_ns: int
    state: State


def _down(start: float, end: float) -> list[Span]:
    marks = ((0, start, Reach.UP), (start, end, Reach.DOWN), (end, 100, Reach.UP))
    return [Span(started_ns=round(a * S), ended_ns=round(b * S), reach=r) for a, b, r in marks]


def _said(start: float, end: float, state: State) -> Said:
    return Said(started_ns=round(start * S), ended_ns=round(end * S), state=state)


def test_covered_time_is_granted_and_no_more() -> None:
    """Available for 1.5 intervals into an outage is the rule; for three of them it is wrong."""
    spans, ok = _down(10, 30), State.AVAILABLE
    assert list(contradictions(spans, [_said(0, 11.5, ok), _said(29.5, 90, ok)], RULES)) == []
    (found,) = contradictions(spans, [_said(0, 13, ok)], RULES)
    assert found == (
        "stored as available for 1.00 s within 20.00 s in which it was down, from 12.00 s on"
    )
    (found,) = contradictions(spans, [_said(40, 45, State.UNAVAILABLE)], RULES)
    assert found == (
        "stored as unavailable for 5.00 s within 70.00 s in which it was up, from 40.00 s on"
    )


def test_only_long_outages_must_be_told() -> None:
    """A claimed outage without incident or label is missed; a short one is outside the claim."""
    assert list(untold(_down(10, 30), [(12 * S, 33 * S)], [], RULES)) == []
    assert list(untold(_down(10, 15), [], [], RULES)) == []
    assert list(untold(_down(10, 30), [(31 * S, 40 * S)], [], RULES)) == [
        "an outage of 20.00 s was never told"
    ]


def test_what_was_not_observed_is_not_missed() -> None:
    """An outage stored as unobserved was said to be unseen; half of it does not suffice."""
    spans, dark = _down(10, 30), State.UNOBSERVED
    assert list(untold(spans, [], [_said(12, 30, dark)], RULES)) == []
    assert list(untold(spans, [], [_said(12, 20, dark)], RULES)) != []


def test_an_accusation_needs_an_outage() -> None:
    """An incident whose first bad observation lies in the midst of being up is false."""
    spans = _down(10, 30)
    assert list(accused_falsely(spans, [11 * S, 30 * S], RULES)) == []
    assert list(accused_falsely(spans, [60 * S], RULES)) == ["accused 30.00 s after it had come up"]


def test_debt_is_time_with_one_leg_up_and_another_down() -> None:
    """Both down is an outage and no debt; what nobody can be sure of is possible debt only."""
    assert true_debt([_down(10, 30), _down(20, 40)]) == (20 * S, 20 * S)
    assert true_debt([_down(10, 30), _down(10, 30)]) == (0, 0)
    unsure = [Span(started_ns=0, ended_ns=100 * S, reach=Reach.UNSURE)]
    assert true_debt([_down(10, 30), unsure]) == (0, 100 * S)


@given(st.integers(1, 97), st.integers(1, 97))
def test_debt_is_bounded_and_the_same_from_either_leg(one: int, two: int) -> None:
    """The least is no more than the most, and it does not matter which leg is named first."""
    legs = [_down(one, one + 2), _down(two, two + 1)]
    least, most = true_debt(legs)
    assert 0 <= least <= most <= 3 * S
    assert true_debt(legs[::-1]) == (least, most)
    assert slack(legs, RULES) == slack(legs[::-1], RULES) > 0
