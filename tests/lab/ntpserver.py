"""An SNTP server on loopback, whose clock may be off and whose manners may be bad."""

import asyncio
import struct
import time
from typing import Literal, Self, cast

Manner = Literal["honest", "silent", "kiss", "unsynchronised", "forged", "garbage", "zero", "back"]
_EPOCHS_S = 2_208_988_800


class NtpServer(asyncio.DatagramProtocol):
    """Its clock is the wall clock plus `offset_us`. `kiss` is the code of its refusal."""

    def __init__(
        self,
        *,
        offset_us: int = 0,
        manner: Manner = "honest",
        stratum: int = 2,
        kiss: bytes = b"RATE",
    ) -> None:
        self.offset_us = offset_us
        self.manner = manner
        self.stratum = stratum
        self.kiss = kiss
        self.requests = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        self.port = transport.get_extra_info("sockname")[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()
        await asyncio.sleep(0)

    @property
    def endpoint(self) -> str:
        """As `servers` of the check writes it."""
        return f"127.0.0.1:{self.port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, content: bytes, peer: tuple[str, int]) -> None:
        self.requests += 1
        if self.manner == "silent":
            return
        if self.manner == "garbage":
            self._transport.sendto(b"\xff" * 20, peer)
            return
        if self.manner == "forged":
            self._transport.sendto(self._reply(b"\x01" * 8), peer)
        self._transport.sendto(self._reply(content[40:48]), peer)

    def _reply(self, origin: bytes) -> bytes:
        now_us = time.time_ns() // 1_000 + self.offset_us
        if origin == b"\x01" * 8:
            now_us += 3_600_000_000
        stamp = self._stamp(now_us)
        received, sent = stamp, stamp
        if self.manner == "zero":
            sent = 0
        if self.manner == "back":
            sent = self._stamp(now_us - 1_000_000)
        kissed = self.manner == "kiss"
        first = 0xE4 if self.manner == "unsynchronised" else 0x24
        return (
            struct.pack("!BBbbII", first, 0 if kissed else self.stratum, 6, -20, 0, 0)
            + (self.kiss if kissed else b"\x7f\x00\x00\x01")
            + struct.pack("!Q", stamp)
            + origin
            + struct.pack("!QQ", received, sent)
        )

    @staticmethod
    def _stamp(microseconds: int) -> int:
        seconds, rest = divmod(microseconds, 1_000_000)
        return (seconds + _EPOCHS_S) % 2**32 << 32 | (rest << 32) // 1_000_000
