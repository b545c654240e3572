"""Where the log's key may lie: an encrypted file, a systemd credential, both with a passphrase."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.config.loader import load
from monitor.daemon.keyring import signer_at
from monitor.ledger.errors import KeyFileError
from monitor.ledger.keys import read_vkeys
from monitor.ledger.signer import NoteSigner
from monitor.text import say
from tests.daemon.place import Place

PASSPHRASE = b"kata sandi contoh"
FILE, PASS = ({"secret": f"file:secrets/{name}"} for name in ("log.key", "passphrase"))
CREDENTIAL, CREDENTIAL_PASS = (
    {"secret": f"credential:{name}"} for name in ("log.key", "passphrase")
)


@pytest.fixture
def encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An encrypted key and its passphrase, in files, and the same as systemd hands them over."""
    place = Place(root=tmp_path)
    place.make(PASSPHRASE)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(place.configuration / "secrets"))
    return place


def signer(place: Place, key: dict[str, Any]) -> NoteSigner:
    """The signer that agent.yaml means with this key."""
    place.agent["key"] = key
    place.write()
    agent = load(place.configuration, datetime.now(UTC).date()).agent
    return signer_at(agent.key, agent)


@pytest.mark.parametrize("private", [FILE, CREDENTIAL])
@pytest.mark.parametrize("passphrase", [PASS, CREDENTIAL_PASS, {"secret": "env:SASANDO_TEST_PASS"}])
def test_an_encrypted_key_opens_from_file_and_credential(
    encrypted: Place,
    private: dict[str, str],
    passphrase: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """PKCS#8 and passphrase each from where they lie, and it is the pinned key."""
    monkeypatch.setenv("SASANDO_TEST_PASS", PASSPHRASE.decode())
    found = signer(encrypted, {"private": private, "passphrase": passphrase}).verifier
    assert found == read_vkeys(encrypted.configuration / "trust" / "log.vkey")[0]


def test_a_credential_that_systemd_decrypted_needs_no_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LoadCredentialEncrypted= hands over an open key in a directory of the service's own."""
    place = Place(root=tmp_path)
    place.make()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(place.configuration / "secrets"))
    found = signer(place, {"private": CREDENTIAL}).verifier
    assert found == read_vkeys(place.configuration / "trust" / "log.vkey")[0]


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ({"private": FILE}, "ledger.passphrase-missing"),
        ({"private": FILE, "passphrase": FILE}, "ledger.wrong-passphrase"),
        ({"private": PASS, "passphrase": PASS}, "ledger.key-malformed"),
    ],
)
def test_what_does_not_open_is_told_without_the_secret(
    encrypted: Place, key: dict[str, Any], code: str
) -> None:
    """No passphrase, a wrong one, no key at all: each has its sentence."""
    with pytest.raises(KeyFileError) as refused:
        signer(encrypted, key)
    assert refused.value.code == code
    said = repr(refused.value) + say(code, "en", **refused.value.values)
    assert PASSPHRASE.decode() not in said


def test_an_open_key_is_refused_where_a_passphrase_is_configured(tmp_path: Path) -> None:
    """Somebody exchanged the encrypted file for one that lies open."""
    place = Place(root=tmp_path)
    place.make()
    secret = place.configuration / "secrets" / "passphrase"
    secret.write_bytes(PASSPHRASE)
    secret.chmod(0o600)
    with pytest.raises(KeyFileError, match="key-unencrypted"):
        signer(place, {"private": FILE, "passphrase": PASS})
