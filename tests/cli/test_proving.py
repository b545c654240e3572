"""`sasando verify`, `ledger checkpoint` and `ledger export`, over a real ledger."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.cli import proving
from monitor.ledger.keys import write_vkeys
from monitor.ledger.signer import Signer
from monitor.source import Source
from tests.cli.running_command import Inside, sasando
from tests.daemon.place import Place
from tests.store import building

VKEY = building.KEY.verifier.vkey
STRANGER = Signer(name="other.example/log", key=building.OTHER_KEY.key).verifier.vkey


def _alter(place: Place, statement: str) -> None:
    connection = sqlite3.connect(place.state / "ledger.db")
    with connection:
        connection.execute(statement)
    connection.close()


def test_an_intact_state_directory(recorded: Place) -> None:
    """The configured key and the configured high-water mark are used; exit 0, on stdout."""
    done = sasando("verify", recorded.state, "-c", recorded.configuration)
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("Intact: ")
    assert f"Compared with the checkpoint {recorded.mark}." in done.out


def test_without_a_mark_a_cut_tail_is_not_excluded(inside: Inside, recorded: Place) -> None:
    """With a key alone it says that a cut tail cannot be excluded, and the anchor is null."""
    done = inside("verify", recorded.state / "ledger.db", "--key", VKEY)
    assert done.code == 0
    assert "cannot be excluded" in done.out
    told = inside("verify", recorded.url, "--key", VKEY, "--json").data
    assert (told["verdict"], told["checked"]["anchor"], told["findings"]) == ("intact", None, [])


def test_an_altered_entry_is_named(recorded: Place) -> None:
    """One changed byte is exit 1, and the first finding names the entry."""
    _alter(recorded, "UPDATE entry SET bytes = bytes || x'00' WHERE \"index\" = 9")
    done = sasando("verify", recorded.state, "-c", recorded.configuration, "--json")
    assert done.code == 1
    assert done.data["verdict"] == "tampered"
    assert done.data["findings"][0]["index"] == 9


def test_a_deleted_tail_is_found_by_mark_and_checkpoint(
    inside: Inside, recorded: Place, tmp_path: Path
) -> None:
    """A log that is behind the mark or a checkpoint from elsewhere is exit 1."""
    kept = tmp_path / "kept"
    kept.write_text(inside("ledger", "checkpoint", "-c", recorded.configuration).out)
    for name in ("entry", "tree", "checkpoint", "tile", "fold", "interval", "incident"):
        _alter(recorded, f"DELETE FROM {name}")
    with building.ledger_at(f"sqlite:///{tmp_path}/short.db", tmp_path / "mark") as ledger:
        building.begin(ledger)
    short = tmp_path / "short.db"
    assert inside("verify", short, "--key", VKEY).code == 0
    for option in (("--checkpoint", kept), ("--mark", recorded.mark)):
        done = inside("verify", short, "--key", VKEY, *option)
        assert done.code == 1
        assert "cut off" in done.out
    assert inside("verify", short, "-c", recorded.configuration).code == 1


def test_trust_never_comes_from_what_is_verified(inside: Inside, recorded: Place) -> None:
    """A key inside the directory that is verified is refused, even when it is named."""
    inner = recorded.state / "trust" / "log.vkey"
    inner.parent.mkdir()
    write_vkeys(inner, [building.KEY.verifier])
    for more in (("--key", inner), ("-c", recorded.state)):
        done = inside("verify", recorded.state, *more)
        assert done.code == 2
        assert "lies inside" in done.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["{state}"], "No trusted key"),
        (["{root}/none", "--key", VKEY], "Check the path"),
        (["{root}/etc", "--key", VKEY], "neither a ledger.db nor an exported log"),
        (["{state}", "--key", "a+b"], "not a verifier key"),
        (["{state}", "--key", VKEY, "--checkpoint", "{root}/none"], "cannot be read"),
    ],
)
def test_what_cannot_be_verified_is_told(
    inside: Inside,
    recorded: Place,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    told: str,
) -> None:
    """Without a trusted key or anything to verify it is exit 2 with a sentence; so as data."""
    monkeypatch.chdir(recorded.root)
    line = [word.format(state=recorded.state, root=recorded.root) for word in words]
    done = inside("verify", *line)
    assert (done.code, done.out) == (2, "")
    assert told in done.err
    data = inside("verify", *line, "--json")
    assert (data.code, data.data["verdict"]) == (2, "unusable")
    assert told in data.data["findings"][0]["what"]


def test_cosignatures_are_checked_by_the_keys_that_are_named(
    inside: Inside, recorded: Place, tmp_path: Path
) -> None:
    """The configured witnesses', or those of --witness; a log's key is not taken for one."""
    with building.ledger_at(recorded.url, recorded.mark) as ledger:
        size = ledger.size
        ledger.offer(building.cosigned(ledger, 1_790_000_000))
    witness = building.WITNESS.vkey
    done = inside("verify", recorded.state, "--key", VKEY, "--witness", witness)
    assert done.code == 0
    assert f"Cosigned by witness.example+{building.WITNESS.key_id.hex()}" in done.out
    alone = inside("verify", recorded.state, "--key", VKEY, "--json").data["checked"]
    assert (alone["witnesses"], alone["unknown_cosignatures"]) == ([], 1)
    recorded.agent["witnesses"] = [{"name": "prov", "url": "https://w.example", "key": witness}]
    recorded.write()
    told = inside("verify", recorded.state, "-c", recorded.configuration, "--json").data
    (one,) = told["checked"]["witnesses"]
    assert (one["cosignatures"], one["size"], one["at"]) == (1, size, "2026-09-21T14:13:20Z")
    file = tmp_path / "keys"
    write_vkeys(file, [building.WITNESS])
    assert inside("verify", recorded.state, "--key", VKEY, "--witness", file).code == 0
    wrong = inside("verify", recorded.state, "--key", VKEY, "--witness", VKEY)
    assert (wrong.code, "not a cosignature key" in wrong.err) == (2, True)
    inner = recorded.state / "witness.vkey"
    write_vkeys(inner, [building.WITNESS])
    wrong = inside("verify", recorded.state, "--key", VKEY, "--witness", inner)
    assert (wrong.code, "lies inside" in wrong.err) == (2, True)


def test_a_forged_cosignature_is_exit_1(inside: Inside, recorded: Place) -> None:
    """Under the trusted witness's name and key id, made with another key."""
    with building.ledger_at(recorded.url, recorded.mark) as ledger:
        one = building.cosigned(ledger, 1_790_000_000)
        note = one.note[:-20] + bytes([one.note[-20] ^ 1]) + one.note[-19:]
        ledger.offer(replace(one, note=note))
    words = ("verify", recorded.state, "--key", VKEY)
    assert inside(*words).code == 0
    done = inside(*words, "--witness", building.WITNESS.vkey)
    assert done.code == 1
    assert "cosigned checkpoint" in done.out


def test_the_key_of_another_log_is_no_proof(inside: Inside, recorded: Place) -> None:
    """A ledger that another key has signed is not intact."""
    assert inside("verify", recorded.state, "--key", STRANGER).code == 1


def test_an_exported_log_is_verified_too(recorded: Place, tmp_path: Path) -> None:
    """What `ledger export` writes verifies by itself, up to the newest checkpoint."""
    folder = tmp_path / "export"
    done = sasando("ledger", "export", folder, "-c", recorded.configuration)
    assert done.code == 0, done.err
    assert f"sasando verify {folder}" in done.err
    proved = sasando("verify", folder, "--key", VKEY, "--mark", recorded.mark)
    assert proved.code == 0, proved.out + proved.err
    again = sasando("ledger", "export", folder, "-c", recorded.configuration)
    assert again.code == 2
    assert "never overwrites" in again.err


def test_the_newest_checkpoint_is_printed(recorded: Place) -> None:
    """`ledger checkpoint` prints the signed note byte for byte, and nothing else on stdout."""
    done = sasando("ledger", "checkpoint", "-c", recorded.configuration)
    assert done.code == 0
    assert done.out == recorded.mark.read_text()


def test_without_a_mark_the_databases_checkpoint_is_printed(
    inside: Inside, recorded: Place
) -> None:
    """When the mark is gone, the newest checkpoint that the database keeps is printed."""
    note = recorded.mark.read_text()
    recorded.mark.unlink()
    assert inside("ledger", "checkpoint", "-c", recorded.configuration).out == note


def test_a_forged_mark_is_not_passed_on(inside: Inside, recorded: Place) -> None:
    """A checkpoint that the trusted key has not signed is exit 2, not output."""
    recorded.mark.write_text(recorded.mark.read_text().replace("\n", "\n1", 1))
    done = inside("ledger", "checkpoint", "-c", recorded.configuration)
    assert (done.code, done.out) == (2, "")
    assert "does not fit the text" in done.err


def test_a_log_that_goes_on_while_it_is_verified_is_not_accused(
    recorded: Place, inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries after the copy was made move the mark; the copy is behind nothing that it knew."""
    pinned = proving.source_at

    @contextmanager
    def grown(path: str) -> Iterator[Source]:
        with pinned(path) as source:
            with building.ledger_at(recorded.url, recorded.mark) as ledger:
                building.append(ledger, building.anchored(why="later"))
            yield source

    monkeypatch.setattr(proving, "source_at", grown)
    done = inside("verify", recorded.state, "-c", recorded.configuration, "--json")
    assert (done.code, done.data["verdict"]) == (0, "intact"), done.out
    assert done.data["checked"]["anchor"] == str(recorded.mark)
