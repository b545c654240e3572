"""What the stored fields of path and egress say, what counts as a change, what may be set."""

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.egress_evidence import UNMEASURED, EgressEvidence, EgressSettings, Uplink
from checks.hops.flow import Desk, Route
from checks.hops.opening import open_flow, source_port
from checks.path import KIND, from_url, nameless, outcome_of
from checks.path_evidence import (
    PathEvidence,
    Paths,
    PathSettings,
    differ,
    is_balanced,
    learned,
    routers_of,
)
from checks.path_memory import PathMemory
from checks.poller import Poller
from monitor.ledger.wire import decode, encode
from monitor.model import Family, Indeterminate
from policies.expression import Environment
from tests.checks.harness import boottime_ns, net_of, run

THERE = "192.0.2.9"
R1, R2, R3, R4 = (f"198.51.100.{n}" for n in range(1, 5))
ADDRESSES = st.sampled_from(["", R1, R2, R3, R4])
WAYS = st.tuples(st.lists(ADDRESSES, max_size=5), st.booleans()).map(
    lambda drawn: (*drawn[0], THERE) if drawn[1] else tuple(drawn[0])
)


def seen(*paths: tuple[str, ...], **more: Any) -> PathEvidence:
    """Evidence of flows that went these ways."""
    values: dict[str, Any] = {
        "delay_us": None,
        "delays_us": (),
        "changed": None,
        "outcome": "reached",
        "reason": None,
        "unreachable_by": None,
        "address": THERE,
        "ends": ("arrived",) * len(paths),
        "paths": paths,
        "source_ports": tuple(range(20_000, 20_000 + len(paths))),
        "mtu": None,
        "mtu_by": None,
        "mtu_hole": None,
        "mtu_outcome": None,
    }
    return PathEvidence(**{**values, **more})


def test_routers_of_all_flows_the_nearest_first() -> None:
    """Every router once, in order of distance, without silence and without the destination."""
    found = routers_of(((R1, "", R3, THERE), (R1, R2, R3, THERE), (R1, R4)), THERE)
    assert found == (R1, R2, R4, R3)


@given(st.lists(WAYS, max_size=4).map(tuple))
def test_routers_are_what_answered(paths: Paths) -> None:
    """Exactly the addresses on the ways, each once."""
    found = routers_of(paths, R4)
    assert len(set(found)) == len(found)
    assert set(found) == {one for way in paths for one in way} - {"", R4}


@pytest.mark.parametrize(
    ("one", "two", "different"),
    [
        ((R1, R2, THERE), (R1, R2, THERE), False),
        ((R1, R2, THERE), (R1, R3, THERE), True),
        ((R1, "", THERE), (R1, R3, THERE), False),
        ((R1, R2), (R1, R2, R3, THERE), False),
        ((R1, THERE), (R1, R2, THERE), True),
        ((R1, THERE), (R1, "", THERE), False),
        (("", THERE), ("", "", THERE), False),
        ((THERE,), (R1, THERE), True),
        (("", THERE), (R1, "", R2, THERE), True),
        (("", THERE), (R1, "", R2), True),
        ((), (R1, R2), False),
    ],
)
def test_only_what_is_known_can_differ(
    one: tuple[str, ...], two: tuple[str, ...], different: bool
) -> None:
    """Two answers at one distance, or two distances of the destination; silence is neither."""
    assert differ(one, two, THERE) is differ(two, one, THERE) is different


@given(WAYS, WAYS)
def test_what_was_learned_contradicts_neither(
    before: tuple[str, ...], now: tuple[str, ...]
) -> None:
    """Merging two ways that do not differ loses nothing that was known of either."""
    if not differ(before, now, THERE):
        merged = learned(before, now, THERE)
        assert not differ(merged, before, THERE)
        assert not differ(merged, now, THERE)
        assert merged.count(THERE) <= 1
        for way in (before, now):
            assert all(old in ("", new) for old, new in zip(way, merged, strict=False))


def test_one_flow_cannot_show_balance() -> None:
    """With a single flow it is undefined; with two it is what they show."""
    assert is_balanced(((R1, THERE),), THERE) is None
    assert is_balanced(((R1, THERE), (R1, THERE)), THERE) is False
    assert is_balanced(((R1, THERE), (R2, THERE)), THERE) is True
    assert "balanced" not in seen((R1, THERE)).facts()


def test_a_change_behind_a_silence_is_still_seen() -> None:
    """What was known before a router fell silent is compared with what it says afterwards."""
    memory, series = PathMemory(), ("link", Family.IPV4)
    told = [
        memory.compared(series, seen(way)).changed
        for way in ((R1, R2, THERE), (R1, "", THERE), (R1, R3, THERE), (R1, R3, THERE))
    ]
    assert told == [None, 0, 1, 0]


def test_a_destination_that_was_silent_at_its_place_has_not_moved() -> None:
    """Met one hop later behind a silent one, it is neither further away nor a change."""
    memory, series = PathMemory(), ("link", Family.IPV4)
    ways = (R1, R2, THERE), (R1, R2, "", THERE), (R1, R2, THERE), (R1, R2, R3, THERE)
    assert [memory.compared(series, seen(way)).changed for way in ways] == [None, 0, 0, 1]
    assert "hop_count" not in seen((R1, R2, "", THERE)).facts()
    assert seen((R1, "", THERE), (R1, R2, THERE)).facts()["hop_count"] == 3


def test_other_flows_are_not_compared() -> None:
    """After another address or source port, and in another series, there is nothing to compare."""
    memory, series = PathMemory(), ("link", Family.IPV4)
    memory.compared(series, seen((R1, THERE)))
    assert memory.compared(series, seen((R2, THERE), source_ports=(9,))).changed is None
    assert memory.compared(series, seen((R3, THERE), address=R4)).changed is None
    assert memory.compared(("link", Family.IPV6), seen((R1, THERE))).changed is None


def test_an_unchanged_path_is_stored_once() -> None:
    """Delays and `changed` are measures: the record of the same way is the same bytes."""
    fields = PathEvidence.postures()
    one, two = (
        seen((R1, "", THERE)),
        seen((R1, "", THERE), delay_us=7, delays_us=(1, None, 7), changed=0),
    )
    stored = [encode({name: getattr(item, name) for name in fields}) for item in (one, two)]
    assert stored[0] == stored[1]
    assert decode(stored[0])["paths"] == ((R1, "", THERE),)


@pytest.mark.parametrize(
    ("ends", "outcome"),
    [
        (("arrived", "arrived"), "reached"),
        (("arrived", "timeout"), "reached"),
        (("arrived", "silent"), "partial"),
        (("silent", "loop"), "loop"),
        (("silent", "unreachable"), "unreachable"),
        (("timeout", "silent"), "silent"),
        (("timeout", "timeout"), "timeout"),
    ],
)
def test_one_word_for_all_flows(ends: tuple[str, ...], outcome: str) -> None:
    """A flow that was cut short contradicts no other; of the rest the plainest counts."""
    assert outcome_of(ends) == outcome


def test_whether_it_is_reached_is_open_while_the_walk_is() -> None:
    """Cut short on every flow, `reached` and `loop` are undefined; with one arrival it is."""
    assert not {"reached", "loop"} & set(seen((R1,), ends=("timeout",)).facts())
    assert seen((R1,), (R1, THERE), ends=("timeout", "arrived")).facts()["reached"] is True
    assert seen((R1,), (R1,), ends=("timeout", "loop")).facts()["loop"] is True


def test_a_name_without_an_address_has_no_path() -> None:
    """Nothing but the outcome and its reason is said."""
    assert nameless().facts() == {"outcome": "dns", "reason": "no such name"}


def test_bare_targets() -> None:
    """`path://host` and a port; anything more is refused."""
    from urllib.parse import urlsplit

    assert from_url(urlsplit("path://192.0.2.9")).port == 33_434
    assert from_url(urlsplit("path://[2001:db8::9]:33500")).port == 33_500
    for url in ("path://", "path://192.0.2.9/x", "path://192.0.2.9?x=1"):
        with pytest.raises(ValueError):
            from_url(urlsplit(url))


@pytest.mark.parametrize(
    "wrong",
    [{"flows": 0}, {"flows": 17}, {"max_hops": 65}, {"tries": 0}, {"wait": 0}, {"port": 0},
     {"wait": 5_000_001}, {"address": "a b"}],
)  # fmt: skip
def test_bad_settings_of_a_path_are_refused(wrong: dict[str, Any]) -> None:
    """Bounds are told when configured."""
    with pytest.raises(ValueError):
        PathSettings(**{"address": THERE, **wrong})


@given(st.integers(0, 115), st.sampled_from(["udp", "tcp"]), st.integers(0, 7))
def test_source_ports_are_constant_and_below_the_ephemeral_ones(
    number: int, protocol: Any, attempt: int
) -> None:
    """The same flow has the same port in every process, and none that is given out by chance."""
    route = Route(address=THERE, port=33_434)
    port = source_port(protocol, route, number, attempt)
    assert 20_000 <= port < 32_000
    assert port == source_port(protocol, Route(address=THERE, port=33_434), number, attempt)


def test_a_source_port_that_is_taken_is_passed_over() -> None:
    """The next candidate is as constant as the first; nobody's socket is disturbed."""

    async def scenario() -> None:
        route = Route(address="127.91.3.7", port=33_434)
        desk = Desk(net=net_of(), poller=Poller(boottime_ns))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
            holder.bind(("0.0.0.0", source_port("udp", route, 0)))
            flow, port = open_flow(desk, "udp", route)
            flow.close()
        desk.poller.close()
        assert port == source_port("udp", route, 0, 1)

    run(scenario)


def test_a_published_source_port() -> None:
    """The port of a flow never changes with a release, or every path would seem changed."""
    assert source_port("udp", Route(address="192.0.2.1", port=33_434), 0) == 20285


OUTCOMES = st.sampled_from(
    ["reached", "silent", "unreachable", "no-interface", "permission", "timeout"]
)


def egress(outcomes: list[str]) -> EgressEvidence:
    """Evidence of uplinks that ended so."""
    return EgressEvidence(
        delays_us=(None,) * len(outcomes),
        address=THERE,
        names=tuple(f"u{number}" for number in range(len(outcomes))),
        outcomes=tuple(outcomes),
        reasons=("",) * len(outcomes),
        first_hops=("",) * len(outcomes),
        as_expected=None,
        default_uplink=None,
        default_source=None,
        default_first_hop=None,
        default_outcome="reached",
    )


RULE = "evidence.working_at_least >= 2 || (evidence.working_at_most >= 2 && evidence.working >= 2)"


@given(st.lists(OUTCOMES, min_size=1, max_size=8))
def test_two_working_uplinks_are_judged_only_by_what_is_known(outcomes: list[str]) -> None:
    """The rule of the pack is decided exactly where every way to fill the gaps agrees."""
    environment = Environment(
        {f"evidence.{name}": kind for name, kind in EgressEvidence.FACTS.items()}
    )
    facts = {f"evidence.{name}": value for name, value in egress(outcomes).facts().items()}
    result = environment.compile(RULE).evaluate(facts)
    works = outcomes.count("reached")
    open_ = sum(outcome in UNMEASURED for outcome in outcomes)
    possible = {works + more >= 2 for more in range(open_ + 1)}
    if len(possible) == 1:
        assert result is possible.pop()
    else:
        assert isinstance(result, Indeterminate)


@given(st.lists(OUTCOMES, min_size=1, max_size=8))
def test_an_empty_list_of_failures_is_never_a_guess(outcomes: list[str]) -> None:
    """`failed` is empty only when every uplink was measured and works."""
    facts = egress(outcomes).facts()
    if facts.get("failed") == []:
        assert set(outcomes) == {"reached"}
    assert ("working" in facts) == (not facts["unmeasured"])


@pytest.mark.parametrize(
    "wrong",
    [{}, {"source": "gateway"}, {"interface": "a name too long"}, {"interface": "a/b"},
     {"mark": 0}, {"mark": 2**32}, {"mark": 1, "first_hop": "router"}],
)  # fmt: skip
def test_bad_uplinks_are_refused(wrong: dict[str, Any]) -> None:
    """An uplink says how to leave, by addresses and names that can exist."""
    with pytest.raises(ValueError):
        Uplink(**wrong)


def test_uplinks_are_of_one_family() -> None:
    """A source decides the family; two that contradict each other are refused."""
    four, six = Uplink(source="192.0.2.1"), Uplink(source="2001:db8::1")
    card = Uplink(interface="wwan0")
    assert EgressSettings(address="name.example", uplinks={"a": card}).families() == (
        Family.IPV4,
        Family.IPV6,
    )
    assert EgressSettings(address="name.example", uplinks={"a": six, "b": card}).families() == (
        Family.IPV6,
    )
    for uplinks in ({"a": four, "b": six}, {}, {str(n): card for n in range(9)}):
        with pytest.raises(ValueError):
            EgressSettings(address="name.example", uplinks=uplinks)
    with pytest.raises(ValueError):
        EgressSettings(address="2001:db8::9", uplinks={"a": four})


def test_the_counters_of_a_fresh_prober_are_empty() -> None:
    """Nothing is lost before anything was asked; a prober needs no running loop."""
    prober = KIND.prober(net_of())
    assert (dict(prober.counters()), list(prober.notes())) == ({}, [])
