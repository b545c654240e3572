"""`sasando ledger prove`, and `verify` of what it writes, over a real ledger."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.ledger.signer import Signer
from tests.cli.running_command import ROOT, Inside, sasando
from tests.daemon.place import Place
from tests.store import building

VKEY = building.KEY.verifier.vkey
OTHER = building.OTHER_KEY.verifier.vkey
STRANGER = Signer(name="other.example/log", key=building.OTHER_KEY.key).verifier.vkey


@pytest.fixture
def proof(inside: Inside, recorded: Place, tmp_path: Path) -> Path:
    """The proof of the opening of the first incident."""
    opened = recorded.rows("incident")[0][0]
    place = tmp_path / "outage.tlog-proof"
    done = inside("ledger", "prove", str(opened), "--out", place, "-c", recorded.configuration)
    assert (done.code, done.out) == (0, ""), done.err
    return place


def test_an_entry_is_proved_without_anything_else(recorded: Place, proof: Path) -> None:
    """Two files and a key suffice: no configuration, no database; the entry's fields are told."""
    told = sasando("verify", proof, "--key", VKEY, "--json", cwd=proof.parent)
    assert told.code == 0, told.out + told.err
    assert (told.data["verdict"], told.data["findings"]) == ("intact", [])
    assert told.data["entry"]["kind"] == "IncidentStepped"
    assert told.data["entry"]["fields"]["act"] == "opened"
    assert told.data["entry"]["index"] == recorded.rows("incident")[0][0]
    prose = sasando("verify", proof, "--key", VKEY, cwd=proof.parent)
    assert prose.code == 0
    assert "Proved: " in prose.out
    assert "act: opened" in prose.out


def test_a_proof_is_verified_without_sqlalchemy(proof: Path) -> None:
    """The database's library is never imported, so that an auditor needs none."""
    script = (
        "import sys; sys.modules['sqlalchemy'] = None; from monitor.cli.main import main;"
        f"sys.exit(main(['verify', {str(proof)!r}, '--key', {VKEY!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, timeout=100, check=False)
    assert done.returncode == 0


def test_an_altered_entry_proof_or_key_is_exit_1(inside: Inside, proof: Path) -> None:
    """One byte of the entry, another number, another key's name: not proved."""
    entry = proof.with_suffix(".entry")
    whole, text = entry.read_bytes(), proof.read_text()
    entry.write_bytes(whole + b"\0")
    done = inside("verify", proof, "--key", VKEY)
    assert done.code == 1
    assert "NOT proved" in done.out
    entry.write_bytes(whole)
    for key in (OTHER, STRANGER):
        assert inside("verify", proof, "--key", key).code == 1
    proof.write_text(text.replace("index ", "index 1"))
    told = inside("verify", proof, "--key", VKEY, "--json")
    assert (told.code, told.data["verdict"], told.data["entry"]) == (1, "tampered", None)


def test_what_is_no_proof_or_lacks_its_entry_is_exit_2(inside: Inside, proof: Path) -> None:
    """A cut proof and a missing entry are unusable, as prose and as data."""
    entry, elsewhere = proof.with_suffix(".entry"), proof.with_name("elsewhere")
    entry.rename(elsewhere)
    assert inside("verify", proof, "--key", VKEY).code == 2
    assert inside("verify", proof, "--key", VKEY, "--entry", elsewhere).code == 0
    told = inside("verify", proof, "--key", VKEY, "--json")
    assert (told.code, told.data["verdict"]) == (2, "unusable")
    proof.write_bytes(proof.read_bytes()[:60])
    done = inside("verify", proof, "--key", VKEY, "--entry", elsewhere)
    assert done.code == 2
    assert "is not part of a proof" in done.err


def test_an_earlier_checkpoint_proves_what_it_covers(
    inside: Inside, recorded: Place, tmp_path: Path
) -> None:
    """Under a checkpoint that the reader holds; an entry after it, and one ahead, are refused."""
    kept = next(row for row in recorded.rows("checkpoint") if row[0] > 3)
    (tmp_path / "kept").write_bytes(kept[1])
    out = tmp_path / "early.tlog-proof"
    words = ("--checkpoint", tmp_path / "kept", "-c", recorded.configuration)
    assert inside("ledger", "prove", "3", "--out", out, *words).code == 0
    assert inside("verify", out, "--key", VKEY, "--json").data["size"] == kept[0]
    late = inside("ledger", "prove", str(kept[0]), "--out", tmp_path / "late", *words)
    assert late.code == 2
    assert "does not exist" in late.err
    assert not (tmp_path / "late").exists()


def test_nothing_is_overwritten_and_nothing_false_is_proved(
    inside: Inside, recorded: Place, proof: Path, tmp_path: Path
) -> None:
    """A second proof under the same name is refused, and an altered entry is not handed out."""
    more = ("-c", recorded.configuration)
    again = inside("ledger", "prove", "3", "--out", proof, *more)
    assert again.code == 2
    assert "nothing is overwritten" in again.err
    same = inside("ledger", "prove", "3", "--out", tmp_path / "x.entry", *more)
    assert same.code == 2
    with sqlite3.connect(recorded.state / "ledger.db") as connection:
        connection.execute("UPDATE entry SET bytes = bytes || x'00' WHERE \"index\" = 3")
    connection.close()
    wrong = inside("ledger", "prove", "3", "--out", tmp_path / "wrong", *more)
    assert wrong.code == 2
    assert "altered" in wrong.err
    assert not (tmp_path / "wrong").exists()


def test_data_of_a_proof_is_json(inside: Inside, recorded: Place, tmp_path: Path) -> None:
    """Every kind of entry can be proved and told as data."""
    size = int(recorded.mark.read_text().split("\n")[1])
    kinds = set()
    for index in range(0, size, 3):
        out = tmp_path / f"{index}.tlog-proof"
        assert (
            inside("ledger", "prove", str(index), "--out", out, "-c", recorded.configuration).code
            == 0
        )
        done = inside("verify", out, "--key", VKEY, "--json")
        assert done.code == 0
        kinds.add(json.loads(done.out)["entry"]["kind"])
    assert {"Batch", "SeriesDefined"} <= kinds
