"""The lab's own network, tried before anything rests on it."""

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.netns import Pair, crowd
from tests.lab.parts import need_namespaces, require

pytestmark = pytest.mark.lab


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two fresh namespaces for one test."""
    need_namespaces()
    with Pair() as joined:
        yield joined


def _answers(pair: Pair, address: str, *, count: int = 1) -> int:
    argv = ["fping", "-q", "-c", str(count), "-p", "10", "-t", "1000", address]
    counts = pair.near.run(*argv, check=False).stderr.split("xmt/rcv/%loss = ")[1]
    sent, received, _ = counts.split("/", maxsplit=2)
    assert int(sent) == count
    return int(received)


def test_far_answers_in_both_families_at_once(pair: Pair) -> None:
    """Both ends can speak IPv4 and IPv6 the moment the pair exists."""
    require("fping")
    assert [_answers(pair, pair.far.v4), _answers(pair, pair.far.v6)] == [1, 1]


@pytest.mark.parametrize("v6", [False, True])
def test_far_answers_for_a_crowd(pair: Pair, v6: bool) -> None:
    """The first and the last of many extra addresses answer without being added one by one."""
    require("fping")
    addresses = crowd(100_000, v6=v6)
    assert len(set(addresses)) == 100_000
    assert [_answers(pair, a) for a in (addresses[0], addresses[-1])] == [1, 1]


def test_a_crowd_is_bounded() -> None:
    """More addresses than the range holds is an error, not a wrong address."""
    with pytest.raises(ValueError, match="has no 131073 addresses"):
        crowd(131_073)


def test_loss_is_exact_and_heals(pair: Pair) -> None:
    """`lose_every(4)` takes one packet in four, and `heal` takes nothing more."""
    require("fping")
    pair.lose_every(4)
    lossy = _answers(pair, pair.far.v4, count=20)
    pair.heal()
    assert (lossy, _answers(pair, pair.far.v4, count=20)) == (15, 20)


def test_total_loss_spares_neighbour_discovery(pair: Pair) -> None:
    """With every packet lost nothing answers, and IPv6 answers again as soon as it is healed."""
    require("fping")
    pair.lose(100)
    silent = _answers(pair, pair.far.v6)
    pair.heal()
    assert (silent, _answers(pair, pair.far.v6)) == (0, 1)


def test_a_cut_link_comes_back(pair: Pair) -> None:
    """After `down` nothing answers; after `up` both families and the crowd answer again."""
    require("fping")
    pair.down()
    cut = _answers(pair, pair.far.v4)
    pair.up()
    back = [_answers(pair, a, count=3) > 0 for a in (pair.far.v4, pair.far.v6, crowd(1)[0])]
    assert (cut, back) == (0, [True, True, True])


def test_inside_moves_only_new_sockets(pair: Pair) -> None:
    """A socket made inside stays in the namespace after its thread has come home."""
    outside = Path("/proc/thread-self/ns/net").readlink()
    with pair.far.inside():
        server = socket.create_server((pair.far.v4, 0))
    with server, pair.near.inside():
        client = socket.create_connection(server.getsockname(), timeout=10)
    with client:
        assert client.getsockname()[0] == pair.near.v4
    assert Path("/proc/thread-self/ns/net").readlink() == outside


def test_unprivileged_icmp_sockets_follow_the_group_range(pair: Pair) -> None:
    """`sysctl` changes the pair alone: ICMP datagram sockets open, and then are refused."""
    before = Path("/proc/sys/net/ipv4/ping_group_range").read_text(encoding="ascii")
    with pair.near.inside():
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
    pair.near.sysctl("net.ipv4.ping_group_range", "1 0")
    with pair.near.inside(), pytest.raises(PermissionError):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    assert Path("/proc/sys/net/ipv4/ping_group_range").read_text(encoding="ascii") == before


def test_added_addresses_can_be_bound(pair: Pair) -> None:
    """An address added on demand is usable at once, in either family."""
    pair.far.add_addresses("203.0.113.7", "2001:db8:7::7")
    with pair.far.inside():
        socket.create_server(("203.0.113.7", 0)).close()
        socket.create_server(("2001:db8:7::7", 0), family=socket.AF_INET6).close()


def test_what_was_started_ends_with_the_pair() -> None:
    """Leaving the pair ends its processes."""
    need_namespaces()
    with Pair() as joined:
        server = joined.far.start("sleep", "600")
        assert server.poll() is None
    assert server.returncode == -signal.SIGTERM


def test_a_killed_test_leaves_no_namespace() -> None:
    """`kill -9` of the process that made a pair ends the processes that keep its namespaces."""
    need_namespaces()
    code = (
        "from tests.lab.netns import Pair\n"
        "with Pair() as p: print(p.near.pid, p.far.pid, flush=True); input()"
    )
    maker = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with maker:
        assert maker.stdout is not None
        keepers = [int(pid) for pid in maker.stdout.readline().split()]
        watched = [os.pidfd_open(pid) for pid in keepers]
        maker.kill()
    for fd in watched:
        ended, _, _ = select.select([fd], [], [], 10)
        os.close(fd)
        assert ended
