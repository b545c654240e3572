"""The log's signing key, from wherever the configuration says it lies."""

from monitor.config.configuration import Agent
from monitor.ledger.keys import parse_key, require_pinned
from monitor.ledger.signer import Signer


def signer_of(agent: Agent) -> Signer:
    """The signer of this agent's log; SecretError or KeyFileError say what to do."""
    passphrase = None if agent.passphrase is None else agent.passphrase.reveal().encode()
    key = parse_key(
        agent.key.reveal().encode(),
        passphrase,
        source=agent.key.reference,
        unencrypted_at_rest=passphrase is None,
    )
    signer = Signer(name=agent.origin, key=key)
    require_pinned(agent.trusted_key, signer.verifier)
    return signer
