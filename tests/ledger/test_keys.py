"""Key files: created once, protected, and refused with the right reason."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.errors import KeyFileError, NoteError
from monitor.ledger.keys import create_key, load_key, parse_key, read_vkeys, write_vkeys
from monitor.ledger.merkle import leaf_hash
from monitor.ledger.note import parse_unverified
from monitor.ledger.signer import Signer

PASSPHRASE = b"kata sandi contoh"
OPENSSL = shutil.which("openssl")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a key is to be."""
    return tmp_path / "log.key"


def test_encrypted_key_survives(path: Path) -> None:
    """A key comes back with its passphrase; the file is encrypted, mode 0600."""
    created = create_key(path, PASSPHRASE)
    assert load_key(path, PASSPHRASE).private_bytes_raw() == created.private_bytes_raw()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in path.read_bytes()
    assert list(path.parent.iterdir()) == [path]


def test_unencrypted_only_on_demand(path: Path) -> None:
    """An unencrypted key is neither written nor read unless the caller says so."""
    for passphrase in (None, b""):
        with pytest.raises(KeyFileError, match=r"ledger\.passphrase-missing"):
            create_key(path, passphrase)
    with pytest.raises(KeyFileError, match=r"ledger\.passphrase-missing"):
        create_key(path, b"", unencrypted_at_rest=True)
    created = create_key(path, unencrypted_at_rest=True)
    assert load_key(path, unencrypted_at_rest=True).private_bytes_raw() == (
        created.private_bytes_raw()
    )
    with pytest.raises(KeyFileError, match=r"ledger\.key-unencrypted"):
        load_key(path)
    with pytest.raises(KeyFileError, match=r"ledger\.key-unencrypted"):
        load_key(path, PASSPHRASE)


def test_never_overwritten(path: Path) -> None:
    """A file or a dangling link under that name is left as it is."""
    path.write_bytes(b"precious")
    link = path.with_name("link.key")
    link.symlink_to(path.with_name("elsewhere"))
    for occupied in (path, link):
        with pytest.raises(KeyFileError, match=r"ledger\.key-exists"):
            create_key(occupied, PASSPHRASE)
    assert path.read_bytes() == b"precious"
    assert not path.with_name("elsewhere").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666])
def test_exposed_key_is_refused(path: Path, mode: int) -> None:
    """A key that group or others can read, write or execute is refused with its mode."""
    create_key(path, PASSPHRASE)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=rf"ledger\.key-exposed.*{mode:04o}"):
        load_key(path, PASSPHRASE)


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_private_key_modes(path: Path, mode: int) -> None:
    """A key that only its owner can touch is read."""
    create_key(path, PASSPHRASE)
    path.chmod(mode)
    load_key(path, PASSPHRASE)


def test_passphrases(path: Path) -> None:
    """A missing passphrase and a wrong one are told apart."""
    create_key(path, PASSPHRASE)
    with pytest.raises(KeyFileError, match=r"ledger\.passphrase-missing"):
        load_key(path)
    with pytest.raises(KeyFileError, match=r"ledger\.wrong-passphrase"):
        load_key(path, PASSPHRASE + b"!")


def test_not_a_key(path: Path) -> None:
    """What is not PKCS#8 PEM, or is cut, is called malformed; what is missing, unreadable."""
    key = Ed25519PrivateKey.generate()
    plain = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content in (b"", b"text", plain[:60], plain.replace(b"PRIVATE", b"OPENSSH PRIVATE")):
        with pytest.raises(KeyFileError, match=r"ledger\.key-malformed"):
            parse_key(content, source="credential log-key", unencrypted_at_rest=True)
    with pytest.raises(KeyFileError, match=r"ledger\.key-unreadable"):
        load_key(path, PASSPHRASE)
    with pytest.raises(KeyFileError, match=r"ledger\.key-unreadable.*directory"):
        load_key(path.parent, PASSPHRASE)
    os.mkfifo(path.with_name("pipe"), 0o600)
    with pytest.raises(KeyFileError, match=r"ledger\.key-exposed"):
        load_key(path.with_name("pipe"), PASSPHRASE)
    with pytest.raises(KeyFileError, match=r"ledger\.key-unwritable"):
        create_key(path / "absent" / "log.key", PASSPHRASE)


@pytest.mark.parametrize("passphrase", [None, PASSPHRASE])
def test_not_ed25519(passphrase: bytes | None) -> None:
    """A key of another algorithm is refused as such."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    with pytest.raises(KeyFileError, match=r"ledger\.key-not-ed25519"):
        parse_key(pem, passphrase, source="x", unencrypted_at_rest=passphrase is None)


def test_vkeys_survive(tmp_path: Path) -> None:
    """Verifier keys are read back; comments and empty lines around them are left out."""
    trust = tmp_path / "log.vkey"
    signers = [Signer(name=f"{n}.example", key=Ed25519PrivateKey.generate()) for n in "ab"]
    verifiers = tuple(signer.verifier for signer in signers)
    write_vkeys(trust, verifiers)
    assert read_vkeys(trust) == verifiers
    trust.write_text("# pinned\n\n  " + verifiers[0].vkey + "\r\n", encoding="utf-8")
    assert read_vkeys(trust) == verifiers[:1]


@pytest.mark.parametrize("content", [b"", b"# nothing\n", b"\xff\n"])
def test_a_trust_file_without_keys(tmp_path: Path, content: bytes) -> None:
    """A trust file that names no key is an error, not an empty trust."""
    trust = tmp_path / "log.vkey"
    trust.write_bytes(content)
    with pytest.raises(KeyFileError, match=r"ledger\.vkeys-none"):
        read_vkeys(trust)
    trust.write_bytes(b"not a key\n")
    with pytest.raises(NoteError, match=r"ledger\.vkey-malformed"):
        read_vkeys(trust)


@pytest.fixture
def openssl() -> str:
    """The path of openssl, which an auditor uses instead of this program."""
    assert OPENSSL, "openssl is needed: apt-get install openssl"
    return OPENSSL


def test_openssl_verifies_a_checkpoint(path: Path, openssl: str) -> None:
    """An auditor checks a checkpoint with openssl alone, and finds an altered one out."""
    signer = Signer(name="agent.example/log", key=create_key(path, PASSPHRASE))
    checkpoint = Checkpoint(origin=signer.name, size=1, root=leaf_hash(b""))
    (signature,) = parse_unverified(sign_checkpoint(checkpoint, signer)).signatures
    files = {"key.der": signer.verifier.spki, "sig": signature.payload}
    files |= {"good": checkpoint.text.encode(), "bad": checkpoint.text.encode().upper()}
    for name, content in files.items():
        path.with_name(name).write_bytes(content)
    command = [openssl, "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "key.der"]
    command += ["-keyform", "DER", "-sigfile", "sig", "-in"]
    done = [
        subprocess.run([*command, name], cwd=path.parent, capture_output=True, check=False)
        for name in ("good", "bad")
    ]
    assert [process.returncode for process in done] == [0, 1]


def test_openssl_reads_the_key_file(path: Path, openssl: str) -> None:
    """The key file is ordinary PKCS#8: openssl opens it with the passphrase."""
    created = create_key(path, PASSPHRASE)
    command = [openssl, "pkey", "-in", str(path), "-passin", "stdin", "-pubout", "-outform", "DER"]
    shown = subprocess.run(command, input=PASSPHRASE, capture_output=True, check=True)
    assert shown.stdout == Signer(name="x", key=created).verifier.spki
