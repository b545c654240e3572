"""The packet process: raw sockets and hostile frames, apart from the key and the database.

It holds CAP_NET_RAW and nothing else. It reads no configuration and writes no file; it is told
what to listen for, and answers what it heard.
"""

import argparse
import asyncio
import os
import secrets
import signal
import socket
import sys
from pathlib import Path

EXIT_SET_RIGHT = 2
"""Something must be put right first: an account, the socket's folder, scapy."""
_STEP_S = 1.0


def main() -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m checks.packets",
        description="Listens for VRRP, HSRP and neighbours for the Sasando daemon.",
    )
    parser.add_argument("--socket", type=Path, required=True, help="where to be asked")
    parser.add_argument(
        "--allow-uid",
        action="append",
        default=[],
        metavar="NAME",
        help="an account that may ask, beside root and the process's own; may be repeated",
    )
    options = parser.parse_args()
    # scapy would make folders in a home, write pickles there and read them again. Below a device
    # nothing can be made, whoever tries.
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        os.environ[name] = "/dev/null/none"
    try:
        return asyncio.run(_serve(options.socket, options.allow_uid))
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed: install sasando[packets]", file=sys.stderr)
    except (LookupError, OSError) as error:
        print(error, file=sys.stderr)
    return EXIT_SET_RIGHT


async def _serve(path: Path, accounts: list[str]) -> int:
    # Imported late: scapy takes half a second, and a wrong argument should not wait for it.
    from checks.packets.process.capture import boottime_ns
    from checks.packets.process.listener import Listener
    from checks.packets.process.server import Server, uids_of

    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    listener = Listener(secrets.token_hex(8), boottime_ns)
    server = Server(path, listener, uids_of(accounts))
    server.start()
    _notify("READY=1")
    try:
        while not ended.is_set():
            listener.step()
            _notify("WATCHDOG=1")
            try:
                await asyncio.wait_for(ended.wait(), _STEP_S)
            except TimeoutError:
                continue
        return 0
    finally:
        server.close()
        listener.close()


def _notify(text: str) -> None:
    """Tell systemd (sd_notify(3)); nobody when it did not start us."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifying:
        notifying.connect("\0" + address[1:] if address.startswith("@") else address)
        notifying.send(text.encode())
