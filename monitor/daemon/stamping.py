"""One request to one time-stamping authority, and how each of them fares."""

import asyncio
from dataclasses import dataclass

from checks.http_request import place
from monitor.config.configuration import TimeStampPlan
from monitor.daemon.posting import MalformedAnswerError, post, why_unreachable
from monitor.ledger.checkpoint import read_unverified
from monitor.ledger.errors import LedgerError
from monitor.ledger.stamp import (
    MAX_REPLY_BYTES,
    QUERY_TYPE,
    Stamped,
    StampError,
    asking,
    claimed_us,
    stamped_us,
)

PATIENCE_S = 20.0
"""For one request, from the name's resolution to the last byte."""
STALE_US = 50 * 3_600_000_000
"""A newest token that is older is told to people: two daily runs have failed."""
_GOOD = 200


async def ask(plan: TimeStampPlan, note: bytes, ca_file: str) -> Stamped:
    """A verified token over this note; StampError says why there is none."""
    roots = await asyncio.to_thread(plan.roots)
    asked = asking(note)
    try:
        async with asyncio.timeout(PATIENCE_S):
            to = place(plan.url)
            code, reply = await post(to, asked.raw, QUERY_TYPE, MAX_REPLY_BYTES, ca_file)
    except MalformedAnswerError:
        raise StampError("stamp.unreadable", why="HTTP") from None
    except TimeoutError:
        raise StampError("stamp.too-slow", seconds=int(PATIENCE_S)) from None
    except (OSError, UnicodeError) as error:
        raise StampError("stamp.unreachable", why=why_unreachable(error)) from error
    if code != _GOOD:
        raise StampError("stamp.http", http=code)
    time_us = await asyncio.to_thread(stamped_us, reply, note, roots, asked.nonce)
    size = read_unverified(note).size
    return Stamped(authority=plan.name, size=size, time_us=time_us, note=note, reply=reply)


@dataclass(slots=True)
class Newest:
    """The newest token of an authority; `time_us` None where there is none yet."""

    size: int | None = None
    time_us: int | None = None
    stale_told: bool = False

    def keep(self, stamped: Stamped) -> None:
        """A new one."""
        self.size, self.time_us, self.stale_told = stamped.size, stamped.time_us, False

    def stale(self, since_us: int, now_us: int) -> bool:
        """True once, when it has become too old; without any it counts from `since_us`."""
        counted = since_us if self.time_us is None else self.time_us
        if self.stale_told or now_us - counted <= STALE_US:
            return False
        self.stale_told = True
        return True


def newest_of(size: int, reply: bytes) -> Newest:
    """What an earlier run kept; as stored: `verify` says whether it holds."""
    try:
        return Newest(size=size, time_us=claimed_us(reply))
    except LedgerError:
        return Newest()
