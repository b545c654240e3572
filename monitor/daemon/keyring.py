"""The log's signing key, from wherever it lies, and the ledger that it opens.

With `key.next` in agent.yaml the log itself says which of the two keys is in force, so that a
hand-over that was cut short at any moment needs nobody at the next start.
"""

from dataclasses import dataclass

from monitor.config.configuration import Agent, FileKey, KeyPlan
from monitor.ledger.errors import KeyFileError
from monitor.ledger.keys import parse_key, require_pinned
from monitor.ledger.signer import NoteSigner, Signer
from monitor.ledger.token import TokenSigner
from monitor.secret import SecretError
from monitor.store.errors import StoreBusyError, StoreError
from monitor.store.ledger import Ledger

_HANDED_OVER = "store.key-rotated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A ledger, and the key of the configuration that is in force in it."""

    ledger: Ledger
    key: KeyPlan


def signer_at(plan: KeyPlan, agent: Agent) -> NoteSigner:
    """The signer of a log key; SecretError or KeyFileError say what to do."""
    signer = unpinned(plan, agent.origin)
    require_pinned(agent.trusted_key, signer.verifier)
    return signer


def unpinned(plan: KeyPlan, origin: str) -> NoteSigner:
    """As `signer_at`, of a key that need not be trusted yet."""
    if not isinstance(plan, FileKey):
        return TokenSigner.open(origin, plan)
    passphrase = None if plan.passphrase is None else plan.passphrase.reveal().encode()
    key = parse_key(
        plan.private.reveal().encode(),
        passphrase,
        source=plan.private.reference,
        unencrypted_at_rest=passphrase is None,
    )
    return Signer(name=origin, key=key)


def open_ledger(agent: Agent) -> Opened:
    """The agent's ledger, opened by the key in force; errors as `signer_at` and `Ledger.open`."""
    try:
        signer = signer_at(agent.key, agent)
    except (KeyFileError, SecretError):
        # Perhaps it was erased, as it should be; the error stands unless the next key is in force.
        opened = _by_next(agent)
        if opened is None:
            raise
        return opened
    try:
        return Opened(ledger=_ledger(agent, signer), key=agent.key)
    except StoreError as error:
        if agent.next_key is None or error.code != _HANDED_OVER:
            raise
    ledger = _ledger(agent, signer_at(agent.next_key, agent))
    # A crash may have come between the entry and the outgoing key's word for it.
    ledger.vouch(signer)
    return Opened(ledger=ledger, key=agent.next_key)


def _by_next(agent: Agent) -> Opened | None:
    """The ledger by the next key alone; None where that is not in force or cannot be had."""
    if agent.next_key is None:
        return None
    try:
        ledger = _ledger(agent, signer_at(agent.next_key, agent))
    except StoreBusyError:
        raise
    except (StoreError, KeyFileError, SecretError):
        return None
    return Opened(ledger=ledger, key=agent.next_key)


def _ledger(agent: Agent, signer: NoteSigner) -> Ledger:
    return Ledger.open(agent.store_url(), signer, agent.high_water_mark)
