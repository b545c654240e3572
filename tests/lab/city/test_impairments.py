"""Each impairment does what it says, measured by plain ping and raw sockets, and heals."""

import itertools
import signal

import pytest

from tests.lab.city.cable import CableRefusedError
from tests.lab.city.capture import Capture
from tests.lab.city.city import City
from tests.lab.city.pinging import answers, ping
from tests.lab.city.plan import CANARY, GATEWAY
from tests.lab.city.truth import Reach, truth

pytestmark = pytest.mark.lab
LINK, BACKUP, SITE = "dukcapil-fo", "dukcapil-4g", "dukcapil"


def address(city: City, leg: str = LINK) -> str:
    """The site's own address on a leg."""
    return city.plan.legs[leg].address


def server(city: City) -> str:
    """Behind both legs."""
    return city.plan.sites[SITE].server


def test_an_exact_loss_in_one_direction(city: City) -> None:
    """Every fourth packet toward the office is lost, and none once it is healed."""
    city.cables[LINK].lose_every(4, toward=SITE)
    lossy = ping(city.operations, address(city), 40).lost
    city.heal()
    assert (lossy, ping(city.operations, address(city), 40).lost) == (10, 0)


def test_a_loss_by_chance_strikes_both_directions(city: City) -> None:
    """With 40 % each way about 64 % of the round trips are lost, never none and never all."""
    city.cables[LINK].lose(40)
    assert 60 < ping(city.operations, address(city), 150).lost < 135


def test_a_blackhole_keeps_the_carrier(city: City) -> None:
    """Nothing passes, both ends still see the carrier, and static routes keep sending into it."""
    city.cables[LINK].blackhole()
    assert "state UP" in city.nodes["core1"].run("ip", "link", "show", LINK).stdout
    assert [answers(city, a) for a in (address(city), server(city))] == [False, False]
    assert answers(city, address(city, BACKUP))


def test_a_blackhole_in_one_direction(city: City) -> None:
    """Toward the core alone: the questions arrive, the answers do not."""
    city.cables[LINK].blackhole(toward="core1")
    with Capture(city.nodes[SITE], LINK) as seen:
        assert ping(city.operations, address(city), 10).lost == 10
    assert {packet.icmp_type for packet in seen.packets} == {8, 0}


def test_a_cut_moves_the_site_to_its_other_leg(city: City) -> None:
    """Without carrier the leg is dead, the site is reached over the backup, and all comes back."""
    city.cables[LINK].carrier(False)
    cut = [answers(city, a) for a in (address(city), address(city, BACKUP), server(city))]
    city.heal()
    assert (cut, answers(city, address(city))) == ([False, True, True], True)


def test_both_legs_cut_take_the_site(city: City) -> None:
    """With both cables cut nothing of the office answers, and no packet runs in circles."""
    for leg in (LINK, BACKUP):
        city.cables[leg].carrier(False)
    with Capture(city.nodes["core1"], "trunk") as seen:
        assert ping(city.operations, server(city), 5).lost == 5
    assert len([p for p in seen.packets if p.target == server(city)]) == 5


def test_a_hole_swallows_large_packets_in_silence(city: City) -> None:
    """Packets up to the size pass, larger ones vanish without an ICMP error."""
    city.cables[LINK].mtu_hole(1_300)
    with Capture(city.operations, "lan") as seen:
        losses = [ping(city.operations, address(city), 5, size=n).lost for n in (1_272, 1_273)]
    assert losses == [0, 5]
    assert 3 not in {packet.icmp_type for packet in seen.packets}


def test_delay_and_jitter(city: City) -> None:
    """40 ms each way are a round trip of 80 ms and more; jitter spreads it."""
    plain = ping(city.operations, address(city), 10).median_ms
    city.cables[LINK].delay(40, jitter_ms=30)
    bent = ping(city.operations, address(city), 30)
    assert bent.lost == 0
    assert min(bent.times_ms) >= 80
    assert bent.median_ms - plain > 80
    assert max(bent.times_ms) - min(bent.times_ms) > 5


def test_duplicates(city: City) -> None:
    """Each frame twice toward the office gives each answer twice."""
    city.cables[LINK].duplicate(100, toward=SITE)
    doubled = ping(city.operations, address(city), 10, every_s=0.05)
    assert doubled.lost == 0
    assert doubled.duplicates >= 9  # the last answer's copy may come too late to be counted


def test_reordering(city: City) -> None:
    """Frames held back are overtaken: answers come in another order, and all of them come."""
    city.cables[LINK].reorder(30, hold_ms=60, toward=SITE)
    seen = ping(city.operations, address(city), 40)
    assert seen.lost == 0
    assert any(later < earlier for earlier, later in itertools.pairwise(seen.sequence))


def test_a_spoiled_frame_is_no_answer(city: City) -> None:
    """With every frame spoiled beyond the IP header no echo's checksum holds."""
    city.cables[LINK].corrupt(100, toward=SITE)
    assert ping(city.operations, address(city), 5).lost == 5


def test_a_rate_queues_what_is_too_much(city: City) -> None:
    """At 200 kbit/s a burst of 1,000-byte packets waits for its turn."""
    city.cables[LINK].rate(200, toward=SITE)
    times = ping(city.operations, address(city), 10, size=958).times_ms
    assert times[-1] - times[0] > 100


def test_an_asymmetric_return_takes_the_other_leg(city: City) -> None:
    """Answers of the leg come back over the backup, whose loss then is the leg's."""
    city.asymmetric(LINK)
    with Capture(city.nodes["core2"], BACKUP) as seen:
        assert ping(city.operations, address(city), 3).lost == 0
    assert len([p for p in seen.packets if p.source == address(city) and not p.sent]) == 3
    city.cables[BACKUP].blackhole()
    assert not answers(city, address(city))
    city.cables[BACKUP].heal()
    city.heal()
    with Capture(city.nodes["core2"], BACKUP) as seen:
        assert answers(city, address(city))
    assert not seen.packets


def test_a_dead_core_leaves_the_other_one(city: City) -> None:
    """core2 takes the gateway over; core1's legs are dead, sites and canary are reached."""
    city.router("core1", dead=True)
    city.await_active("core2")
    city.await_that("the way over core2", lambda: answers(city, CANARY))
    alive = [answers(city, a) for a in (address(city), address(city, BACKUP), server(city))]
    assert alive == [False, True, True]


def test_the_agents_own_uplink(city: City) -> None:
    """Its own plug pulled, the agent reaches nothing, though all else stands."""
    city.uplink(down=True)
    cut = [answers(city, a) for a in (GATEWAY, CANARY, address(city))]
    city.heal()
    assert (cut, answers(city, CANARY)) == ([False, False, False], True)


def test_vrrp_fails_over_when_a_core_leaves(city: City) -> None:
    """SIGTERM: the other core takes both addresses at once, and gives them back."""
    city.vrrp("core1", signal.SIGTERM)
    city.await_active("core2")
    city.await_that("the way over core2", lambda: answers(city, CANARY))
    city.heal()
    assert city.active() == {"core1"}


def test_a_killed_vrrp_leaves_a_split_brain(city: City) -> None:
    """SIGKILL: both cores hold the gateway's address until it is healed."""
    city.vrrp("core1", signal.SIGKILL)
    city.await_that("both hold it", lambda: city.active() == {"core1", "core2"})
    city.heal()
    assert city.active() == {"core1"}


def test_what_a_cable_cannot_do_says_what_to_do(city: City) -> None:
    """A cable without a forwarder, and a node that is not on it, are errors that help."""
    with pytest.raises(CableRefusedError, match="raise the city with shaped="):
        city.cables[BACKUP].delay(10)
    with pytest.raises(CableRefusedError, match="ends at core1, dukcapil, not at core2"):
        city.cables[LINK].lose(1, toward="core2")


def test_the_log_tells_what_the_packets_show(city: City) -> None:
    """The gap in a stream of pings is as long as the log's truth says the leg was down."""
    events = len(city.log.events)
    with Capture(city.operations, "lan") as seen:
        stream = city.operations.start(
            *("ping", "-n", "-i", "0.01", "-w", "30", address(city)), log=city.folder / "stream"
        )
        city.await_that("answers", lambda: len(_replies(seen, address(city))) > 20)
        city.cables[LINK].blackhole()
        lost = len(_requests(seen, address(city)))
        city.await_that("loss", lambda: len(_requests(seen, address(city))) > lost + 50)
        city.cables[LINK].heal()
        count = len(_replies(seen, address(city)))
        city.await_that("answers", lambda: len(_replies(seen, address(city))) > count + 20)
        city.operations.end(stream)
    mine = city.log.events[events:]
    spans = truth(
        city.plan, mine, LINK, dynamic=False, since_ns=city.log.started_ns,
        until_ns=mine[-1].after_ns + 1,
    )  # fmt: skip
    reach = [span.reach for span in spans]
    assert reach[:4] == [Reach.UP, Reach.UNSURE, Reach.DOWN, Reach.UNSURE]
    gap_s = seen.gap(lambda packet: packet in _replies(seen, address(city))) / 1e9
    unsure_s = spans[1].seconds + spans[3].seconds
    assert spans[2].seconds - 0.001 <= gap_s
    assert gap_s <= spans[2].seconds + unsure_s + 1.0
    assert seen.dropped == 0


def _replies(seen: Capture, source: str) -> list[object]:
    return [p for p in list(seen.packets) if p.source == source and p.icmp_type == 0]


def _requests(seen: Capture, target: str) -> list[object]:
    return [p for p in list(seen.packets) if p.target == target and p.icmp_type == 8]
