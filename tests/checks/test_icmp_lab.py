"""The ICMP prober on real kernels: two namespaces, real losses, and a hostile host."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import checks.ping.endpoint as endpoint_module
from checks.base import Probe
from checks.ping.endpoint import WARM_UP_NS
from checks.ping.lane import Lane
from checks.ping.prober import IcmpProber
from checks.ping.samples import Wish
from checks.ping.wire import socket_address
from checks.scope import loopback_scope
from monitor.model import Family, FaultKind
from tests.checks.icmp_scene import Names, assignment, delays, make_prober, run
from tests.lab.hostile_icmp import Hostile, Manner
from tests.lab.netns import Pair, crowd
from tests.lab.parts import need_namespaces, require

pytestmark = pytest.mark.lab

_FOUND = ("answer", "corrupt", "forged", "wrong_source", "duplicate", "late")


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two fresh namespaces for one test."""
    need_namespaces()
    with Pair() as joined:
        yield joined


@pytest.fixture(params=["datagram", "raw"])
def kind_of_socket(request: pytest.FixtureRequest, pair: Pair) -> str:
    """Both kinds of socket: where ping sockets are refused, root's raw one is used."""
    if request.param == "raw":
        pair.near.sysctl("net.ipv4.ping_group_range", "1 0")
    return str(request.param)


def _crowd(v6: bool, count: int) -> list[str]:
    return crowd(count, v6=v6)


@pytest.mark.parametrize("v6", [False, True])
def test_an_answering_host(pair: Pair, kind_of_socket: str, v6: bool) -> None:
    """Every singleton has a delay by kernel stamps, over either socket, in either family."""
    with pair.near.inside():
        prober = make_prober()
        address = pair.far.v6 if v6 else pair.far.v4
        (outcome,) = run(prober, [assignment(address, count=5)])
    assert len(delays(outcome)) == 5
    assert None not in delays(outcome)
    assert prober.counters()["answer"] == 5
    assert prober.counters()["no_timestamp"] == 0
    assert list(prober.notes()) == (["icmp.raw-socket"] if kind_of_socket == "raw" else [])


@pytest.mark.parametrize("v6", [False, True])
def test_exact_loss(pair: Pair, v6: bool) -> None:
    """One packet in four is lost by the network: loss is exactly 0.25, and which is known."""
    pair.lose_every(4)
    with pair.near.inside():
        address = pair.far.v6 if v6 else pair.far.v4
        (outcome,) = run(make_prober(), [assignment(address, count=20, timeout_ms=500)])
    lost = [place for place, delay in enumerate(delays(outcome)) if delay is None]
    assert lost == [0, 4, 8, 12, 16]
    assert outcome.evidence is not None
    assert outcome.evidence.facts()["loss"] == 0.25


def test_a_blackhole_is_loss_not_a_fault(pair: Pair) -> None:
    """Where nothing comes back, all singletons were sent and lost."""
    pair.lose(100)
    with pair.near.inside():
        (outcome,) = run(make_prober(), [assignment(pair.far.v4, timeout_ms=200)])
    assert delays(outcome) == (None, None, None)


@pytest.mark.parametrize("v6", [False, True])
def test_no_wrong_reply_is_an_answer(pair: Pair, kind_of_socket: str, v6: bool) -> None:
    """Each manner of a hostile host is counted under its name and answers nothing."""
    manners = {
        Manner.WRONG_COOKIE: "forged",
        Manner.WRONG_SEQUENCE: "forged",
        Manner.WRONG_SOURCE: "wrong_source",
        Manner.TRUNCATED: "corrupt",
        Manner.LONGER: "corrupt",
        Manner.HUGE: "corrupt",
        Manner.WRONG_PADDING: "corrupt",
        # The kernel itself, or the socket's filter, keeps these two from us.
        Manner.WRONG_IDENTIFIER: "",
        Manner.WRONG_TYPE: "",
        Manner.SILENT: "",
    }
    addresses = dict(zip(_crowd(v6, len(manners)), manners, strict=True))
    with Hostile(pair, addresses), pair.near.inside():
        for address, manner in addresses.items():
            prober = make_prober()
            (outcome,) = run(prober, [assignment(address, count=2, timeout_ms=150)])
            assert delays(outcome) == (None, None), manner
            found = {name: prober.counters()[name] for name in _FOUND if prober.counters()[name]}
            assert found == ({manners[manner]: 2} if manners[manner] else {}), manner


@pytest.mark.parametrize("v6", [False, True])
def test_true_replies_beside_false_ones(pair: Pair, v6: bool) -> None:
    """The true reply answers after a forged one, and a second true one is a duplicate."""
    first, second, third = _crowd(v6, 3)
    manners = {first: Manner.TWICE, second: Manner.FORGED_FIRST, third: Manner.HONEST}
    with Hostile(pair, manners), pair.near.inside():
        prober = make_prober()
        # The last sender ends last: replies that follow an answer are still read.
        run(prober, [assignment(third, count=3, size=1_000)])
        outcomes = run(prober, [assignment(address, count=3) for address in manners])
        assert all(None not in delays(outcome) for outcome in outcomes)
        prober.tick()
    counters = prober.counters()
    assert (counters["answer"], counters["duplicate"], counters["forged"]) == (12, 3, 3)


def test_a_late_reply_is_counted_not_believed(pair: Pair) -> None:
    """A reply after the timeout leaves the singleton lost, and is counted as late."""
    address = crowd(1)[0]
    with Hostile(pair, {address: Manner.HELD}) as hostile, pair.near.inside():
        prober = make_prober()
        (outcome,) = run(prober, [assignment(address, count=1, timeout_ms=100)])
        assert delays(outcome) == (None,)
        assert hostile.release() == 1
        for _ in range(10_000):
            prober.tick()
            if prober.counters()["late"]:
                break
    assert prober.counters()["late"] == 1
    assert prober.counters()["answer"] == 0


def test_stamps_stay_in_step_after_refused_sends(pair: Pair, kind_of_socket: str) -> None:
    """Sends that a firewall refuses in the middle of a batch cost no other packet its stamp."""
    good, refused = crowd(40), "198.18.200.1"
    rule = "table inet t {\n chain o {\n type filter hook output priority 0; policy accept;\n"
    rule += f" ip daddr {refused} drop\n }}\n}}\n"
    pair.near.run("nft", "-f", "-", stdin=rule)
    mixed = [assignment(address, count=4) for address in good]
    for place in (0, 7, 8, 30, 44):
        mixed.insert(place, assignment(refused, count=4))
    with pair.near.inside():
        prober = make_prober()
        outcomes = run(prober, mixed)
    for item, outcome in zip(mixed, outcomes, strict=True):
        if item.target == refused:
            assert outcome.fault is not None
            assert outcome.fault.kind is FaultKind.LOCAL_NETWORK
            assert "firewall" in outcome.fault.message
        else:
            assert None not in delays(outcome)
    counters = prober.counters()
    assert (counters["answer"], counters["unsent"]) == (160, 20)
    assert counters["no_timestamp"] == 0


def test_a_full_queue_is_not_loss(pair: Pair) -> None:
    """Packets that the device's queue refuses (ENOBUFS) were not sent; the rest are measured."""
    require("tc")
    shape = "dev near0 root tbf rate 64kbit burst 2000 limit 3000"
    pair.near.run("tc", "qdisc", "add", *shape.split())
    with pair.near.inside():
        prober = make_prober()
        probes = [assignment(address, count=1, size=400) for address in crowd(60)]
        outcomes = run(prober, probes)
    faults = [outcome.fault for outcome in outcomes if outcome.fault is not None]
    assert 0 < len(faults) < 60
    assert {fault.kind for fault in faults} == {FaultKind.LOCAL_RESOURCE}
    assert prober.counters()["unsent"] == len(faults)
    assert prober.counters()["answer"] == 60 - len(faults)
    # Stamps are taken behind the queue: what waits in it is no delay of the network. A stamp
    # whose number has two meanings is not believed, and its packet is counted.
    stamped = 60 - len(faults) - prober.counters()["no_timestamp"]
    found = [delay for outcome in outcomes if outcome.evidence for delay in delays(outcome)]
    assert stamped > 0
    assert sum(delay is not None and delay < 5_000 for delay in found) >= stamped


def test_a_packet_without_a_way_out_was_never_sent(pair: Pair) -> None:
    """No route, a prohibited one and a broadcast address are faults of the local network."""
    pair.near.run("ip", "route", "add", "prohibit", "203.0.113.8")
    pair.near.run("ip", "route", "add", "blackhole", "203.0.113.9")
    addresses = ["203.0.113.7", "203.0.113.8", "203.0.113.9", "192.0.2.255", "2001:db9::1"]
    with pair.near.inside():
        outcomes = run(make_prober(), [assignment(address) for address in addresses])
    for outcome in outcomes:
        assert outcome.evidence is None
        assert outcome.fault is not None
        assert outcome.fault.kind is FaultKind.LOCAL_NETWORK


def test_a_link_that_fails_in_mid_sample(pair: Pair) -> None:
    """Singletons that could not leave are not counted as sent: loss speaks of the others."""
    with pair.near.inside():
        prober = make_prober()
        outcomes = []
        cut = False
        settings = assignment(pair.far.v4, count=6, spacing_ms=40)
        prober.begin([Probe(0, settings)], lambda _, outcome: outcomes.append(outcome))
        for _ in range(1_000_000):
            prober.tick()
            if prober.counters()["answer"] == 3 and not cut:
                cut = True
                pair.near.run("ip", "route", "add", "prohibit", pair.far.v4)
            if outcomes:
                break
    assert 0 < len(delays(outcomes[0])) < 6
    assert None not in delays(outcomes[0])


def test_replies_that_this_host_dropped_are_not_loss(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the receive buffer overflowed, missing replies are unmeasured, and it is counted."""
    monkeypatch.setattr(endpoint_module, "WISHED_BUFFER_BYTES", 4_096)
    with pair.near.inside():
        prober = make_prober()
        outcomes = run(prober, [assignment(a, count=2, timeout_ms=300) for a in crowd(60)])
    dropped, unmeasured = prober.counters()["dropped"], prober.counters()["unmeasured"]
    assert dropped > 0
    assert unmeasured > 0
    lost = sum(delays(o).count(None) for o in outcomes if o.evidence is not None)
    assert prober.counters()["answer"] + lost + unmeasured == 120
    faults = {outcome.fault.kind for outcome in outcomes if outcome.fault is not None}
    assert faults <= {FaultKind.LOCAL_RESOURCE}


def test_without_any_right_every_probe_is_a_permission_fault(pair: Pair) -> None:
    """No ping socket and no CAP_NET_RAW: the fault names the remedy, and the note is visible."""
    require("setpriv")
    pair.near.sysctl("net.ipv4.ping_group_range", "1 0")
    code = (
        "from tests.checks.icmp_scene import *\n"
        "prober = make_prober()\n"
        "for outcome in run(prober, [assignment('127.0.0.1'), assignment('::1')]):\n"
        "    print(outcome.fault.kind.value, outcome.fault.message)\n"
        "print(list(prober.notes()))\n"
    )
    root = str(Path(__file__).parents[2])
    privileges = ["--bounding-set=-net_raw", "--inh-caps=-net_raw"]
    done = pair.near.run(
        "setpriv", *privileges, sys.executable, "-c", code, env={"PYTHONPATH": root}
    )
    first, second, notes = done.stdout.splitlines()
    assert first == second
    assert first.startswith("permission no ICMP socket is allowed: let the agent's group")
    assert "CAP_NET_RAW" in first
    assert notes == "['icmp.no-socket']"


def test_without_kernel_stamps_user_clocks_serve(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel without stamps: delays are still measured, at once by the loop, and it is noted."""
    monkeypatch.setattr(endpoint_module, "_stamping", lambda _: False)

    async def scene(prober: IcmpProber) -> None:
        ended = asyncio.Event()
        probe = Probe(0, assignment(pair.far.v4, count=4, spacing_ms=20))
        prober.begin([probe], lambda _, outcome: (outcomes.append(outcome), ended.set()))
        for _ in range(1_000):
            prober.tick()
            try:
                await asyncio.wait_for(ended.wait(), 0.05)
            except TimeoutError:
                continue
            break
        await prober.close()

    outcomes: list[object] = []
    with pair.near.inside():
        prober = make_prober()
        asyncio.run(asyncio.wait_for(scene(prober), 60))
    assert prober.counters()["no_timestamp"] == prober.counters()["answer"] == 4
    assert len(outcomes) == 1


def test_the_note_on_user_clocks_comes_and_goes(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The note stands while the kernel gives no stamps, and only then."""
    with pair.near.inside():
        stamped = make_prober()
        run(stamped, [assignment(pair.far.v4)])
        monkeypatch.setattr(endpoint_module, "_stamping", lambda _: False)
        unstamped = make_prober()
        run(unstamped, [assignment(pair.far.v4)])
    assert (list(stamped.notes()), list(unstamped.notes())) == ([], ["icmp.user-clock"])


def test_no_packet_leaves_the_scope(pair: Pair) -> None:
    """An address out of scope gets a fault and no packet, be it literal or resolved."""
    need = "table inet t {\n chain i {\n type filter hook input priority 0; policy accept;\n"
    pair.far.run("nft", "-f", "-", stdin=need + " icmp type echo-request counter\n }\n}\n")
    names = Names({("www.example", Family.IPV4): [pair.far.v4]})
    with pair.near.inside():
        prober = make_prober(loopback_scope(), names)
        outcomes = run(
            prober, [assignment(pair.far.v4), assignment("www.example"), assignment("224.0.0.1")]
        )
    assert [o.fault.kind for o in outcomes if o.fault] == [FaultKind.SCOPE] * 3
    assert "packets 0 " in pair.far.run("nft", "list", "ruleset").stdout


def test_a_name_is_probed_where_it_resolves(pair: Pair) -> None:
    """A name's address of the series' family is probed, even if the resolver takes its time."""
    known = {("www.example", Family.IPV4): [pair.far.v4], ("www.example", Family.IPV6): []}
    names = Names(known, later=True)
    outcomes = {}
    probes = [
        Probe(0, assignment("www.example", family=Family.IPV4)),
        Probe(1, assignment("www.example", family=Family.IPV6)),
        Probe(2, assignment("gone.example", family=Family.IPV4)),
    ]
    with pair.near.inside():
        prober = make_prober(names=names)
        prober.begin(probes, outcomes.__setitem__)
        assert not outcomes
        names.answer()
        for _ in range(1_000_000):
            prober.tick()
            if len(outcomes) == 3:
                break
    assert None not in delays(outcomes[0])
    assert outcomes[1].fault is not None
    assert outcomes[1].fault.kind is FaultKind.ABSENT
    assert delays(outcomes[2]) == ()


def test_scoped_and_loopback_addresses(pair: Pair) -> None:
    """Loopback and a link-local address with its interface are ordinary targets."""
    words = pair.far.run("ip", "-6", "-brief", "address", "show", "far0").stdout.split()
    local = next(word for word in words if word.startswith("fe80:")).split("/")[0]
    targets = ["127.0.0.1", "::1", f"{local}%near0"]
    with pair.near.inside():
        outcomes = run(make_prober(), [assignment(address) for address in targets])
    for outcome in outcomes:
        assert None not in delays(outcome)


def test_many_probes_of_many_sizes(pair: Pair) -> None:
    """Two thousand probes of mixed sizes at once: every singleton is answered and stamped."""
    probes = [
        assignment(address, count=1 + place % 3, size=8 + place % 1_000)
        for place, address in enumerate(crowd(1_600) + crowd(400, v6=True))
    ]
    with pair.near.inside():
        prober = make_prober()
        outcomes = run(prober, probes)
    singletons = [delay for outcome in outcomes for delay in delays(outcome)]
    assert len(singletons) == sum(1 + place % 3 for place in range(2_000))
    assert None not in singletons
    assert prober.counters()["no_timestamp"] == 0
    assert prober.counters()["dropped"] == 0


def test_nothing_is_sent_before_the_kernel_stamps(pair: Pair) -> None:
    """For the first 150 ms of a socket packets wait; then they leave."""
    now_ns = 10**12
    with pair.near.inside():
        lane = Lane(Family.IPV4, lambda: now_ns, Counter(), 50_000_000)
        assert lane.open() is None
        lane.add([Wish(socket_address(pair.far.v4), 1, 1, 10**9, 64)])
        lane.step()
        early = lane._flight.under_way
        now_ns += WARM_UP_NS
        lane.step()
        lane.close()
    assert (early, lane._flight.under_way) == (0, 1)


def test_the_pace_follows_the_rate_and_the_buffer(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many packets into a small receive buffer ask for shorter ticks."""
    monkeypatch.setattr(endpoint_module, "WISHED_BUFFER_BYTES", 65_536)
    with pair.near.inside():
        prober = make_prober()
        run(prober, [assignment(address, count=1) for address in crowd(1_000)])
    assert prober.pace_ns() < 50_000_000
