"""The city as a process of its own: `python -m monitor.demo.city FOLDER`.

It writes the authority's certificate into FOLDER and one JSON line with every server's port to
stdout; then it obeys lines on stdin, `down NAME` and `up NAME`, answering `done` to each. It ends
when stdin does, so that it never outlives whoever started it, and after `LIFETIME_S` anyhow.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from monitor.demo.certificates import Authority
from monitor.demo.servers import (
    CityServer,
    DnsServer,
    StreamServer,
    page,
    secure_page,
    until_closed,
)
from monitor.demo.town import FALSE_ADDRESS, NAME, SERVERS, SLOW_S, TRUE_ADDRESS, Server

LIFETIME_S = 300
CA_FILE = "city-ca.pem"
_LINE_LIMIT = 256


def build(authority: Authority, folder: Path) -> dict[str, CityServer]:
    """Every server of the city by name, not yet listening."""
    return {server.name: _server(server, authority, folder) for server in SERVERS}


def _server(server: Server, authority: Authority, folder: Path) -> CityServer:
    text = f"{server.name}: selamat datang\n"
    match server.nature:
        case "port":
            return StreamServer(server.address, until_closed)
        case "page":
            return StreamServer(server.address, page(text))
        case "slow-page":
            return StreamServer(server.address, page(text, SLOW_S))
        case "secure-page" | "expired-page":
            days = 60 if server.nature == "secure-page" else -3
            context = authority.context(server.address, timedelta(days=days), folder)
            return StreamServer(server.address, secure_page(text, context))
        case "dns" | "false-dns":
            answer = TRUE_ADDRESS if server.nature == "dns" else FALSE_ADDRESS
            return DnsServer(server.address, NAME, answer)


async def serve(folder: Path) -> None:
    """Listen, tell the ports, obey."""
    authority = Authority()
    servers = build(authority, folder)
    (folder / CA_FILE).write_bytes(authority.pem)
    for server in servers.values():
        await server.up()
    _tell(json.dumps({name: server.port for name, server in servers.items()}))
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=_LINE_LIMIT)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    obeying = asyncio.ensure_future(_obey(orders, servers))
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, obeying.cancel)
    await asyncio.wait([obeying], timeout=LIFETIME_S)
    obeying.cancel()
    for server in servers.values():
        await server.down()


async def _obey(orders: asyncio.StreamReader, servers: Mapping[str, CityServer]) -> None:
    async for line in orders:
        order, _, name = line.decode().strip().partition(" ")
        server = servers[name]
        await (server.up() if order == "up" else server.down())
        _tell("done")


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
