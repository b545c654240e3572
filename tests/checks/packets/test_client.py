"""The way to the packet process: every way in which it can fail is a fault with its remedy."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from checks.packets import client as client_module
from checks.packets.client import FIRST_PAUSE_S, MAX_WAITING, PacketClient
from checks.packets.messages import Hear, Heard, Refused, Resolve, read_request, to_bytes
from monitor.model import Fault, FaultKind
from tests.checks.harness import boottime_ns, run
from tests.lab.packetprocess import PacketProcess
from tests.lab.parts import need_root

HEAR = Hear(id=0, interface="none0", protocol="vrrp", family=4, group=1, version=0, keep_us=0)
RESOLVE = Resolve(
    id=0,
    interface="none0",
    address="192.0.2.1",
    count=1,
    spacing_us=100_000,
    window_us=0,
    keep_us=0,
)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: a socket's may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="sp-") as name:
        yield Path(name)


@contextmanager
def peer(path: Path, answer: Callable[[socket.socket, bytes], None]) -> Iterator[list[bytes]]:
    """A process that answers each datagram as it likes; what it was sent."""
    loop, heard = asyncio.get_running_loop(), []
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(str(path))
    listening.listen(4)
    listening.setblocking(False)
    open_: list[socket.socket] = []

    def accept() -> None:
        one, _ = listening.accept()
        one.setblocking(False)
        open_.append(one)
        loop.add_reader(one.fileno(), read, one)

    def read(one: socket.socket) -> None:
        raw = one.recv(65_536)
        if raw:
            heard.append(raw)
            answer(one, raw)
        if not raw or one.fileno() < 0:
            loop.remove_reader(one)

    loop.add_reader(listening.fileno(), accept)
    try:
        yield heard
    finally:
        loop.remove_reader(listening.fileno())
        for one in open_:
            if one.fileno() >= 0:
                loop.remove_reader(one.fileno())
                one.close()
        listening.close()
        path.unlink()


async def fault(asking: PacketClient, request: Any = HEAR, timeout_s: float = 10) -> Fault:
    """The fault of a question."""
    found = await asking.ask(request, timeout_s)
    assert isinstance(found, Fault), found
    return found


def test_an_absent_process_is_a_fault_with_its_remedy(folder: Path) -> None:
    """Nobody there: the kind has words of its own, the message says what to do; a second question
    within the pause fails at once, and later ones try again."""

    async def scenario() -> None:
        asking = PacketClient(str(folder / "none"), boottime_ns)
        for _ in range(2):
            found = await fault(asking)
            assert found.kind is FaultKind.PACKET_PROCESS
            assert "systemctl enable --now sasando-packets" in found.message
            assert "No such file" in found.message
        with peer(folder / "none", lambda one, raw: answer_refused(one, raw, "down")):
            await asyncio.sleep(2 * FIRST_PAUSE_S)
            assert (await fault(asking)).kind is FaultKind.LOCAL_NETWORK
        await asking.close()

    run(scenario)


def answer_refused(one: socket.socket, raw: bytes, reason: str) -> None:
    """Refuse for this reason."""
    one.send(to_bytes(Refused(id=read_request(raw).id, reason=reason)))


@pytest.mark.parametrize(
    ("reason", "kind", "words"),
    [
        ("permission", FaultKind.PERMISSION, "CAP_NET_RAW: use sasando-packets.service"),
        ("no-interface", FaultKind.LOCAL_NETWORK, "no such interface"),
        ("down", FaultKind.LOCAL_NETWORK, "down or has no carrier"),
        ("no-ethernet", FaultKind.LOCAL_NETWORK, "no Ethernet"),
        ("busy", FaultKind.OVERLOAD, "asked for more"),
    ],
)
def test_a_refusal_is_a_fault_of_this_host(
    folder: Path, reason: str, kind: FaultKind, words: str
) -> None:
    """Each reason to refuse has its kind of fault and says what to do."""

    async def scenario() -> None:
        with peer(folder / "s", lambda one, raw: answer_refused(one, raw, reason)):
            asking = PacketClient(str(folder / "s"), boottime_ns)
            found = await fault(asking)
            assert found.kind is kind
            assert words in found.message
            await asking.close()

    run(scenario)


@pytest.mark.parametrize("raw", [b"{}", b"\xff", b"x" * 70_000, b"[" * 9_000], ids=len)
def test_a_process_that_speaks_otherwise_is_left(folder: Path, raw: bytes) -> None:
    """What is no reply ends the connection and every question on it."""

    async def scenario() -> None:
        def answer(one: socket.socket, _: bytes) -> None:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            one.send(raw)

        with peer(folder / "s", answer):
            asking = PacketClient(str(folder / "s"), boottime_ns)
            found = await fault(asking)
            assert found.kind is FaultKind.PACKET_PROCESS
            assert "does not speak our language" in found.message
            await asking.close()

    run(scenario)


def test_a_process_that_talks_unasked_is_left(folder: Path) -> None:
    """Answers that no question has, one after another without end, end the connection."""

    async def scenario() -> None:
        def answer(one: socket.socket, raw: bytes) -> None:
            number = read_request(raw).id
            for other in (number, number, number + 1):
                one.send(to_bytes(Refused(id=other, reason="down")))

        with peer(folder / "s", answer):
            asking = PacketClient(str(folder / "s"), boottime_ns)
            assert (await fault(asking)).kind is FaultKind.LOCAL_NETWORK
            await asyncio.sleep(FIRST_PAUSE_S / 2)
            found = await fault(asking)
            assert found.kind is FaultKind.PACKET_PROCESS
            assert "answers what nobody asked" in found.message
            await asking.close()

    run(scenario)


def test_an_answer_that_comes_too_late_is_no_offence(folder: Path) -> None:
    """A slow process is asked again on the same connection: what it owed is taken and dropped."""

    async def scenario() -> None:
        owed: list[bytes] = []

        def answer(one: socket.socket, raw: bytes) -> None:
            owed.append(raw)
            for late in owed if len(owed) > 1 else ():
                answer_refused(one, late, "down")

        with peer(folder / "s", answer):
            asking = PacketClient(str(folder / "s"), boottime_ns)
            assert "in time" in (await fault(asking, HEAR, 0.2)).message
            assert (await fault(asking)).kind is FaultKind.LOCAL_NETWORK
            await asking.close()

    run(scenario)


def test_a_process_that_dies_fails_all_questions(folder: Path) -> None:
    """Questions under way end when the connection does, not at their timeouts."""

    async def scenario() -> None:
        def answer(one: socket.socket, _: bytes) -> None:
            if len(heard) == 3:
                one.close()

        with peer(folder / "s", answer) as heard:
            asking = PacketClient(str(folder / "s"), boottime_ns)
            found = await asyncio.gather(*(fault(asking, HEAR, 15) for _ in range(3)))
            assert {one.kind for one in found} == {FaultKind.PACKET_PROCESS}
            await asking.close()

    run(scenario)


def test_a_silent_process_costs_each_question_its_own_time(folder: Path) -> None:
    """Without an answer a question ends with its timeout; too many at once are overload."""

    async def scenario() -> None:
        with peer(folder / "s", lambda one, raw: None):
            asking = PacketClient(str(folder / "s"), boottime_ns)
            found = await asyncio.gather(
                *(fault(asking, HEAR, 0.3) for _ in range(MAX_WAITING + 2))
            )
            kinds = [one.kind for one in found]
            assert kinds.count(FaultKind.OVERLOAD) >= 2
            assert kinds.count(FaultKind.PACKET_PROCESS) >= 1
            await asking.close()

    run(scenario)


def test_a_stranger_is_not_believed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that another account listens on is not asked: its kernel-told owner decides."""
    monkeypatch.setattr(client_module, "_trusted", lambda: frozenset({os.geteuid() + 1}))

    async def scenario() -> None:
        with peer(folder / "s", lambda one, raw: answer_refused(one, raw, "down")) as heard:
            found = await fault(PacketClient(str(folder / "s"), boottime_ns))
            assert found.kind is FaultKind.PACKET_PROCESS
            assert f"account {os.geteuid()} listens there" in found.message
            assert heard == []

    run(scenario)


def test_the_process_says_what_it_cannot_do(folder: Path) -> None:
    """A real process: no such interface, no Ethernet on loopback, and the answer comes back."""
    need_root()

    async def scenario() -> None:
        asking = PacketClient(str(folder / "s"), boottime_ns)
        for request in (HEAR, RESOLVE):
            assert "no such interface" in (await fault(asking, request)).message
        on_lo = Hear(id=0, interface="lo", protocol="vrrp", family=4, group=1, version=0, keep_us=0)
        assert "no Ethernet" in (await fault(asking, on_lo)).message
        await asking.close()

    with PacketProcess(folder / "s") as process:
        run(scenario)
        assert process.terminate() == 0
        assert not (folder / "s").exists()


def test_the_process_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever scapy likes to keep, started and ended the process has written into no home."""
    home = folder / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    with PacketProcess(folder / "s") as process:
        assert process.terminate() == 0
    assert list(home.iterdir()) == []
    assert not Path("/dev/null/none").exists()


def test_without_the_capability_it_is_a_permission(folder: Path) -> None:
    """The process without CAP_NET_RAW answers, and the fault names the remedy."""
    need_root()

    async def scenario() -> None:
        asking = PacketClient(str(folder / "s"), boottime_ns)
        on_lo = Hear(id=0, interface="lo", protocol="vrrp", family=4, group=1, version=0, keep_us=0)
        found = await fault(asking, on_lo)
        assert found.kind is FaultKind.PERMISSION
        assert "CAP_NET_RAW" in found.message
        await asking.close()

    dropped = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-all")
    with PacketProcess(folder / "s", wrapper=dropped):
        run(scenario)


def test_a_stranger_is_not_answered(folder: Path) -> None:
    """Another account that reaches the socket is closed at once; an allowed one is answered."""
    need_root()
    folder.chmod(0o777)
    ask = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "s.settimeout(20); s.connect(sys.argv[1])\n"
        "try: s.send(sys.argv[2].encode()); print(len(s.recv(65536)))\n"
        "except OSError as error: print(type(error).__name__)\n"
    )
    for options, answered in (((), False), (("--allow-uid", "nobody"), True)):
        with PacketProcess(folder / "s", options=options) as process:
            (folder / "s").chmod(0o666)
            argv = ["setpriv", "--reuid=nobody", "--clear-groups", "/usr/bin/python3", "-c", ask]
            done = subprocess.run(
                [*argv, str(folder / "s"), to_bytes(HEAR).decode()],
                capture_output=True,
                text=True,
                timeout=60,
                check=True,
            )
            told = done.stdout.strip()
            assert (told.isdigit() and int(told) > 0) is answered, told
            process.terminate()


def test_the_process_refuses_what_must_be_set_right(folder: Path) -> None:
    """An account that does not exist, a folder that is not there and a taken socket end in 2."""
    argv = [sys.executable, "-m", "checks.packets", "--socket"]
    with PacketProcess(folder / "s"):
        for options, words in (
            ([str(folder / "s")], "another process listens"),
            ([str(folder / "t"), "--allow-uid", "no-such-account"], "'no-such-account'"),
            ([str(folder / "none/s")], "No such file"),
        ):
            done = subprocess.run(
                [*argv, *options], capture_output=True, text=True, timeout=60, check=False
            )
            assert (done.returncode, words in done.stderr) == (2, True), done.stderr


def test_what_is_no_socket_is_never_taken_away(folder: Path) -> None:
    """A file that has the socket's name by mistake is refused and stays as it was."""
    (folder / "s").write_text("precious")
    argv = [sys.executable, "-m", "checks.packets", "--socket", str(folder / "s")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "already in use" in done.stderr) == (2, True), done.stderr
    assert (folder / "s").read_text() == "precious"


def test_a_process_that_accepts_nobody_is_not_replaced(folder: Path) -> None:
    """Somebody who listens and hangs lives: a second process says so instead of waiting for it."""
    argv = [sys.executable, "-m", "checks.packets", "--socket", str(folder / "s")]
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as hanging:
        hanging.bind(str(folder / "s"))
        hanging.listen(0)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as first:
            first.connect(str(folder / "s"))
            done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "another process listens" in done.stderr) == (2, True), done.stderr


def test_garbage_closes_the_connection_and_nothing_else(folder: Path) -> None:
    """What is no request costs its sender the connection; the process goes on for others."""
    with PacketProcess(folder / "s"):
        for raw in (b"{}", b"\x00" * 65_536, to_bytes(Refused(id=1, reason="busy"))):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as bad:
                bad.settimeout(20)
                bad.connect(str(folder / "s"))
                bad.send(raw)
                assert bad.recv(100) == b""

        async def scenario() -> None:
            asking = PacketClient(str(folder / "s"), boottime_ns)
            assert not isinstance(await asking.ask(HEAR, 10), Heard)
            await asking.close()

        run(scenario)
