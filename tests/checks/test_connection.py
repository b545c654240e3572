"""The parts under the probes: deadlines, the poller, the pool, the connection's machine."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import tcp
from checks.base import Assignment, Evidence, Net, Probe
from checks.connection import Connection, sockaddr
from checks.datagram import Endpoint, endpoint
from checks.deadline import Deadlines
from checks.failure import Failure
from checks.poller import READABLE, Poller
from checks.pool import Pool
from checks.task_prober import TaskProber
from monitor.model import Family, Fault, FaultKind
from tests.checks.harness import assignment, boottime_ns, fault, gather, net_of, run
from tests.lab.tlsserver import StreamServer, saying


class Item:
    """Counts how often it expired."""

    def __init__(self) -> None:
        self.expired: list[int] = []

    def expire(self, now_ns: int) -> None:
        self.expired.append(now_ns)


@given(
    deadlines=st.lists(st.integers(0, 10**9), max_size=30),
    ticks=st.lists(st.integers(0, 2 * 10**9), max_size=30).map(sorted),
)
def test_a_deadline_expires_once_and_never_early(deadlines: list[int], ticks: list[int]) -> None:
    """Each item expires at the first tick after its slot has ended, and at no other."""
    wheel: Deadlines[Item] = Deadlines()
    items = [Item() for _ in deadlines]
    for item, at in zip(items, deadlines, strict=True):
        wheel.set(item, at)
    for now in ticks:
        wheel.tick(now)
    for item, at in zip(items, deadlines, strict=True):
        due = [now for now in ticks if now >= (at // 10_000_000 + 1) * 10_000_000]
        assert item.expired == due[:1]
        assert all(now >= at for now in item.expired)


def test_a_lifted_deadline_does_not_expire() -> None:
    """What ended in time is forgotten; lifting twice is harmless."""
    wheel: Deadlines[Item] = Deadlines()
    item, other = Item(), Item()
    wheel.set(item, 5)
    wheel.set(other, 6)
    wheel.lift(item, 5)
    wheel.lift(item, 5)
    assert wheel.tick(10**9) == 1
    assert (item.expired, len(other.expired), len(wheel)) == ([], 1, 0)


def test_an_item_may_set_a_deadline_while_another_expires() -> None:
    """Expiring starts new work without disturbing the wheel."""
    wheel: Deadlines[Any] = Deadlines()
    late = Item()

    class Starter:
        def expire(self, now_ns: int) -> None:
            wheel.set(late, now_ns)

    wheel.set(Starter(), 0)
    assert wheel.tick(10**8) == 1
    assert wheel.tick(2 * 10**8) == 1
    assert len(late.expired) == 1


def test_a_socket_closed_in_a_batch_gets_no_event_of_it() -> None:
    """When one of two ready sockets closes both, the other is not called; no descriptor leaks."""

    async def scenario() -> None:
        poller = Poller(boottime_ns)
        pairs = [socket.socketpair() for _ in range(2)]
        called: list[int] = []
        reused: list[bool] = []
        ended = asyncio.Event()

        def ready(number: int) -> Callable[[int], None]:
            def call(_: int) -> None:
                called.append(number)
                numbers = {near.fileno() for near, _ in pairs}
                for near, _far in pairs:
                    poller.close_socket(near)
                with socket.socket() as fresh:
                    reused.append(fresh.fileno() in numbers)
                ended.set()

            return call

        for index, (near, far) in enumerate(pairs):
            near.setblocking(False)
            far.send(b"x")
            poller.watch(near, READABLE, ready(index))
        await ended.wait()
        await asyncio.sleep(0)
        assert len(called) == 1
        assert reused == [False]
        assert all(near.fileno() == -1 for near, _ in pairs)
        assert len(poller) == 0
        poller.close()
        for _, far in pairs:
            far.close()

    run(scenario)


class Listener:
    """Writes down what a connection tells, and may misbehave."""

    def __init__(self, raises: bool = False) -> None:
        self.connection: Connection | None = None
        self.told: list[object] = []
        self.ended = asyncio.Event()
        self._raises = raises

    def connected(self, now_ns: int) -> None:
        if self._raises:
            raise KeyError("a defect")
        assert self.connection is not None
        self.told.append("connected")
        self.connection.send(b"hello")

    def secured(self, now_ns: int) -> None:
        self.told.append("secured")

    def received(self, chunk: bytes, now_ns: int) -> None:
        self.told.append(chunk)
        if not chunk:
            self.ended.set()

    def failed(self, why: Failure | Fault, now_ns: int) -> None:
        self.told.append(why)
        self.ended.set()


def test_a_defect_in_one_probe_stays_in_it() -> None:
    """An exception in an owner's step ends its own connection as an internal fault."""

    async def scenario() -> None:
        async with StreamServer(saying(b"x")) as server:
            poller = Poller(boottime_ns)
            listener = Listener(raises=True)
            connection = Connection(poller, listener)
            assert connection.open("127.0.0.1", server.port) is None
            await listener.ended.wait()
            (why,) = listener.told
            assert isinstance(why, Fault)
            assert why.kind is FaultKind.INTERNAL
            assert len(poller) == 0
            poller.close()

    run(scenario)


def test_a_refused_handshake_setup_leaves_nothing_watched() -> None:
    """A server name that TLS cannot use ends as a fault, and the descriptor is forgotten."""

    async def scenario() -> None:
        async with StreamServer(saying(b"")) as server:
            poller = Poller(boottime_ns)
            listener = Listener()
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            connection = Connection(poller, listener, context, ".bad")
            listener.connection = connection
            listener.connected = lambda now_ns: None  # type: ignore[method-assign]
            assert connection.open("127.0.0.1", server.port) is None
            await listener.ended.wait()
            assert len(poller) == 0
            poller.close()

    run(scenario)


def test_bytes_arrive_whole_and_the_end_is_told() -> None:
    """What the peer says comes in order, then the empty chunk of its end."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(5) == b"hello"
        writer.write(b"x" * 300_000)
        await writer.drain()

    async def scenario() -> None:
        async with StreamServer(talk) as server:
            poller = Poller(boottime_ns)
            listener = Listener()
            listener.connection = Connection(poller, listener)
            assert listener.connection.open("127.0.0.1", server.port) is None
            await listener.ended.wait()
            first, *chunks, last = listener.told
            assert (first, last) == ("connected", b"")
            assert b"".join(chunks) == b"x" * 300_000  # type: ignore[arg-type]
            poller.close()

    run(scenario)


def test_the_pool_runs_a_bounded_number_in_order() -> None:
    """Never more than the limit run at once; what waits comes in its turn; too much is refused."""

    async def scenario() -> None:
        pool = Pool(limit=2, waiting=2)
        running, most, order = 0, 0, []
        gate = asyncio.Event()
        ended = asyncio.Event()

        def work(number: int) -> Callable[[], Any]:
            async def one() -> None:
                nonlocal running, most
                running += 1
                most = max(most, running)
                await gate.wait()
                running -= 1
                order.append(number)
                if len(order) == 4:
                    ended.set()

            return one

        assert [pool.submit(work(number)) for number in range(5)] == [True] * 4 + [False]
        await asyncio.sleep(0)
        gate.set()
        await ended.wait()
        assert (most, sorted(order)) == (2, [0, 1, 2, 3])
        await pool.close()

    run(scenario)


def test_a_coroutine_that_fails_or_hangs_is_a_fault() -> None:
    """A defect, and a probe that forgets its timeout, end as internal faults and are counted."""

    async def defect(net: Net, item: Assignment) -> Evidence | Fault:
        raise KeyError("a defect")

    async def forgetful(net: Net, item: Assignment) -> Evidence | Fault:
        await asyncio.Event().wait()
        raise AssertionError

    async def scenario() -> None:
        wish = tcp.TcpSettings(address="127.0.0.1", port=1, timeout=1_000)
        for measure in (defect, forgetful):
            prober = TaskProber(net_of(), measure)
            outcomes = await gather(prober, [assignment(tcp.KIND, wish, Family.IPV4)] * 3)
            assert {fault(outcome).kind for outcome in outcomes} == {FaultKind.INTERNAL}
            assert prober.counters() == {"defects": 3}
            await prober.close()

    run(scenario)


def test_too_many_waiting_probes_are_an_overload(monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that finds the queue full is told at once, as overload."""
    monkeypatch.setattr("checks.task_prober.Pool", lambda: Pool(limit=1, waiting=1))

    async def hanging(net: Net, item: Assignment) -> Evidence | Fault:
        await asyncio.Event().wait()
        raise AssertionError

    async def scenario() -> None:
        told: dict[int, object] = {}
        prober = TaskProber(net_of(), hanging)
        item = assignment(tcp.KIND, tcp.TcpSettings(address="127.0.0.1", port=1), Family.IPV4)
        prober.begin([Probe(n, item) for n in range(3)], told.__setitem__)
        assert list(told) == [2]
        assert fault(told[2]).kind is FaultKind.OVERLOAD  # type: ignore[arg-type]
        await prober.close()

    run(scenario)


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("192.0.2.1", "192.0.2.1", 53),
        ("192.0.2.1:5353", "192.0.2.1", 5353),
        ("2001:db8::1", "2001:db8::1", 53),
        ("[2001:db8::1]:5353", "2001:db8::1", 5353),
        ("[2001:db8::1]", "2001:db8::1", 53),
        ("ns.example:1", "ns.example", 1),
    ],
)
def test_endpoints_are_read(text: str, address: str, port: int) -> None:
    """An address of either family, or a name, comes with or without a port."""
    assert endpoint(text, 53) == Endpoint(address, port)


@given(text=st.text(max_size=30))
def test_any_text_is_an_endpoint_or_a_value_error(text: str) -> None:
    """Nothing else can come of a text, and the port is always one."""
    try:
        found = endpoint(text, 53)
    except ValueError:
        return
    assert 1 <= found.port <= 65_535


def test_a_zone_becomes_an_interface() -> None:
    """A link-local address goes through the interface of its zone; an unknown one is an error."""
    family, where = sockaddr("fe80::1%lo", 80)
    assert (family, where) == (socket.AF_INET6, ("fe80::1", 80, 0, socket.if_nametoindex("lo")))
    assert sockaddr("fe80::1%7", 80)[1] == ("fe80::1", 80, 0, 7)
    with pytest.raises(OSError) as failure:
        sockaddr("fe80::1%no-such-link", 80)
    assert failure.value is not None
