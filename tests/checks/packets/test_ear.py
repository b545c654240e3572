"""One interface's listening: what is kept, for how long, and what a hole does to it."""

from collections.abc import Iterator

from checks.packets.process.ear import BATCH, MOST_BATCHES, Ear
from checks.packets.process.filter import Wanted
from tests.checks.packets import samples

S = 1_000_000_000
VRRP = ("vrrp", 4, 0, 51)


class Frames:
    """A capture in memory: frames that wait, and what the kernel was told to admit."""

    def __init__(self) -> None:
        self.waiting: list[tuple[bytes, int, bool]] = []
        self.wanted = Wanted()

    def want(self, wanted: Wanted) -> None:
        """The filter."""
        self.wanted = wanted

    def receive(self, limit: int) -> Iterator[tuple[bytes, int, bool]]:
        """Up to `limit` frames."""
        for _ in range(min(limit, len(self.waiting))):
            yield self.waiting.pop(0)


def listening() -> tuple[Ear, Frames]:
    """An ear and its frames."""
    frames = Frames()
    return Ear(frames), frames  # type: ignore[arg-type]


def test_the_filter_follows_what_is_asked_for() -> None:
    """Each question widens it; when its time is over it narrows, and in the end nothing is left."""
    ear, frames = listening()
    ear.group(VRRP, 0, 10 * S)
    assert frames.wanted == Wanted(vrrp=True)
    ear.neighbour("192.0.2.1", 0, 20 * S)
    ear.group(("hsrp", 4, 1, 7), 0, 5 * S)
    assert frames.wanted == Wanted(vrrp=True, hsrp=True, neighbours=frozenset({"192.0.2.1"}))
    assert ear.keep(6 * S)
    assert frames.wanted == Wanted(vrrp=True, neighbours=frozenset({"192.0.2.1"}))
    ear.group(VRRP, 7 * S, 30 * S)
    assert ear.keep(25 * S)
    assert frames.wanted == Wanted(vrrp=True)
    assert not ear.keep(31 * S)


def test_a_question_never_shortens_another() -> None:
    """Asked with less patience, a group is kept as long as was promised before."""
    ear, _ = listening()
    first = ear.group(VRRP, 0, 100 * S)
    assert ear.group(VRRP, S, 2 * S) is first
    assert ear.keep(99 * S)


def test_frames_reach_whom_they_concern() -> None:
    """A group hears its own number, a neighbour its own address; bad frames are counted."""
    ear, frames = listening()
    group, look = ear.group(VRRP, 0, S), ear.neighbour("192.0.2.1", 0, S).begin()
    heard = (samples.vrrp_3(), samples.vrrp_3(vrid=9), samples.vrrp_6())
    asked = (samples.arp(), samples.arp(psrc="192.0.2.7"))
    bad = (samples.vrrp_3(ttl=1), samples.vrrp_3(chksum=1))
    for frame in (*heard, *asked, *bad):
        frames.waiting.append((frame, S, False))
    ear.receive()
    assert [one.adverts for one in group.speakers(S)] == [1]
    assert [one.hardware_address for one in look.claims(S)] == [samples.MAC]
    assert dict(ear.counts) == {("vrrp", "wrong_ttl"): 1, ("vrrp", "malformed"): 1}


def test_an_answer_counts_what_lies_unread() -> None:
    """Before a question is answered everything that waits is heard, and no flood delays it."""
    ear, frames = listening()
    group = ear.group(VRRP, 0, S)
    frames.waiting += [(samples.vrrp_3(vrid=9), S, False)] * (3 * BATCH)
    frames.waiting.append((samples.vrrp_3(), S, False))
    ear.catch_up()
    assert [one.adverts for one in group.speakers(S)] == [1]
    frames.waiting += [(samples.vrrp_3(vrid=9), S, False)] * (2 * MOST_BATCHES * BATCH)
    ear.catch_up()
    assert len(frames.waiting) == MOST_BATCHES * BATCH


def test_this_hosts_own_frames() -> None:
    """A router that runs on this host speaks too; its own ARP is no answer of a neighbour."""
    ear, frames = listening()
    group, look = ear.group(VRRP, 0, S), ear.neighbour("192.0.2.1", 0, S).begin()
    frames.waiting = [(samples.vrrp_3(), S, True), (samples.arp(), S, True)]
    ear.receive()
    assert len(group.speakers(S)) == 1
    assert look.claims(S) == ()


def test_a_hole_begins_everything_anew() -> None:
    """After a lost carrier nothing heard before counts, and listening is as old as the hole."""
    ear, frames = listening()
    ear.group(VRRP, 0, 100 * S)
    neighbour = ear.neighbour("192.0.2.1", 0, 100 * S)
    unasked = samples.arp(psrc="192.0.2.1", pdst="192.0.2.1")
    frames.waiting = [(samples.vrrp_3(), S, False), (unasked, S, False)]
    ear.receive()
    assert neighbour.announced_age_us(S) == 0
    ear.begin_anew(5 * S)
    group = ear.group(VRRP, 6 * S, 100 * S)
    assert (group.since_ns, group.speakers(6 * S)) == (5 * S, ())
    assert (neighbour.since_ns, neighbour.announced_age_us(6 * S)) == (5 * S, None)


def test_a_flood_is_read_in_portions() -> None:
    """However many frames wait, the loop gets its turn after a batch."""
    ear, frames = listening()
    ear.group(VRRP, 0, S)
    frames.waiting = [(samples.vrrp_3(), S, False)] * (3 * BATCH)
    ear.receive()
    assert len(frames.waiting) == 2 * BATCH
