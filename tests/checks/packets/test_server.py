"""The packet process's socket is bounded in who is heard and in what they may wait for."""

import asyncio
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from checks.packets.messages import Refused, Reply, Resolve, read_reply, to_bytes
from checks.packets.process.server import MAX_PEERS, MAX_WAITING, Server
from tests.checks.harness import run

PATIENCE_S = 20
RESOLVE = Resolve(
    id=1,
    interface="eth0",
    address="192.0.2.1",
    count=1,
    spacing_us=100_000,
    window_us=0,
    keep_us=0,
)


class Patient:
    """Looks that never end; how many are under way."""

    def __init__(self) -> None:
        self.looking = 0

    async def resolve(self, _: Resolve) -> Reply:
        """See `listener.Listener`."""
        self.looking += 1
        try:
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]
        finally:
            self.looking -= 1


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path: a socket's may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="sp-") as name:
        yield Path(name) / "s"


def served(place: Path, patient: Any) -> Server:
    """A server on the running loop."""
    server = Server(place, patient, frozenset())
    server.start()
    return server


def peer(place: Path, stack: ExitStack) -> socket.socket:
    """A connected client."""
    one = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    one.connect(str(place))
    one.setblocking(False)
    return one


async def heard(one: socket.socket) -> bytes:
    """The next datagram; empty at the end."""
    loop = asyncio.get_running_loop()
    return await asyncio.wait_for(loop.sock_recv(one, 65_536), PATIENCE_S)


async def until(patient: Patient, count: int) -> None:
    """Wait until so many looks are under way."""
    async with asyncio.timeout(PATIENCE_S):
        while patient.looking != count:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


def test_one_peer_too_many_is_sent_away(place: Path) -> None:
    """Beyond `MAX_PEERS` nobody is kept; when one leaves there is room again."""

    async def scenario() -> None:
        patient = Patient()
        server = served(place, patient)
        with ExitStack() as stack:
            kept = [peer(place, stack) for _ in range(MAX_PEERS)]
            assert await heard(peer(place, stack)) == b""
            assert server.refused == 1
            kept[0].close()
            async with asyncio.timeout(PATIENCE_S):
                while not patient.looking:
                    with suppress(OSError):  # sent away once more: the server has not seen it leave
                        peer(place, stack).send(to_bytes(RESOLVE))
                    await asyncio.sleep(0.05)
        server.close()

    run(scenario)


def test_a_peer_waits_for_so_many_answers_and_no_more(place: Path) -> None:
    """One question beyond `MAX_WAITING` is refused as busy; leaving ends all that it waited for."""

    async def scenario() -> None:
        patient = Patient()
        server = served(place, patient)
        with ExitStack() as stack:
            one = peer(place, stack)
            for _ in range(MAX_WAITING):
                one.send(to_bytes(RESOLVE))
                await asyncio.sleep(0)
            await until(patient, MAX_WAITING)
            one.send(to_bytes(RESOLVE))
            assert read_reply(await heard(one)) == Refused(id=1, reason="busy")
            one.close()
            await until(patient, 0)
        server.close()

    run(scenario)
