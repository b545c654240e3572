"""The clock check against real SNTP servers of loopback, honest and otherwise."""

import struct
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import clock
from checks.clock_evidence import ClockSettings
from checks.sntp import Sample, agreement, ntp_time, request, sample, unix_us
from monitor.model import Family, FaultKind
from tests.checks.harness import (
    SHORT,
    assignment,
    facts,
    fault,
    gather,
    net_of,
    observe,
    run,
    wall_us,
)
from tests.lab.ntpserver import NtpServer


async def compare(*servers: NtpServer, **wishes: Any) -> dict[str, Any]:
    """The facts of a probe of all these servers."""
    async with AsyncExitStack() as stack:
        for server in servers:
            await stack.enter_async_context(server)
        wish = ClockSettings(
            servers=tuple(server.endpoint for server in servers),
            **{"timeout": 5_000_000, **wishes},
        )
        return facts(await observe(clock.KIND, wish, None, Family.NONE))


def test_one_server_gives_offset_delay_and_stratum() -> None:
    """The offset is that of the server's clock, and positive when the server is ahead."""

    async def scenario() -> None:
        for offset_us in (5_000_000, -5_000_000):
            found = await compare(NtpServer(offset_us=offset_us, stratum=3))
            assert found["outcome"] == "answered"
            assert abs(found["offset_ms"] - offset_us / 1_000) < 500
            assert found["offset_abs_ms"] == abs(found["offset_ms"])
            assert (found["stratum"], found["answered"], found["servers"]) == (3, 1, 1)
            assert found["delay_ms"] >= 0

    run(scenario)


def test_the_majority_counts() -> None:
    """One server that is an hour off does not move the result of three."""

    async def scenario() -> None:
        servers = NtpServer(), NtpServer(offset_us=3_600_000_000), NtpServer(offset_us=1_000)
        found = await compare(*servers, tolerance=2_000_000)
        assert found["outcome"] == "answered"
        assert found["offset_abs_ms"] < 2_000
        assert (found["answered"], found["agreeing"]) == (3, 2)

    run(scenario)


def test_without_a_majority_there_is_no_offset() -> None:
    """Two servers that contradict each other: disagreement, the offset undefined."""

    async def scenario() -> None:
        found = await compare(NtpServer(), NtpServer(offset_us=3_600_000_000))
        assert found["outcome"] == "disagreement"
        assert "offset_ms" not in found

    run(scenario)


def test_a_forged_reply_is_passed_over() -> None:
    """A reply that does not repeat the random origin is not believed."""

    async def scenario() -> None:
        found = await compare(NtpServer(manner="forged"))
        assert found["offset_abs_ms"] < 1_000_000

    run(scenario)


@pytest.mark.parametrize(
    ("manner", "outcome", "reason"),
    [
        ("silent", "timeout", None),
        ("garbage", "timeout", None),
        ("kiss", "kiss", "RATE"),
        ("unsynchronised", "unsynchronised", "stratum 2"),
        ("zero", "malformed", "a time is zero"),
        ("back", "malformed", "answered before it received"),
    ],
)
def test_a_bad_server_ends_in_an_outcome(manner: Any, outcome: str, reason: str | None) -> None:
    """Silence, nonsense, refusal and impossible times give no offset but an outcome."""

    async def scenario() -> None:
        limit = SHORT if outcome == "timeout" else 5_000_000
        found = await compare(NtpServer(manner=manner), timeout=limit)
        assert (found["outcome"], found.get("reason")) == (outcome, reason)
        assert "offset_ms" not in found

    run(scenario)


def test_a_server_that_asks_to_be_left_alone_is_left_alone() -> None:
    """After a kiss of death the server is not asked again by this prober."""

    async def scenario() -> None:
        async with NtpServer(manner="kiss") as server:
            prober = clock.KIND.prober(net_of())
            wish = ClockSettings(servers=(server.endpoint,))
            for _ in range(3):
                outcomes = await gather(prober, [assignment(clock.KIND, wish, Family.NONE)])
                assert facts(outcomes[0])["outcome"] == "kiss"
            await prober.close()
            assert server.requests == 1

    run(scenario)


def test_what_the_agent_could_not_do_is_a_fault() -> None:
    """No servers, and servers out of scope, are faults; one good server beside them is enough."""

    async def scenario() -> None:
        none = await observe(clock.KIND, ClockSettings(), None, Family.NONE)
        assert fault(none).kind is FaultKind.CLOCK
        outside = await observe(
            clock.KIND, ClockSettings(servers=("192.0.2.1",)), None, Family.NONE
        )
        assert fault(outside).kind is FaultKind.SCOPE
        async with NtpServer() as server:
            net = net_of(time_servers=("192.0.2.1", server.endpoint))
            found = facts(await observe(clock.KIND, ClockSettings(), net, Family.NONE))
        assert (found["outcome"], found["servers"], found["answered"]) == ("answered", 2, 1)

    run(scenario)


def test_a_clock_that_is_stepped_meanwhile_is_a_fault() -> None:
    """When the wall clock moves against the boot clock, nothing is said about the offset."""

    async def scenario() -> None:
        times = iter([wall_us()])
        net = net_of(wall_us=lambda: next(times, wall_us() + 3_600_000_000))
        async with NtpServer() as server:
            wish = ClockSettings(servers=(server.endpoint,))
            outcome = await observe(clock.KIND, wish, net, Family.NONE)
        assert fault(outcome).kind is FaultKind.CLOCK

    run(scenario)


@given(at=st.integers(min_value=0, max_value=2**37 * 1_000_000), off=st.integers(-(10**15), 10**15))
def test_ntp_time_is_read_in_the_nearest_era(at: int, off: int) -> None:
    """A time within 68 years of the local clock is read back to the microsecond, in any era."""
    assert abs(unix_us(ntp_time(at), at + off) - at) <= 1


@given(
    offset=st.integers(-(10**12), 10**12), there=st.integers(0, 10**6), back=st.integers(0, 10**6)
)
def test_the_offset_is_right_within_half_the_asymmetry(offset: int, there: int, back: int) -> None:
    """For any true offset and ways there and back, the error is half of their difference."""
    sent = 1_790_000_000_000_000
    server = sent + there + offset
    reply = bytearray(request(7))
    reply[0], reply[1] = 0x24, 1
    reply[24:48] = struct.pack("!QQQ", 7, ntp_time(server), ntp_time(server + 50))
    got = sample(bytes(reply), 7, sent, sent + there + 50 + back)
    assert isinstance(got, Sample)
    assert abs(got.offset_us - offset - (there - back) / 2) <= 3
    assert abs(got.delay_us - there - back) <= 3


@given(message=st.binary(max_size=80), nonce=st.integers(0, 2**64 - 1))
def test_any_datagram_is_judged(message: bytes, nonce: int) -> None:
    """Arbitrary bytes never raise and, without the nonce, are no answer."""
    if message[24:32] != nonce.to_bytes(8):
        assert sample(message, nonce, 0, 1) is None
    sample(message[:24] + nonce.to_bytes(8) + message[32:], nonce, 0, 1)


@given(st.lists(st.integers(-(10**9), 10**9), min_size=1, max_size=10), st.integers(0, 10**6))
def test_an_agreed_offset_was_measured_and_has_a_majority(offsets: list[int], wide: int) -> None:
    """What is agreed upon is a sample, and more than half of all lie near it."""
    samples = [Sample(offset_us=item, delay_us=0, stratum=1) for item in offsets]
    agreed, near = agreement(samples, wide)
    if agreed is not None:
        assert agreed in samples
        close = [item for item in offsets if abs(item - agreed.offset_us) <= 2 * wide]
        assert 2 * len(close) > len(offsets)
        assert near <= len(close)


def test_bad_settings_are_refused() -> None:
    """Nonsense servers and too many of them are a ValueError when configured."""
    for servers in (("a b",), ("[::1",), ("192.0.2.1",) * 11):
        with pytest.raises(ValueError):
            ClockSettings(servers=servers)
