"""Secrets by reference, and URLs fit for print."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.secret import SECRET_LIMIT, Secret, SecretError, mask
from monitor.text import LANGUAGES


def _file(directory: Path, text: str = "hunter2\n", mode: int = 0o600) -> Secret:
    path = directory / "token"
    path.write_text(text)
    path.chmod(mode)
    return Secret("file:token", directory)


def test_a_file_is_revealed_without_its_last_newline(tmp_path: Path) -> None:
    """What an editor adds is no part of the secret."""
    assert _file(tmp_path).reveal() == "hunter2"


def test_an_environment_variable_is_revealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """env:NAME reads the environment at the moment of revealing."""
    monkeypatch.setenv("SASANDO_TOKEN", "hunter2")
    assert Secret("env:SASANDO_TOKEN").reveal() == "hunter2"


def test_a_credential_is_read_where_systemd_puts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """credential:NAME is a file of $CREDENTIALS_DIRECTORY, whatever its mode."""
    (tmp_path / "log-key").write_text("hunter2")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert Secret("credential:log-key").reveal() == "hunter2"


@pytest.mark.parametrize("mode", [0o604, 0o606, 0o602, 0o601])
def test_a_file_open_to_every_account_is_refused(tmp_path: Path, mode: int) -> None:
    """A secret that others may touch is none; the message says which command helps."""
    with pytest.raises(SecretError) as caught:
        _file(tmp_path, mode=mode).reveal()
    assert caught.value.sentence("en") == (
        f"the secret file:token may be read by every account; run: chmod 600 {tmp_path}/token"
    )


def test_what_cannot_be_read_is_told_in_both_languages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Missing, empty, too long, not text, not a file, no credentials: each has its sentence."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    monkeypatch.delenv("SASANDO_TOKEN", raising=False)
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "bytes").write_bytes(b"\xff")
    (tmp_path / "bytes").chmod(0o600)
    (tmp_path / "long").write_bytes(b"x" * (SECRET_LIMIT + 1))
    (tmp_path / "long").chmod(0o600)
    keys = {
        "file:missing": "secret-unreadable",
        "file:pipe": "secret-no-file",
        "file:bytes": "secret-no-text",
        "file:long": "secret-too-long",
        "env:SASANDO_TOKEN": "secret-empty",
        "credential:x": "secret-no-credentials",
    }
    for reference, key in keys.items():
        with pytest.raises(SecretError) as caught:
            Secret(reference, tmp_path).reveal()
        assert caught.value.key == key
        assert all(caught.value.sentence(lang) for lang in LANGUAGES)


@pytest.mark.parametrize("text", ["hunter2", "file:", "file: x", "env:A B", "credential:../x", ""])
def test_a_secret_written_out_is_refused_and_not_repeated(text: str) -> None:
    """What is no reference may be the secret itself."""
    with pytest.raises(ValueError) as caught:
        Secret(text)
    assert "hunter2" not in str(caught.value)


def test_a_secret_never_prints(tmp_path: Path) -> None:
    """repr names the reference, str nothing."""
    secret = _file(tmp_path)
    secret.reveal()
    assert "hunter2" not in f"{secret!r}{secret}{[secret]}"


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("tgram://12345:token/678", "tgram://***"),
        ("mailtos://user:word@mail.example?to=noc", "mailtos://***"),
        ("https://user:word@www.example/a?token=b", "https://user:***@www.example/a?***"),
        ("postgresql+psycopg://u:p@db.example/x", "postgresql+psycopg://u:***@db.example/x"),
        ("sqlite:////var/lib/sasando/ledger.db", "sqlite:////var/lib/sasando/ledger.db"),
        ("no url", "no url"),
        ("https://[broken", "https://***"),
    ],
)
def test_a_url_prints_masked(url: str, masked: str) -> None:
    """What can be a password or a token does not show."""
    assert mask(url) == masked


@given(st.text(st.characters(categories=["L", "N"]), min_size=6))
def test_no_password_survives_masking(password: str) -> None:
    """Whatever the password, the masked URL does not hold it."""
    assert password not in mask(f"https://u:{password}@www.example/").replace("www.example", "")
