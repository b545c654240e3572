"""Stands in for the daemon inside the unit's sandbox and writes down what it can and cannot do.

Its one argument says how it behaves once it has reported: `well` feeds the watchdog, `stuck` does
not, `refuse` exits 2 before it is ready. Run by the system's python3: standard library only.
"""

import ctypes
import json
import mmap
import os
import pwd
import signal
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable
from pathlib import Path


def notify(text: str) -> None:
    """Tell systemd, as sd_notify(3) describes."""
    address = os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
        out.sendto(text.encode(), address)


def tried(act: Callable[[], object]) -> str:
    """`yes`, or the name of the error."""
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "yes"


def raw_socket() -> None:
    """What only CAP_NET_RAW allows."""
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()


def ping_socket() -> None:
    """What ping_group_range allows."""
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()


def batched_calls() -> None:
    """Calls sendmmsg and recvmmsg on a bad descriptor: EBADF says that the filter let them by."""
    libc = ctypes.CDLL(None, use_errno=True)
    for call in (libc.sendmmsg, libc.recvmmsg):
        ctypes.set_errno(0)
        call(-1, None, 0, 0, None)
        if ctypes.get_errno() != 9:
            raise OSError(ctypes.get_errno(), "refused")


def database() -> None:
    """A commit with the journal and the durability of the ledger."""
    with sqlite3.connect("/var/lib/sasando/trial.db") as trial:
        trial.execute("PRAGMA journal_mode=WAL")
        trial.execute("PRAGMA synchronous=FULL")
        trial.execute("CREATE TABLE IF NOT EXISTS entry (body BLOB)")
        trial.execute("INSERT INTO entry VALUES (x'00')")


def executable_memory() -> None:
    """Memory that is writable and executable at once."""
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def control_socket() -> None:
    """Answer on the control socket with the name of who asks."""
    path = Path("/run/sasando/control.sock")
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    path.chmod(0o660)
    server.listen()

    def answer() -> None:
        for _ in range(8):
            peer, _address = server.accept()
            with peer:
                raw = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
                peer.sendall(pwd.getpwuid(int.from_bytes(raw[4:8], "little")).pw_name.encode())

    threading.Thread(target=answer, daemon=True).start()


def main() -> None:
    """Report, behave as told, and drain on SIGTERM."""
    behaviour = sys.argv[1]
    if behaviour == "refuse":
        sys.exit(2)
    control_socket()
    told = Path("/proc/self/status").read_text().splitlines()
    report = {
        "user": pwd.getpwuid(os.geteuid()).pw_name,
        "capabilities": sorted(line for line in told if line.startswith("Cap")),
        "raw socket": tried(raw_socket),
        "ping socket": tried(ping_socket),
        "sendmmsg": tried(batched_calls),
        "sqlite": tried(database),
        "boot id": tried(lambda: Path("/proc/sys/kernel/random/boot_id").read_text()),
        "load": tried(lambda: Path("/proc/loadavg").read_text()),
        "links": tried(socket.if_nameindex),
        "high-water mark": tried(lambda: Path("/var/lib/sasando-mark/trial").write_text("1")),
        "write to /etc": tried(lambda: Path("/etc/sasando/trial").write_text("1")),
        "write to /usr": tried(lambda: Path("/usr/trial").write_text("1")),
        "other homes": tried(lambda: list(Path("/root").iterdir())),
        "chown": tried(lambda: os.chown("/var/lib/sasando/report.json", -1, -1)),
        "setuid": tried(lambda: os.setuid(os.getuid())),
        "executable memory": tried(executable_memory),
    }
    Path("/var/lib/sasando/report.json").write_text(json.dumps(report))
    drained = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: drained.set())
    notify("READY=1\nSTATUS=standing in")
    while not drained.wait(0.1):
        if behaviour == "well":
            notify("WATCHDOG=1")
    notify("STOPPING=1")


main()
