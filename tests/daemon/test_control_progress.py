"""Progress told to a client that does not read."""

import asyncio
import socket

from monitor.daemon.control import UNREAD_LIMIT, Listener

LINE = {"passed_ms": "x" * 1_000}


def test_what_nobody_reads_is_left_out() -> None:
    """However much is told, no more waits in memory than the limit and one line; who reads again
    is told again."""

    async def scenario() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            _, writer = await asyncio.open_unix_connection(sock=ours)
            listener = Listener(writer)
            for _ in range(5_000):
                listener.tell(LINE)
            waiting = writer.transport.get_write_buffer_size()
            assert 0 < waiting < UNREAD_LIMIT + 2_000
            theirs.setblocking(False)
            loop = asyncio.get_running_loop()
            async with asyncio.timeout(20):
                while writer.transport.get_write_buffer_size():
                    assert await loop.sock_recv(theirs, 65_536)
            listener.tell(LINE)
            assert writer.transport.get_write_buffer_size() <= waiting
            writer.transport.abort()

    asyncio.run(scenario())
