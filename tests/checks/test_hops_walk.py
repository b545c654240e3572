"""Walks and searches against a network that is a function: every case, at once, without packets."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.hops.answer import Answer
from checks.hops.path_mtu import LARGEST, SMALLEST, MtuSearch
from checks.hops.walk import FULL, GAP, Walk
from monitor.model import Fault, FaultKind

THERE = "192.0.2.9"
Reply = Answer | Fault | None
BROKEN = Fault(kind=FaultKind.LOCAL_NETWORK, message="no route")


class Scripted:
    """Answers by a function of hops, size and how often it was asked."""

    def __init__(self, reply: Callable[[int, int], Reply], late: Answer | None = None) -> None:
        self._reply = reply
        self.late = late
        self.asked: list[tuple[int, int]] = []

    async def ask(self, hops: int, wait_us: int, size: int = 0) -> Reply:
        """The scripted answer, at once."""
        self.asked.append((hops, size))
        return self._reply(hops, size)

    def close(self) -> None:
        """Nothing to close."""


def router(number: int) -> Answer:
    """A router that says that the hops are used up."""
    return Answer(kind="exceeded", address=f"198.51.100.{number}", delay_us=number)


def there() -> Answer:
    """The destination."""
    return Answer(kind="arrived", address=THERE, delay_us=99)


def row(*replies: Reply, end: Reply = None) -> Scripted:
    """A network in which each distance has its answer, and what is further has `end`."""

    def reply(hops: int, size: int) -> Reply:
        return replies[hops - 1] if hops <= len(replies) else end

    return Scripted(reply)


def walked(asker: Scripted, *, max_hops: int = 30, tries: int = 2) -> tuple[Walk, Fault | None]:
    """A walk to its end."""
    walk = Walk(asker=asker, max_hops=max_hops, tries=tries, wait_us=1)
    return walk, asyncio.run(walk.go())


def test_a_walk_stops_at_the_destination() -> None:
    """No packet goes further than it must."""
    asker = row(router(1), router(2), there(), end=there())
    walk, _ = walked(asker)
    assert walk.addresses() == ("198.51.100.1", "198.51.100.2", THERE)
    assert walk.delays_us() == (1, 2, 99)
    assert (walk.end, walk.delay_us) == ("arrived", 99)
    assert asker.asked == [(1, 0), (2, 0), (3, 0)]


def test_a_silent_hop_is_asked_again_and_stays_in_its_place() -> None:
    """Each silent hop gets all its tries; the ones after it keep their distance."""
    asker = row(router(1), None, router(3), there())
    walk, _ = walked(asker, tries=3)
    assert walk.addresses() == ("198.51.100.1", "", "198.51.100.3", THERE)
    assert walk.delays_us()[1] is None
    assert asker.asked.count((2, 0)) == 3


def test_behind_a_gap_the_destination_is_asked() -> None:
    """Many silent routers do not hide a destination that answers."""
    asker = row(router(1), *[None] * 8, there(), end=there())
    walk, _ = walked(asker)
    assert walk.end == "arrived"
    assert walk.addresses() == ("198.51.100.1", *[""] * 8, THERE)
    assert asker.asked.count((FULL, 0)) == 1
    # The destination is there: what is silent from here on is asked once, so that it ends soon.
    assert [asker.asked.count((hops, 0)) for hops in range(2, 10)] == [2] * GAP + [1] * 3


def test_behind_a_gap_without_a_destination_the_walk_ends() -> None:
    """After a gap and a silent destination nothing more is sent, and trailing silence is cut."""
    asker = row(router(1))
    walk, _ = walked(asker)
    assert (walk.end, walk.addresses()) == ("silent", ("198.51.100.1",))
    assert max(hops for hops, _ in asker.asked if hops != FULL) == 1 + GAP


def test_a_destination_that_answers_only_from_afar_is_reached_at_no_distance() -> None:
    """It answered a packet with all its hops: reached, however far."""

    def reply(hops: int, size: int) -> Reply:
        return there() if hops == FULL else None

    walk, _ = walked(Scripted(reply), max_hops=12)
    assert (walk.end, walk.addresses(), walk.delay_us) == ("arrived", (), 99)


def test_a_loop_needs_a_silent_destination() -> None:
    """A router that shows up again is a loop only if the destination does not answer."""
    circle = [router(1), router(2), router(3), router(2), router(3)]
    walk, _ = walked(row(*circle))
    assert (walk.end, len(walk.addresses())) == ("loop", 4)
    mended = Scripted(lambda hops, size: there() if hops > len(circle) else circle[hops - 1])
    assert walked(mended)[0].end == "arrived"


def test_one_router_at_two_distances_in_a_row_is_no_loop() -> None:
    """A router that forwards what it should not (TTL 0) shows up twice and is no loop."""
    walk, _ = walked(row(router(1), router(1), there()))
    assert walk.end == "arrived"


def test_who_refuses_is_the_last_hop_once() -> None:
    """A router that refuses is a hop, and not a second one if it has shown itself before."""
    no = Answer(kind="unreachable", address="198.51.100.2", word="prohibited")
    fresh, _ = walked(row(router(1), no))
    shown, _ = walked(row(router(1), router(2), no))
    assert fresh.addresses() == shown.addresses() == ("198.51.100.1", "198.51.100.2")
    assert (fresh.end, fresh.word, fresh.by) == ("unreachable", "prohibited", "198.51.100.2")


def test_a_late_refusal_counts() -> None:
    """What a router said of an earlier packet explains the silence."""
    asker = row(router(1))
    asker.late = Answer(kind="unreachable", address="198.51.100.1", word="host")
    walk, _ = walked(asker)
    assert (walk.end, walk.word, walk.by) == ("unreachable", "host", "198.51.100.1")


def test_a_packet_that_used_all_its_hops_went_beyond() -> None:
    """A time-exceeded for 64 hops without a router seen twice: further than anybody looked."""
    asker = row(*[None] * 10, end=router(9))
    assert walked(asker, max_hops=8)[0].end == "beyond"


def test_a_fault_ends_the_walk() -> None:
    """What this host refuses is handed on as it is, at a hop and at the destination."""
    assert walked(row(router(1), BROKEN))[1] is BROKEN
    assert walked(row(router(1), end=BROKEN))[1] is BROKEN
    silent = Scripted(lambda hops, size: BROKEN if hops == FULL else None)
    assert walked(silent)[1] is BROKEN


REPLIES = st.sampled_from(
    [None, there(), *(router(n) for n in range(4)),
     Answer(kind="unreachable", address="198.51.100.3", word="host"),
     Answer(kind="unreachable", address="", word="neighbour"),
     Answer(kind="too-big", address="198.51.100.2", mtu=1_300), BROKEN]
)  # fmt: skip


@given(st.lists(REPLIES, max_size=12), REPLIES, st.integers(1, 12), st.integers(1, 3))
def test_every_network_ends_a_walk(
    replies: Sequence[Reply], end: Reply, bound: int, tries: int
) -> None:
    """Whatever is answered, packets are bounded, hops are true to their place, and the end fits."""
    asker = row(*replies, end=end)
    walk, fault = walked(asker, max_hops=bound, tries=tries)
    assert len(asker.asked) <= (bound + 13) * tries
    for place, address in enumerate(walk.addresses()):
        told = replies[place] if place < len(replies) else end
        assert address in ("", getattr(told, "address", None))
    if fault is None:
        assert walk.end != "timeout"
        assert (walk.delay_us is not None) == (walk.end == "arrived")


def pipe(width: int, *, tells: bool = True, answers: bool = True, floor: int = 0) -> Scripted:
    """A way of this MTU: a router tells it, or large packets vanish."""

    def reply(hops: int, size: int) -> Reply:
        if size <= width:
            return there() if answers else None
        if not tells:
            return None
        return Answer(kind="too-big", address="198.51.100.2", mtu=max(floor, width))

    return Scripted(reply)


def searched(asker: Scripted, version: int = 4) -> MtuSearch:
    """A search to its end."""
    search = MtuSearch(asker=asker, version=version, tries=2, wait_us=1)
    assert asyncio.run(search.go()) is None
    return search


@given(st.sampled_from([4, 6]), st.integers(0, LARGEST))
def test_every_mtu_is_found_where_it_is_told(version: int, above: int) -> None:
    """Any width from the smallest on, in two packets."""
    width = min(LARGEST, SMALLEST[version] + above)
    asker = pipe(width)
    search = searched(asker, version)
    assert (search.mtu, search.outcome, search.hole) == (width, "found", False)
    assert len(asker.asked) <= 2
    assert search.by == (None if width == LARGEST else "198.51.100.2")


@given(st.sampled_from([4, 6]), st.integers(0, LARGEST - 1_281))
def test_every_hole_is_found_to_the_byte(version: int, above: int) -> None:
    """Where nobody tells, the largest size that passes is found, in a bounded number of packets."""
    width = SMALLEST[version] + above
    asker = pipe(width, tells=False)
    search = searched(asker, version)
    assert (search.mtu, search.outcome, search.hole) == (width, "hole", True)
    assert len(asker.asked) <= 45


def test_a_router_that_does_not_say_how_big() -> None:
    """MTU 0 in the error (before RFC 1191): the plateaus are tried downward."""

    def reply(hops: int, size: int) -> Reply:
        if size <= 1_400:
            return there()
        return Answer(kind="too-big", address="198.51.100.2", mtu=0)

    search = searched(Scripted(reply))
    assert (search.mtu, search.outcome) == (1_006, "found")


@pytest.mark.parametrize("told", [0, 68, 9_216, 65_535, 4_294_967_295])
def test_a_liar_does_not_lead_far(told: int) -> None:
    """A router that always says "too big", with any number, ends in nothing, and soon."""
    liar = Scripted(lambda hops, size: Answer(kind="too-big", address="x", mtu=told))
    search = searched(liar)
    assert (search.mtu, search.hole, search.outcome) == (None, None, "unanswered")
    assert len(liar.asked) <= 16


def test_silence_is_no_hole() -> None:
    """A destination that answers nothing has neither MTU nor hole."""
    search = searched(pipe(1_500, tells=False, answers=False))
    assert (search.mtu, search.hole, search.outcome) == (None, None, "unanswered")


def test_loss_is_no_hole() -> None:
    """When a small packet vanishes as well, nothing is decided."""
    asked_again = 0

    def reply(hops: int, size: int) -> Reply:
        nonlocal asked_again
        asked_again += size == 1_300
        lost = size == 1_300 and asked_again > 2
        return there() if size <= 1_300 and not lost else None

    search = searched(Scripted(reply))
    assert (search.mtu, search.hole, search.outcome) == (None, None, "lost")
