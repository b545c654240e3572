"""Key files: Ed25519 private keys as PKCS#8 PEM, and verifier keys as text (shell, small).

Enforces: a private key is created once, never overwritten, mode 0600, encrypted unless the caller
says ``unencrypted_at_rest``; one that group or others can touch is refused. Leaves to others:
resolving a passphrase or a credential, and when to rotate.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from monitor.ledger.errors import KeyFileError
from monitor.ledger.files import create_durably, read_bounded, replace_durably
from monitor.ledger.signer import Verifier

_PRIVATE_MODE = 0o600
_PUBLIC_MODE = 0o644
_MAX_FILE_BYTES = 65_536
_ENCRYPTED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
_PLAIN = b"-----BEGIN PRIVATE KEY-----"


def create_key(
    path: Path, passphrase: bytes | None = None, *, unencrypted_at_rest: bool = False
) -> Ed25519PrivateKey:
    """Creates a key pair and stores its private half; refuses to replace a file.

    ``unencrypted_at_rest`` is for a file that something else encrypts, as systemd-creds does.
    """
    encryption = _encryption(path, passphrase, unencrypted_at_rest)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    try:
        create_durably(path, pem, _PRIVATE_MODE)
    except FileExistsError as error:
        raise KeyFileError("ledger.key-exists", path=str(path)) from error
    except OSError as error:
        raise _unwritable(path, error) from error
    return key


def load_key(
    path: Path, passphrase: bytes | None = None, *, unencrypted_at_rest: bool = False
) -> Ed25519PrivateKey:
    """Reads a private key from a file that only its owner can touch."""
    try:
        pem = _read_private(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    return parse_key(pem, passphrase, source=str(path), unencrypted_at_rest=unencrypted_at_rest)


def parse_key(
    pem: bytes,
    passphrase: bytes | None = None,
    *,
    source: str,
    unencrypted_at_rest: bool = False,
) -> Ed25519PrivateKey:
    """Reads a private key from PEM that the caller got elsewhere, such as a systemd credential.

    ``source`` names it in errors.
    """
    _require_protection(pem, passphrase, source, unencrypted_at_rest)
    encrypted = _ENCRYPTED in pem
    try:
        key = load_pem_private_key(pem, passphrase if encrypted else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        code = "ledger.wrong-passphrase" if encrypted else "ledger.key-malformed"
        raise KeyFileError(code, path=source) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError("ledger.key-not-ed25519", path=source)
    return key


def write_vkeys(path: Path, verifiers: Iterable[Verifier]) -> None:
    """Writes verifier keys, one a line, replacing the file as a whole."""
    text = "".join(f"{verifier.vkey}\n" for verifier in verifiers)
    try:
        replace_durably(path, text.encode(), _PUBLIC_MODE)
    except OSError as error:
        raise _unwritable(path, error) from error


def read_vkeys(path: Path) -> tuple[Verifier, ...]:
    """Reads verifier keys, one a line; empty lines and lines that begin with # are left out."""
    try:
        text = read_bounded(path, _MAX_FILE_BYTES).decode()
    except OSError as error:
        raise _unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise KeyFileError("ledger.vkeys-none", path=str(path)) from error
    lines = [line.strip() for line in text.split("\n")]
    verifiers = tuple(Verifier.parse(line) for line in lines if line and line[0] != "#")
    if not verifiers:
        raise KeyFileError("ledger.vkeys-none", path=str(path))
    return verifiers


def require_pinned(path: Path, verifier: Verifier) -> None:
    """Refuse a signing key that the pinned file does not name; no file pins nothing."""
    if not path.exists():
        return
    pinned = read_vkeys(path)
    if verifier.vkey not in {one.vkey for one in pinned}:
        names = ", ".join(f"{one.name}+{one.key_id.hex()}" for one in pinned)
        raise KeyFileError("ledger.key-not-pinned", path=str(path), pinned=names)


def _read_private(path: Path) -> bytes:
    """The file's bytes; its mode is that of the very file read, and no pipe can hold us up."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode) or mode & 0o077:
            shown = f"{stat.S_IMODE(mode):04o}"
            raise KeyFileError("ledger.key-exposed", path=str(path), mode=shown)
        return file.read(_MAX_FILE_BYTES)


def _encryption(
    path: Path, passphrase: bytes | None, unencrypted_at_rest: bool
) -> KeySerializationEncryption:
    if passphrase:
        return BestAvailableEncryption(passphrase)
    if passphrase is None and unencrypted_at_rest:
        return NoEncryption()
    raise KeyFileError("ledger.passphrase-missing", path=str(path))


def _require_protection(
    pem: bytes, passphrase: bytes | None, source: str, unencrypted_at_rest: bool
) -> None:
    """Tells a missing passphrase from a key that lies open, and both from something else."""
    if _ENCRYPTED in pem:
        if not passphrase:
            raise KeyFileError("ledger.passphrase-missing", path=source)
    elif _PLAIN not in pem:
        raise KeyFileError("ledger.key-malformed", path=source)
    elif passphrase is not None or not unencrypted_at_rest:
        raise KeyFileError("ledger.key-unencrypted", path=source)


def _unreadable(path: Path, error: OSError) -> KeyFileError:
    reason = error.strerror or str(error)
    return KeyFileError("ledger.key-unreadable", path=str(path), reason=reason)


def _unwritable(path: Path, error: OSError) -> KeyFileError:
    reason = error.strerror or str(error)
    return KeyFileError("ledger.key-unwritable", path=str(path), reason=reason)
