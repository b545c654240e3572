"""`sasando keys new` and `keys show`."""

import base64
import stat
import subprocess
from pathlib import Path

import pytest

from monitor.ledger.keys import load_key, read_vkeys
from monitor.ledger.signer import KeyKind, Signer, Verifier
from tests.cli.running_command import Inside, sasando
from tests.daemon.place import Place
from tests.lab.parts import require
from tests.store import building


def _passphrase(folder: Path) -> Path:
    file = folder / "pass"
    file.write_text("a long passphrase\n")
    file.chmod(0o600)
    return file


def test_a_key_pair_is_made(tmp_path: Path) -> None:
    """The private key is encrypted and its owner's alone; the verifier key is printed and kept."""
    file = _passphrase(tmp_path)
    done = sasando("keys", "new", tmp_path, "--origin", "a.example/log", "--passphrase-file", file)
    assert done.code == 0, done.err
    key = load_key(tmp_path / "log.key", b"a long passphrase")
    vkey = Signer(name="a.example/log", key=key).verifier.vkey
    assert done.out == f"{vkey}\n"
    assert read_vkeys(tmp_path / "log.vkey")[0].vkey == vkey
    assert stat.S_IMODE((tmp_path / "log.key").stat().st_mode) == 0o600


def test_a_witness_key_is_of_its_own_type(inside: Inside, tmp_path: Path) -> None:
    """`--witness` makes a cosignature key (type 0x04), which no log takes for its own."""
    words = ("keys", "new", tmp_path / "w.key", "--origin", "witness.example")
    done = inside(*words, "--witness", "--unencrypted-at-rest")
    assert done.code == 0, done.err
    assert Verifier.parse(done.out.strip()).kind is KeyKind.COSIGNATURE


def test_an_existing_key_is_never_replaced(inside: Inside, tmp_path: Path) -> None:
    """A second `keys new` at the same place fails with 2 and leaves both files as they were."""
    words = ("keys", "new", tmp_path / "own.key", "--origin", "a", "--unencrypted-at-rest")
    assert inside(*words).code == 0
    before = [(tmp_path / n).read_bytes() for n in ("own.key", "own.vkey")]
    again = inside(*words)
    assert again.code == 2
    assert "never overwritten" in again.err
    assert [(tmp_path / n).read_bytes() for n in ("own.key", "own.vkey")] == before


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ([], "Say how the key is protected"),
        (["--unencrypted-at-rest", "--passphrase-file", "pass"], "Say how the key is protected"),
        (["--passphrase-file", "/none/pass"], "cannot be read"),
        (["--unencrypted-at-rest", "--origin", "two words"], "cannot name a key"),
    ],
)
def test_what_cannot_make_a_key_makes_nothing(
    inside: Inside, tmp_path: Path, more: list[str], told: str
) -> None:
    """A wrong wish ends with 2 and one sentence, and no file is written."""
    done = inside("keys", "new", tmp_path / "new.key", "--origin", "a.example/log", *more)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_world_readable_passphrase_is_refused(inside: Inside, tmp_path: Path) -> None:
    """A passphrase that every account may read protects nothing."""
    file = _passphrase(tmp_path)
    file.chmod(0o644)
    done = inside("keys", "new", tmp_path, "--origin", "a", "--passphrase-file", file)
    assert done.code == 2
    assert f"chmod 600 {file}" in done.err


def test_the_trusted_key_is_shown(place: Place) -> None:
    """`keys show` prints what an auditor copies: name, id, verifier key and public key."""
    done = sasando("keys", "show", "-c", place.configuration, "--json")
    verifier = building.KEY.verifier
    assert done.data == [
        {
            "origin": verifier.name,
            "key_id": verifier.key_id.hex(),
            "vkey": verifier.vkey,
            "spki": base64.b64encode(verifier.spki).decode(),
        }
    ]


def test_the_recipe_checks_a_checkpoint_with_openssl(
    inside: Inside, recorded: Place, tmp_path: Path
) -> None:
    """The printed lines accept the log's checkpoint, and refuse one with an altered size."""
    require("openssl")
    note = inside("ledger", "checkpoint", "-c", recorded.configuration).out
    shown = inside("keys", "show", "-c", recorded.configuration).out
    script = "\n".join(line for line in shown.splitlines() if line.startswith("  "))
    altered = note.replace("\n", "\n1", 1)
    for text, good in ((note, True), (altered, False)):
        folder = tmp_path / str(good)
        folder.mkdir()
        (folder / "checkpoint").write_text(text)
        ran = subprocess.run(
            ["sh", "-e"], input=script, cwd=folder, capture_output=True, text=True, timeout=60
        )
        assert (ran.returncode == 0) is good, ran.stdout + ran.stderr
        assert ("Signature Verified Successfully" in ran.stdout) is good


def test_a_key_that_is_none_is_told(inside: Inside, tmp_path: Path) -> None:
    """A damaged verifier key is a sentence, in both languages."""
    assert (
        "key id"
        in inside(
            "keys",
            "show",
            "--key",
            "a.example+00000000+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        ).err
    )
    done = inside("keys", "show", "-c", tmp_path, "--lang", "id")
    assert done.code == 2
    assert "tidak dapat dibaca" in done.err


def test_a_key_in_a_token_needs_its_pin_and_is_a_logs(inside: Inside, tmp_path: Path) -> None:
    """Without a PIN, for a witness, or by a URI that says less: exit 2, and no file is written."""
    pin, uri = _passphrase(tmp_path), "pkcs11:token=t;object=o?module-path=/none.so"
    words = ("keys", "new", tmp_path / "log", "--origin", "a.example/log", "--pkcs11")
    for more, told in (
        ((uri, "--unencrypted-at-rest"), "PIN"),
        ((uri, "--passphrase-file", pin, "--witness"), "not a witness"),
        (("pkcs11:token=t", "--passphrase-file", pin), "module-path"),
        ((uri, "--passphrase-file", pin), "cannot be loaded"),
    ):
        done = inside(*words, *more)
        assert (done.code, told in done.err) == (2, True), done.err
    assert [one.name for one in tmp_path.iterdir()] == ["pass"]
