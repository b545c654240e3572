"""The pinned key: what a daemon signs with must be what auditors trust."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.ledger.errors import KeyFileError
from monitor.ledger.keys import require_pinned, write_vkeys
from monitor.ledger.signer import Signer


def _signer() -> Signer:
    return Signer(name="example.com/log", key=Ed25519PrivateKey.generate())


def test_a_key_that_is_not_pinned_is_refused(tmp_path: Path) -> None:
    """A daemon whose signatures would verify nowhere does not start to sign."""
    pinned, other = _signer().verifier, _signer().verifier
    write_vkeys(tmp_path / "log.vkey", [pinned])
    require_pinned(tmp_path / "log.vkey", pinned)
    with pytest.raises(KeyFileError, match="key-not-pinned"):
        require_pinned(tmp_path / "log.vkey", other)


def test_nothing_pinned_refuses_nothing(tmp_path: Path) -> None:
    """Without the file there is nothing to compare with."""
    require_pinned(tmp_path / "log.vkey", _signer().verifier)
