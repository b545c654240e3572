"""The daemon's witnesses: asked where they stand before anything begins, told of what grew.

Nothing waits for a witness but the start (at most two requests) and the end (`LAST_S`): commits,
probes and alerts go on. Each witness is asked at most once in `PAUSE_NS`, and after failures ever
more seldom. What it says is verified before it is kept; one that contradicts the log at the start
ends the start, later it is told to people, because what was seen must still be committed.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from monitor.clock import Clock
from monitor.config.configuration import Agent
from monitor.daemon.show import rfc3339
from monitor.daemon.witness_exchange import Exchange, WitnessConflictError
from monitor.ledger.checkpoint import open_by_any, read_unverified
from monitor.ledger.errors import LedgerError
from monitor.ledger.note import parse_unverified
from monitor.ledger.signer import Verifier
from monitor.ledger.witness import Cosigned, short_name
from monitor.store.errors import RolledBackError, StoreError
from monitor.store.glance import consistency
from monitor.store.ledger import Ledger
from monitor.text import plain, say

PAUSE_NS = 60_000_000_000
LONGEST_PAUSE_NS = 900_000_000_000
LAST_S = 5.0
_LATEST_S = 253_402_300_799
"""The end of the year 9999: a witness may name any time."""
_log = structlog.get_logger("sasando.witness")


@dataclass(slots=True)
class Standing:
    """One witness, and how it fares since the start."""

    exchange: Exchange
    newest: Cosigned | None = None
    """Its newest cosignature; of an earlier run where this one has none yet."""
    cosigned: int = 0
    failures: int = 0
    """In all."""
    failing: int = 0
    """In a row."""
    trouble: LedgerError | StoreError | None = None
    """The newest failure, while it fails."""
    failed_us: int = 0
    due_ns: int = 0
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    @property
    def conflict(self) -> WitnessConflictError | None:
        """The contradiction that stands."""
        return self.trouble if isinstance(self.trouble, WitnessConflictError) else None


class Witnesses:
    """Every configured witness. On the loop only."""

    def __init__(
        self,
        agent: Agent,
        ledger: Ledger,
        clock: Clock,
        emergency: Callable[[str, Mapping[str, object]], object],
        stored: Mapping[str, tuple[int, bytes]],
    ) -> None:
        """`stored`: (size, note) of each witness's newest cosignature of earlier runs."""
        self._ledger = ledger
        self._clock = clock
        self._emergency = emergency
        self.standings = [
            Standing(exchange=Exchange(plan, self._signed_by, self._prove, agent.ca_file))
            for plan in agent.witnesses
        ]
        for one in self.standings:
            one.newest = _earlier(short_name(one.exchange.plan.verifier), stored)
            one.exchange.known = 0 if one.newest is None else one.newest.size

    async def require_agreement(self) -> None:
        """Ask each witness where it stands; RolledBackError where one knows what is not here.

        One that cannot be reached, or answers nonsense, stops nothing: it is said and counted.
        """
        note = self._ledger.sign()  # of an empty log as well: a wiped database has one
        await asyncio.gather(*(self._ask(one, note) for one in self.standings))
        for one in self.standings:
            conflict, plan = one.conflict, one.exchange.plan
            if conflict is not None:
                raise RolledBackError(
                    f"store.{conflict.code.replace('.', '-')}",
                    name=plan.name,
                    url=plan.url,
                    witnessed=conflict.witnessed,
                    size=conflict.size,
                )

    def second(self) -> None:
        """Once a second: submit to those that are due, if the log grew."""
        note = self._ledger.note  # None while it is being signed: the next second sees it
        if note is None or not self.standings:
            return
        now_ns, size = self._clock.boottime_ns(), read_unverified(note).size
        for one in self.standings:
            free = one.task is None or one.task.done()
            if free and now_ns >= one.due_ns and _behind(one, size):
                one.task = asyncio.get_running_loop().create_task(self._submit(one, note))

    async def last(self) -> None:
        """The newest checkpoint once more, before the end; what takes longer is given up."""
        note = self._ledger.note
        under_way = [one.task for one in self.standings if one.task and not one.task.done()]
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        if note is None or not self.standings:
            return
        size = read_unverified(note).size
        behind = [one for one in self.standings if _behind(one, size)]
        try:
            async with asyncio.timeout(LAST_S):
                await asyncio.gather(*(self._ask(one, note) for one in behind))
        except TimeoutError:
            _log.warning("last-checkpoint-not-cosigned", size=size)

    def told(self) -> list[dict[str, Any]]:
        """The witnesses as `sasando now --json` shows them."""
        return [_told(one) for one in self.standings]

    async def _submit(self, one: Standing, note: bytes) -> None:
        await self._ask(one, note)
        if one.conflict is not None:
            self._emergency("witness-conflict", {"witness": one.exchange.plan.name})

    async def _ask(self, one: Standing, note: bytes) -> None:
        name = one.exchange.plan.name
        try:
            cosigned = await one.exchange.submit(note)
        except (LedgerError, StoreError) as error:
            self._failed(one, error)
        else:
            if one.failing:
                _log.info("witness-answers-again", witness=name, failures=one.failing)
            one.cosigned, one.failing, one.trouble = one.cosigned + 1, 0, None
            if cosigned.size:  # an empty log has nothing to be kept, and grows in a moment
                one.due_ns = self._clock.boottime_ns() + PAUSE_NS
                one.newest = cosigned
                self._ledger.offer(cosigned)

    def _failed(self, one: Standing, error: LedgerError | StoreError) -> None:
        if one.failing == 0 or isinstance(error, WitnessConflictError):
            why = say(error.code, "en", **error.values)
            _log.error("witness-failed", witness=one.exchange.plan.name, why=why)
        one.failures, one.failing, one.trouble = one.failures + 1, one.failing + 1, error
        one.failed_us = self._clock.wall_us()
        pause_ns = min(PAUSE_NS << min(one.failing - 1, 8), LONGEST_PAUSE_NS)
        one.due_ns = self._clock.boottime_ns() + pause_ns

    def _signed_by(self, note: bytes) -> Verifier:
        """Whose checkpoint this is: a hand-over may have come since it was signed."""
        return open_by_any(note, self._ledger.verifiers)[1][0]

    async def _prove(self, old: int, size: int) -> tuple[bytes, ...]:
        """Out of a reader's connection, beside the writer's; not on the loop."""
        return await asyncio.to_thread(consistency, self._ledger.url, old, size)


def _earlier(witness: str, stored: Mapping[str, tuple[int, bytes]]) -> Cosigned | None:
    """What an earlier run kept; as stored, for it was verified then and `verify` does it again."""
    if witness not in stored:
        return None
    size, note = stored[witness]
    try:
        signatures = parse_unverified(note).signatures
    except LedgerError:  # altered: `verify` says so; the witness itself is asked in any case
        return None
    at_s = next((s.cosigned_at() for s in signatures if f"{s.name}+{s.key_id.hex()}" == witness), 0)
    return Cosigned(witness=witness, size=size, at_s=at_s, note=note)


def _behind(one: Standing, size: int) -> bool:
    """Whether there is something to cosign: what an earlier run kept is not relied on for that."""
    return one.cosigned == 0 or one.newest is None or one.newest.size < size


def _told(one: Standing) -> dict[str, Any]:
    newest, trouble = one.newest, one.trouble
    return {
        "name": one.exchange.plan.name,
        "size": None if newest is None else newest.size,
        "at": None if newest is None else rfc3339(min(newest.at_s, _LATEST_S) * 1_000_000),
        "cosigned": one.cosigned,
        "failures": one.failures,
        "failing": trouble is not None,
        "conflict": one.conflict is not None,
        "trouble": None
        if trouble is None
        else {"code": trouble.code, "values": plain(trouble.values)},
        "failed": rfc3339(one.failed_us) if one.failed_us else None,
    }
