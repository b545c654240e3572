"""The table of packets under way, stamp keys and the wire: pure parts of the prober."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.ping.flight import (
    EXPIRED_GUARD_NS,
    SEQUENCES,
    Departure,
    Flight,
    Instant,
    Match,
)
from checks.ping.kernel import TxStamps
from checks.ping.pace import Pace
from checks.ping.samples import LOST, UNSENT, Samples, Wish
from checks.ping.stamp_keys import EARLIER_NS, StampKeys
from checks.ping.wire import Replies, read_replies, socket_address, write_requests
from monitor.model import Family

_MS = 1_000_000
_OFFSET = 10**18


def _depart(flight: Flight, count: int, now_ns: int, timeout_ms: int = 1_000) -> np.ndarray:
    sequences = flight.take(count, now_ns)
    number = len(sequences)
    flight.depart(
        Departure(
            sequences,
            np.arange(number),
            np.zeros(number, np.int64),
            (sequences + 1_000).astype(np.uint64),
            np.tile(np.array([192, 0, 2, 1], np.uint8), (number, 1)),
            np.full(number, 64),
            np.full(number, timeout_ms * _MS),
            Instant(now_ns, _OFFSET),
        )
    )
    return sequences


def _replies(sequences: np.ndarray, **other: object) -> Replies:
    number = len(sequences)
    columns: dict[str, object] = {
        "sound": np.ones(number, bool),
        "identifier": np.full(number, 7),
        "sequence": sequences,
        "cookie": (sequences + 1_000).astype(np.uint64),
        "length": np.full(number, 64),
        "padded": np.ones(number, bool),
    }
    return Replies(**(columns | other))  # type: ignore[arg-type]


def _match(
    flight: Flight,
    replies: Replies,
    now_ns: int,
    *,
    source: int = 1,
    arrived: int = 0,
    offset: int = _OFFSET,
) -> tuple[list[Match], list[int]]:
    number = len(replies.sequence)
    sources = np.tile(np.array([192, 0, 2, source], np.uint8), (number, 1))
    kinds, answers = flight.match(
        replies, sources, 7, np.full(number, arrived), Instant(now_ns, offset)
    )
    return [Match(kind) for kind in kinds.tolist()], answers.delays_ns.tolist()


def test_an_answer_is_taken_once() -> None:
    """The true reply answers; the same again is a duplicate, in one batch or in the next."""
    flight = Flight(4)
    sequence = _depart(flight, 1, 0)
    twice = _replies(np.repeat(sequence, 2))
    assert _match(flight, twice, 5 * _MS) == ([Match.ANSWER, Match.DUPLICATE], [5 * _MS])
    assert _match(flight, _replies(sequence), 6 * _MS) == ([Match.DUPLICATE], [])
    assert flight.under_way == 0


@pytest.mark.parametrize(
    ("other", "source", "kind"),
    [
        ({"cookie": np.array([9], np.uint64)}, 1, Match.FORGED),
        ({"identifier": np.array([8])}, 1, Match.FORGED),
        ({"sequence": np.array([60_000])}, 1, Match.FORGED),
        ({}, 2, Match.WRONG_SOURCE),
        ({"length": np.array([63])}, 1, Match.CORRUPT),
        ({"padded": np.array([False])}, 1, Match.CORRUPT),
        ({"sound": np.array([False])}, 1, Match.CORRUPT),
    ],
)
def test_a_wrong_reply_is_no_answer(other: dict[str, object], source: int, kind: Match) -> None:
    """A reply that differs in one thing is named for it, and the true one still answers."""
    flight = Flight(4)
    sequence = _depart(flight, 1, 0)
    assert _match(flight, _replies(sequence, **other), _MS, source=source) == ([kind], [])
    assert _match(flight, _replies(sequence), 2 * _MS) == ([Match.ANSWER], [2 * _MS])


def test_a_late_reply_is_no_answer_whenever_it_is_read() -> None:
    """A reply later than the timeout is late, before its packet was expired and after."""
    flight = Flight(4)
    sequence = _depart(flight, 1, 0)
    assert _match(flight, _replies(sequence), 1_001 * _MS) == ([Match.LATE], [])
    assert flight.expire(1_001 * _MS).rows.tolist() == [0]
    assert _match(flight, _replies(sequence), 1_002 * _MS) == ([Match.LATE], [])


def test_a_reply_read_late_but_stamped_in_time_is_an_answer() -> None:
    """A stall of this process does not make the network lose a packet."""
    flight = Flight(4)
    sequence = _depart(flight, 1, 0)
    flight.stamp(sequence, TxStamps(np.array([0]), np.array([_OFFSET + _MS])))
    kinds = _match(flight, _replies(sequence), 9_000 * _MS, arrived=_OFFSET + 4 * _MS)
    assert kinds == ([Match.ANSWER], [3 * _MS])


@pytest.mark.parametrize("step_ms", [-3_600_000, -40, 2, 40, 3_600_000])
def test_a_stepped_wall_clock_moves_no_delay(step_ms: int) -> None:
    """When the wall clock was set between the stamps, the boot clock gives the delay."""
    flight = Flight(4)
    sequence = _depart(flight, 1, 0)
    flight.stamp(sequence, TxStamps(np.array([0]), np.array([_OFFSET])))
    step = step_ms * _MS
    arrived = _OFFSET + 30 * _MS + step
    kinds = _match(flight, _replies(sequence), 50 * _MS, arrived=arrived, offset=_OFFSET + step)
    assert kinds == ([Match.ANSWER], [50 * _MS])


def test_a_stamp_from_before_the_departure_is_not_the_packets() -> None:
    """An old datagram's stamp under a new number is refused; the first true one stays."""
    flight = Flight(4)
    sequence = _depart(flight, 1, 100 * _MS)
    for real_ms in (50, 101, 108):
        stamps = TxStamps(np.array([0]), np.array([_OFFSET + real_ms * _MS]))
        flight.stamp(sequence, stamps)
    kinds = _match(flight, _replies(sequence), 110 * _MS, arrived=_OFFSET + 109 * _MS)
    assert kinds == ([Match.ANSWER], [8 * _MS])


@given(st.lists(st.tuples(st.sampled_from("sae"), st.integers(1, 30_000)), max_size=12))
def test_a_sequence_under_way_or_guarded_is_never_taken(acts: list[tuple[str, int]]) -> None:
    """Sequences are distinct while under way, and rest for the guard time after their end."""
    flight, now, running = Flight(4), 0, set[int]()
    ended: dict[int, int] = {}
    for act, number in acts:
        now += number * 100_000
        if act == "s":
            taken = _depart(flight, number, now, timeout_ms=700).tolist()
            assert not running & set(taken)
            assert all(now - ended.get(s, -(10**18)) >= EXPIRED_GUARD_NS // 2 for s in taken)
            running |= set(taken)
        elif act == "a":
            chosen = sorted(running)[:number]
            kinds, _ = _match(flight, _replies(np.array(chosen, np.int64)), now)
            answered = {s for s, k in zip(chosen, kinds, strict=True) if k is Match.ANSWER}
            running -= answered
            ended |= dict.fromkeys(answered, now)
        else:
            before = flight.under_way
            flight.expire(now)
            over = before - flight.under_way
            gone = {s for s in running if flight._free_at[s] < 1 << 62}
            assert len(gone) == over
            running -= gone
            ended |= dict.fromkeys(gone, now)
        assert flight.under_way == len(running) <= SEQUENCES


def test_all_sequences_can_be_under_way() -> None:
    """65,536 packets fit; the next finds none free, and the expired rest before they return."""
    flight = Flight(4)
    assert len(_depart(flight, SEQUENCES, 0)) == SEQUENCES
    assert len(flight.take(1, 0)) == 0
    assert len(flight.expire(1_000 * _MS).rows) == SEQUENCES
    assert len(flight.take(1, 1_000 * _MS)) == 0
    assert len(flight.take(1, 1_000 * _MS + EXPIRED_GUARD_NS)) == 1


def test_what_never_left_is_free_at_once() -> None:
    """A withdrawn packet needs no guard, and a reply to it is forged."""
    flight = Flight(4)
    sequence = _depart(flight, 1, 0)
    flight.withdraw(sequence)
    assert _match(flight, _replies(sequence), _MS) == ([Match.FORGED], [])
    assert flight.expire(10**15).rows.tolist() == []


@given(st.lists(st.integers(-1, 300), max_size=40), st.integers(0, (1 << 32) - 1))
def test_stamp_keys_name_the_sequence_of_their_datagram(sends: list[int], start: int) -> None:
    """Keys count datagrams, wrap at 2^32, and know nothing from before a restart."""
    keys, truth, kernel, sequence = StampKeys(), dict[int, int](), start, 0
    keys._next = start
    for count in sends:
        if count < 0:
            keys.restart(lambda sequences: np.zeros(len(sequences), bool), 0)
            truth, kernel = {}, 0
            continue
        block = np.arange(sequence, sequence + count) % SEQUENCES
        keys.sent(block)
        for one in block.tolist():
            truth[kernel % (1 << 32)] = one
            kernel += 1
        sequence += count
    asked = np.array([*truth, kernel % (1 << 32)], np.int64)
    assert keys.sequences(asked).tolist() == [*truth.values(), -1]


def test_a_number_with_two_meanings_has_none() -> None:
    """After a restart an open datagram's number is believed until the new numbering reaches it."""
    keys = StampKeys()
    keys.sent(np.array([100, 101, 102]))
    keys.restart(lambda sequences: sequences == 101, 0)
    assert keys.sequences(np.array([0, 1, 2])).tolist() == [-1, 101, -1]
    keys.sent(np.array([200, 201, 202]))
    assert keys.sequences(np.array([0, 1, 2])).tolist() == [200, -1, 202]
    keys.restart(lambda sequences: np.zeros(len(sequences), bool), EARLIER_NS)
    keys.sent(np.array([300, 301]))
    assert keys.sequences(np.array([0, 1])).tolist() == [300, 301]


@given(st.integers(0, 0xFFFF), st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=20), st.data())
def test_requests_carry_a_right_checksum_and_only_the_cookie(
    identifier: int, sequences: list[int], draw: st.DataObject
) -> None:
    """Each request sums to 0xFFFF (RFC 1071) and holds header, cookie and zeros alone."""
    cookies = [draw.draw(st.integers(0, 2**64 - 1)) for _ in sequences]
    packets = np.zeros((len(sequences), 64), np.uint8)
    write_requests(
        packets,
        Family.IPV4,
        identifier,
        np.array(sequences),
        np.array(cookies, np.uint64),
        checksum=True,
    )
    for packet, sequence, cookie in zip(packets, sequences, cookies, strict=True):
        octets = packet.tobytes()
        total = sum(struct.unpack("!32H", octets))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        assert total == 0xFFFF
        kind, code, _, wrote_identifier, wrote_sequence = struct.unpack("!BBHHH", octets[:8])
        assert (kind, code, wrote_identifier, wrote_sequence) == (8, 0, identifier, sequence)
        assert octets[8:16] == struct.pack("=Q", cookie)
        assert not any(octets[16:])


@given(st.lists(st.binary(max_size=100), min_size=1, max_size=10))
def test_any_bytes_can_be_read(messages: list[bytes]) -> None:
    """Whatever comes is read without an error, and only whole replies are sound."""
    packets = np.zeros((len(messages), 120), np.uint8)
    for row, message in zip(packets, messages, strict=True):
        row[: len(message)] = np.frombuffer(message, np.uint8)
    lengths = np.array([len(message) for message in messages])
    replies = read_replies(packets, lengths, np.zeros(len(messages), bool), 0)
    for number, message in enumerate(messages):
        assert replies.sound[number] == (len(message) >= 16 and message[:2] == b"\0\0")
        assert replies.padded[number] == (not any(message[16:]))


@pytest.mark.parametrize(
    "address",
    ["255.255.255.255", "224.0.0.1", "0.0.0.0", "ff02::1", "::", "::ffff:192.0.2.1", "name", ""],
)
def test_only_unicast_literals_have_a_socket_address(address: str) -> None:
    """Broadcast, multicast, unspecified and mapped addresses, and names, are refused."""
    with pytest.raises(ValueError, match=r"address|does not appear"):
        socket_address(address)


def test_a_scoped_address_names_its_interface() -> None:
    """The zone becomes the interface's index; one that is not there is refused."""
    assert struct.unpack_from("=I", socket_address("fe80::1%lo"), 24)[0] == 1
    with pytest.raises(ValueError, match="no interface 'nowhere0'"):
        socket_address("fe80::1%nowhere0")


def test_singletons_keep_their_rhythm_and_never_burst() -> None:
    """Due times stand still while ticks jitter, an eighth early or late; a stall starts anew."""
    samples, early = Samples(50_000_000), 100 // 8
    rows = np.array(samples.add([Wish(b"\0" * 28, 9, 100, 1, 16)], 1_000))
    for now, following in ((1_007, 1_100), (1_130, 1_200), (1_450, 1_550), (1_551, 1_650)):
        assert samples.due(now).tolist() == rows.tolist()
        samples.leave(rows, now)
        assert not len(samples.due(following - early - 1))
        assert len(samples.due(following - early))


def test_only_a_spacing_shorter_than_the_tick_asks_for_shorter_steps() -> None:
    """While it still sends, and never shorter than 10 ms; others ask for nothing."""
    ms, samples = 1_000_000, Samples(50_000_000)
    usual = samples.step_ns()
    assert usual > 3_600_000 * ms

    def begun(spacing_ms: int) -> np.ndarray:
        return np.array(samples.add([Wish(b"\0" * 28, 2, spacing_ms * ms, 1, 16)], 0))

    begun(50)
    assert samples.step_ns() == usual
    quick, quicker = begun(20), begun(3)
    assert samples.step_ns() == 10 * ms
    samples.leave(quicker, 0)
    samples.leave(quicker, 10 * ms)
    assert samples.step_ns() == 20 * ms
    samples.leave(quick, 0)
    assert samples.step_ns() == 20 * ms
    samples.leave(quick, 20 * ms)
    assert samples.step_ns() == usual


@given(st.lists(st.tuples(st.integers(1, 12), st.sampled_from("alfu")), min_size=1, max_size=60))
def test_every_row_ends_once_with_all_its_singletons(probes: list[tuple[int, str]]) -> None:
    """Rows are used again, columns grow, and each probe's outcomes are its own."""
    samples, seen = Samples(50_000_000), list[list[int]]()
    for count, fate in probes:
        (row,) = samples.add([Wish(b"\0" * 28, count, 1, 1, 16)], 0)
        rows = np.array([row])
        for place in range(count):
            singletons, _ = samples.leave(rows, place)
            assert singletons.tolist() == [place]
            if fate == "f":
                samples.failed(rows, np.array([1]))
                continue
            samples.left(rows, singletons, 5)
            if fate == "a":
                samples.answered(rows, singletons, np.array([100 + place]))
            elif fate == "l":
                samples.lost(rows)
            else:
                samples.unmeasured(rows, singletons, 105)
        (ended,) = samples.take_ended()
        assert (ended.row, len(samples)) == (row, 0)
        seen.append(ended.delays_us)
    fates = {"l": LOST, "f": UNSENT, "u": UNSENT}
    for (count, fate), found in zip(probes, seen, strict=True):
        assert found == ([100 + p for p in range(count)] if fate == "a" else [fates[fate]] * count)


@given(st.integers(1, 200), st.integers(1, 60))
def test_short_steps_do_not_look_like_a_low_rate(step_ms: int, per_ms: int) -> None:
    """The pace depends on the packets a second, not on how often the lane is stepped."""
    pace, now = Pace(), 10**12
    for _ in range(600 // step_ms + 2):
        pace.sent += per_ms * step_ms
        now += step_ms * _MS
        pace.step(0, now)
    ideal = 3_000_000 * 3 // 4 // 1_536 / (per_ms * 1_000) * 1e9
    # Windows of 50 ms end at the step after: up to twice the packets of a window are in one.
    assert 0.45 * ideal <= pace.limit_ns(3_000_000) <= max(1.12 * ideal, _MS)


def test_an_overflow_asks_for_shorter_steps() -> None:
    """Dropped datagrams are counted once, over the wrap of the counter, and halve the pace."""
    pace = Pace()
    pace.step(0, 10**12 - 1)
    pace.sent = 1_000
    assert pace.step((1 << 32) - 2, 10**12) == (1 << 32) - 2
    before = pace.limit_ns(1 << 22)
    assert (pace.step(3, 10**12 + 1), pace.overflow_ns) == (5, 10**12 + 1)
    assert pace.limit_ns(1 << 22) == pytest.approx(before / 2, rel=0.01)
    assert pace.step(3, 10**12 + 2) == 0
