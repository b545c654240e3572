"""The city stands as its map says, and goes without a trace."""

import os
import select
import signal
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import pytest

from tests.lab.city.capture import Capture
from tests.lab.city.city import City
from tests.lab.city.pinging import answers
from tests.lab.city.plan import CANARY, GATEWAY, WEB, child
from tests.lab.city.servers import NAME
from tests.lab.city.truth import Faults, standing
from tests.lab.parts import need_city

pytestmark = pytest.mark.lab


def test_everything_on_the_map_answers_the_agent(city: City) -> None:
    """Gateway, canary, DMZ, every leg, every server and the children answer a ping."""
    legs = [leg.address for leg in city.plan.legs.values()]
    servers = [site.server for site in city.plan.sites.values()]
    every = [GATEWAY, CANARY, WEB, *legs, *servers, child(1), child(60)]
    assert [address for address in every if not answers(city, address)] == []


@pytest.mark.parametrize("site", ["dukcapil", "kesehatan", "pendidikan"])
def test_each_office_serves_pages(city: City, site: str) -> None:
    """The web server of an office answers by HTTP and says whose it is."""
    with city.operations.inside():
        connection = HTTPConnection(city.plan.sites[site].server, timeout=10)
        connection.connect()
    connection.request("GET", "/")
    assert connection.getresponse().read() == f"This is {site}-srv.\n".encode()
    connection.close()


def test_the_name_server_knows_the_city_and_can_be_ended(city: City) -> None:
    """A name resolves, resolves no more once the server was ended, and again when healed."""

    def ask() -> str:
        with city.operations.inside():
            question = dns.message.make_query(f"www.{NAME}", "A")
            try:
                reply = dns.query.udp(question, WEB, timeout=2)
            except (dns.exception.Timeout, OSError):
                return ""
        return str(reply.answer[0][0])

    before = ask()
    city.dns(down=True)
    during = ask()
    city.heal()
    assert (before, during, ask()) == (WEB, "", WEB)


@pytest.mark.parametrize("first", ["router", "vrrp"])
def test_a_healed_city_is_whole_by_its_own_log(city: City, first: str) -> None:
    """However faults stood together, after `heal` nothing stands in the log of the city."""
    cable = city.cables["dukcapil-fo"]
    faults = {"router": lambda: city.router("core1"), "vrrp": lambda: city.vrrp("core1")}
    faults.pop(first)()
    for fault in (*faults.values(), city.uplink, city.dns, cable.blackhole):
        fault()
    city.service("dukcapil")
    cable.lose(40, toward="dukcapil")
    city.asymmetric("kesehatan-fo")
    broken = standing(city.log.events)
    city.heal()
    assert {"core1"} == broken.dead == set(broken.vrrp)
    assert standing(city.log.events) == Faults()


def test_two_cities_do_not_meet(city: City) -> None:
    """With the same names and addresses, a broken city leaves the other one whole."""
    with City(vrrp=False) as other:
        other.cables["dukcapil-fo"].carrier(False)
        address = city.plan.legs["dukcapil-fo"].address
        assert (answers(other, address), answers(city, address)) == (False, True)


def test_shared_fate() -> None:
    """An office whose two legs meet in one router loses both with it, and another office none."""
    need_city()
    with City(shared="pendidikan", vrrp=False) as shared:
        site = shared.plan.sites["pendidikan"]
        addresses = [*(leg.address for leg in site.legs), site.server]
        before = [answers(shared, address) for address in addresses]
        with Capture(shared.nodes["agg"], "agg-4g") as seen:
            assert answers(shared, site.legs[1].address)
        shared.router("agg", dead=True)
        after = [answers(shared, address) for address in addresses]
        assert (before, after) == ([True] * 3, [False] * 3)
        assert {packet.icmp_type for packet in seen.packets} == {8, 0}
        assert answers(shared, shared.plan.sites["kesehatan"].server)


def test_the_host_sees_nothing_of_a_city(city: City) -> None:
    """No name in the host's /run/netns and no interface of the city's beside the host's own."""
    assert not (Path("/run/netns") / "core1").exists()
    assert not (Path("/sys/class/net") / "dukcapil-fo").exists()
    assert (city.session.root / "run/netns/core1").exists()


def test_a_killed_test_leaves_nothing_behind() -> None:
    """After `kill -9` of what made a city its daemons and its first process end by themselves."""
    need_city()
    code = (
        "from tests.lab.city.city import City\n"
        "with City(shaped={'trunk'}) as c:\n"
        "    print(c.session.pid, *c.session.pids(), flush=True); input()"
    )
    maker = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with maker:
        assert maker.stdout is not None
        pids = [int(pid) for pid in maker.stdout.readline().split()]
        watched = [os.pidfd_open(pid) for pid in pids]
        assert len(watched) > 6
        os.kill(maker.pid, signal.SIGKILL)
    for fd in watched:
        ended, _, _ = select.select([fd], [], [], 30)
        os.close(fd)
        assert ended


def test_an_office_without_a_name_is_refused() -> None:
    """What the plan does not know is an error that lists what it knows."""
    with pytest.raises(ValueError, match="is no office: one of dukcapil"):
        City(shared="pariwisata")
    with pytest.raises(ValueError, match="no such cables: lan-9"):
        City(shaped={"lan-9"})
