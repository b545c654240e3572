"""The log handed over to its next key while the daemon works.

Which key that is stands in agent.yaml (`key.next`), never in the request: a client of the socket
could otherwise put a key of its own in force. Only root and the daemon's own account may ask. The
entry is a commit of its own, so that the outgoing key's last checkpoint ends with it; the writer's
thread changes the signer between that commit and the next one.

Crash at any point: the entry is in the log or it is not, and the next start takes of the two keys
in agent.yaml the one that the entries say is in force.
"""

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from monitor.config.configuration import Configuration, KeyPlan
from monitor.config.problem import ConfigurationError
from monitor.daemon.committing import HandOver
from monitor.daemon.control import Answer, ControlError, account_of
from monitor.daemon.keyring import signer_at
from monitor.daemon.ondemand import REASON_LIMIT
from monitor.daemon.reloading import refusal, require_same_log
from monitor.daemon.shared import Shared
from monitor.ledger.entry import KeyRotated
from monitor.ledger.errors import LedgerError
from monitor.ledger.signer import NoteSigner, Verifier
from monitor.secret import SecretError
from monitor.store.ledger import Commit, Committed

COMMIT_S = 30.0
_log = structlog.get_logger("sasando.daemon")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heir:
    """The next key: where it lies, and what signs with it."""

    plan: KeyPlan
    signer: NoteSigner


def answers(daemon: Shared) -> Mapping[str, Answer]:
    """The command of the socket that rotates; one after the other."""
    turn = asyncio.Lock()

    async def rotate(request: Mapping[str, Any], author: str) -> Any:
        reason = request.get("reason", "")
        if not isinstance(reason, str) or not reason.isprintable():
            raise ControlError("cli.request")
        if author not in ("root", account_of(os.getuid())):
            raise ControlError("daemon.rotate-account", account=account_of(os.getuid()))
        async with turn:
            return await rotated(daemon, reason[:REASON_LIMIT], author)

    return {"rotate": rotate}


async def rotated(daemon: Shared, reason: str, author: str) -> dict[str, Any]:
    """Hand over to the configured next key; ControlError says why not, and nothing is written."""
    daemon.entries.require_writing()
    configuration = await _configured(daemon)
    heir = await asyncio.to_thread(_heir, configuration, daemon.key)
    current = daemon.ledger.signer.verifier
    entry = handed_over(
        daemon.ledger.verifiers, heir.signer.verifier, author, reason, daemon.clock.wall_us()
    )
    done = await _committed(daemon, entry, heir)
    _log.info("key-rotated", entry=done.size - 1, previous=current.key_id.hex())
    return {
        "entry": done.size - 1,
        "previous": current.vkey,
        "next": heir.signer.verifier.vkey,
    }


def handed_over(
    known: tuple[Verifier, ...], following: Verifier, author: str, reason: str, at_us: int
) -> KeyRotated:
    """The entry; `known`: the key in force, then every earlier one. A key is in force once."""
    if following == known[0]:
        raise ControlError("cli.rotate-same", place=_short(following))
    if following in known:
        raise ControlError("cli.rotate-used", name=_short(following))
    return KeyRotated(
        previous=known[0].vkey, next=following.vkey, author=author, reason=reason, at_us=at_us
    )


def _short(verifier: Verifier) -> str:
    return f"{verifier.name}+{verifier.key_id.hex()}"


async def _configured(daemon: Shared) -> Configuration:
    """The configuration as it lies there now: the next key may have been named since the start."""
    try:
        configuration = await asyncio.to_thread(daemon.load)
        require_same_log(daemon.plan.configuration, configuration, daemon.key)
    except (ConfigurationError, OSError) as error:
        why = refusal(error, daemon.plan.configuration.agent.language)[0]
        raise ControlError("daemon.rotate-configuration", why=why) from error
    return configuration


def _heir(configuration: Configuration, key: KeyPlan) -> Heir:
    plan = configuration.agent.next_key
    if plan is None or plan == key:
        raise ControlError("cli.rotate-none")
    try:
        return Heir(plan=plan, signer=signer_at(plan, configuration.agent))
    except LedgerError as error:
        raise ControlError(error.code, **error.values) from error
    except SecretError as error:
        values = {name: str(value) for name, value in error.values.items()}
        raise ControlError(f"config.{error.key}", **values) from error


async def _committed(daemon: Shared, entry: KeyRotated, heir: Heir) -> Committed:
    done: asyncio.Future[Committed] = daemon.loop.create_future()

    def told(committed: Committed) -> None:
        daemon.key = heir.plan
        if not done.done():  # who asked may have gone meanwhile
            done.set_result(committed)

    commit = Commit(entries=[entry.to_bytes()], at_us=entry.at_us, heir=heir.signer)
    if not daemon.committing.hand_over(HandOver(commit=commit, told=told)):
        raise ControlError("cli.busy")
    try:
        return await asyncio.wait_for(done, COMMIT_S)
    except TimeoutError:
        raise ControlError("daemon.not-committed", seconds=int(COMMIT_S)) from None
