"""`sasando keys rotate`: what each key may sign, and what verify says of the rest."""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.entry import EntryError, KeyRotated, read_record
from monitor.ledger.handover import followed, signed_by_two
from monitor.ledger.keys import create_key, read_vkeys, write_vkeys
from monitor.ledger.merkle import Frontier
from monitor.ledger.note import parse_unverified
from monitor.ledger.signer import Signer
from monitor.ledger.tiles import hash_reader
from monitor.source import Anchored
from monitor.store.errors import StoreError
from monitor.store.glance import reading
from monitor.store.ledger import Commit
from monitor.store.pinned import PinnedDatabase
from monitor.store.pruning import Pruning, prune
from monitor.store.reader import read_tile
from monitor.verify import verify
from tests.cli.conftest import Speak
from tests.cli.running_command import Done, Inside
from tests.daemon.place import Place
from tests.store import building

THIRD = building.OTHER_KEY


class Rotated:
    """A log whose key was rotated once, and one more commit by the new key."""

    def __init__(self, place: Place, inside: Inside) -> None:
        self.place, self.inside = place, inside
        self.trust = place.configuration / "trust" / "log.vkey"
        secrets = place.configuration / "secrets"
        old = building.KEY.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (secrets / "log.key").write_bytes(old)
        self.trust.write_text(f"# the first key\n{building.KEY.verifier.vkey}\n")
        key = create_key(secrets / "new.key", unencrypted_at_rest=True)
        self.new = Signer(name=building.ORIGIN, key=key)
        self.done = self.rotate()
        self.size = int(place.mark.read_text().split("\n")[1])
        self.handed = place.mark.read_bytes()

    def rotate(self) -> Done:
        """The command."""
        key = self.place.configuration / "secrets" / "new.key"
        words = ("--reason", "letter 9", "-c", self.place.configuration)
        return self.inside("keys", "rotate", key, *words)

    def go_on(self, count: int = 1) -> None:
        """Commits by the new key."""
        with building.ledger_at(self.place.url, self.place.mark, self.new) as ledger:
            for number in range(count):
                building.append(ledger, building.anchored(why=str(number)))

    def verify(self, *words: str | Path) -> Done:
        """With every trusted key and the mark, as data."""
        key = ("--key", self.trust, "--mark", self.place.mark, "--json")
        return self.inside("verify", self.place.state, *key, *words)

    def signed(self, signer: Signer, size: int, place: Path) -> Path:
        """A checkpoint of the real tree at a size, signed by this key."""
        with reading(self.place.url) as connection:
            read = hash_reader(lambda level, at: read_tile(connection, level, at))
            root = Frontier.at(size, read).root()
        head = Checkpoint(origin=building.ORIGIN, size=size, root=root)
        place.write_bytes(sign_checkpoint(head, signer))
        return place


@pytest.fixture
def rotated(recorded: Place, inside: Inside) -> Rotated:
    """A rich log, rotated."""
    return Rotated(recorded, inside)


def test_the_outgoing_key_names_the_next(rotated: Rotated) -> None:
    """An entry under the old key's last checkpoint; both keys trusted, the comment still there."""
    assert rotated.done.code == 0, rotated.done.err
    entry = read_record(rotated.place.raw_entries()[-1])
    assert isinstance(entry, KeyRotated)
    assert (entry.previous, entry.next) == (building.KEY.verifier.vkey, rotated.new.verifier.vkey)
    assert entry.reason == "letter 9"
    assert read_vkeys(rotated.trust) == (building.KEY.verifier, rotated.new.verifier)
    assert rotated.trust.read_text().startswith("# the first key\n")
    assert rotated.verify().code == 0


def test_only_the_new_key_goes_on(rotated: Rotated) -> None:
    """The old one is refused at the start and by the command; the new one's log is intact."""
    with (
        pytest.raises(StoreError, match="key-rotated"),
        building.ledger_at(rotated.place.url, rotated.place.mark, building.KEY),
    ):
        pass
    again = rotated.rotate()
    assert again.code == 2
    assert "is not in force" in again.err
    rotated.go_on()
    proof = rotated.verify()
    assert (proof.code, proof.data["verdict"]) == (0, "intact"), proof.out
    alone = rotated.inside("verify", rotated.place.state, "--key", rotated.new.verifier.vkey)
    assert alone.code == 1


def test_the_outgoing_key_vouches_for_the_next(rotated: Rotated, tmp_path: Path) -> None:
    """Who trusts the first key alone is told whom it handed over to; a bare entry is no word."""
    rotated.go_on(3)
    first = ("--key", building.KEY.verifier.vkey)
    log = tmp_path / "log"
    assert rotated.inside("ledger", "export", log, "-c", rotated.place.configuration).code == 0
    for place in (rotated.place.state, log):
        done = rotated.inside("verify", place, *first, "--json")
        assert (done.code, done.data["verdict"]) == (0, "intact"), done.out
        (told,) = done.data["checked"]["followed"]
        assert told["next"] == rotated.new.verifier.vkey
        said = rotated.inside("verify", place, *first)
        assert rotated.new.verifier.key_id.hex() in said.out
    (note,) = (log / "handover").iterdir()
    signed = note.read_bytes()
    lines = signed.split(b"\n")
    note.write_bytes(b"\n".join([*lines[:4], *lines[5:]]))  # the outgoing key's line is gone
    assert rotated.inside("verify", log, *first).code == 1
    note.write_bytes(signed)
    assert rotated.inside("verify", log, *first).code == 0


def test_a_heir_that_the_log_does_not_name_is_not_followed(tmp_path: Path, inside: Inside) -> None:
    """The first key signs a tree whose last entry names a thief, and the log goes on without."""
    url, mark = f"sqlite:///{tmp_path}/l.db", tmp_path / "mark"
    with building.ledger_at(url, mark) as ledger:
        building.begin(ledger)
        size = ledger.size
    told = KeyRotated(
        previous=building.KEY.verifier.vkey, next=THIRD.verifier.vkey, author="", reason="", at_us=0
    )
    head = Checkpoint(origin=building.ORIGIN, size=size, root=bytes(32))
    note = sign_checkpoint(
        head, THIRD, parse_unverified(sign_checkpoint(head, building.KEY)).signatures
    )
    by = followed([note], lambda _: told.to_bytes(), [building.KEY.verifier])
    assert [one.next for one in by] == [THIRD.verifier]
    (tmp_path / "note").write_bytes(note)
    key = ("--key", building.KEY.verifier.vkey, "--checkpoint", tmp_path / "note")
    done = inside("verify", tmp_path / "l.db", *key)
    assert done.code == 1
    assert "believed because" not in done.out


def test_a_key_counts_only_in_its_epoch(rotated: Rotated, tmp_path: Path) -> None:
    """Old above the hand-over and new below it: tampered; at it either; the rest is as it was."""
    rotated.go_on()
    size, note = rotated.size, tmp_path / "note"
    for signer, at, code in (
        (building.KEY, size + 1, 1),
        (rotated.new, size - 1, 1),
        (rotated.new, 3, 1),
        (building.KEY, size, 0),
        (rotated.new, size, 0),
        (building.KEY, size - 1, 0),
        (rotated.new, size + 1, 0),
    ):
        done = rotated.verify("--checkpoint", rotated.signed(signer, at, note))
        assert done.code == code, (at, done.out)
        if code:
            assert "not in force" in done.data["findings"][0]["what"]


def test_a_kept_checkpoint_outside_its_epoch_is_found(rotated: Rotated, tmp_path: Path) -> None:
    """The old key signs above the hand-over, in the database itself."""
    rotated.go_on(2)
    note = rotated.signed(building.KEY, rotated.size + 1, tmp_path / "note").read_bytes()
    with sqlite3.connect(rotated.place.state / "ledger.db") as connection:
        values = (rotated.size + 1, note)
        connection.execute("INSERT OR REPLACE INTO checkpoint VALUES (?, ?)", values)
    connection.close()
    assert rotated.verify().code == 1


def test_a_key_that_the_log_does_not_name_signs_nothing(rotated: Rotated, tmp_path: Path) -> None:
    """A third key, trusted by mistake, is outside every epoch; so are two without a hand-over."""
    rotated.go_on()
    write_vkeys(rotated.trust, [*read_vkeys(rotated.trust), THIRD.verifier])
    note = rotated.signed(THIRD, rotated.size + 1, tmp_path / "note")
    assert rotated.verify("--checkpoint", note).code == 1
    url, mark = f"sqlite:///{tmp_path}/l.db", tmp_path / "mark"
    with building.ledger_at(url, mark) as ledger:
        building.begin(ledger)
        head = Checkpoint(origin=building.ORIGIN, size=ledger.size, root=ledger.tree.root())
    note.write_bytes(sign_checkpoint(head, THIRD))
    key = ("--key", rotated.trust)
    assert rotated.inside("verify", tmp_path / "l.db", *key).code == 0
    done = rotated.inside("verify", tmp_path / "l.db", *key, "--checkpoint", note)
    assert done.code == 1
    assert "no hand-over" in done.out


class _Changing(PinnedDatabase):
    """Shows another entry to whoever looks twice."""

    def entry(self, index: int) -> bytes | None:
        """A hand-over to a thief, wherever it is looked for."""
        told = KeyRotated(
            previous=building.KEY.verifier.vkey,
            next=THIRD.verifier.vkey,
            author="",
            reason="",
            at_us=0,
        )
        return told.to_bytes()


def test_an_entry_that_changes_between_two_readings_hands_nothing_over(tmp_path: Path) -> None:
    """The tree's root is right and its checkpoint is signed; the entry followed is not in it."""
    url, mark = f"sqlite:///{tmp_path}/l.db", tmp_path / "mark"
    with building.ledger_at(url, mark) as ledger:
        building.begin(ledger)
        head = Checkpoint(origin=building.ORIGIN, size=ledger.size, root=ledger.tree.root())
    own = parse_unverified(sign_checkpoint(head, building.KEY)).signatures
    anchor = Anchored(place="note", note=sign_checkpoint(head, THIRD, own))
    with _Changing(url) as source:
        proof = verify(source, building.KEY.verifier, [anchor])
    assert proof.verdict == "tampered"
    assert {one.what for one in proof.findings} >= {"verify.handover-false"}


def test_the_checkpoint_of_a_hand_over_is_kept_for_good(tmp_path: Path) -> None:
    """Later ones of the same hour replace each other, not that one."""
    url = f"sqlite:///{tmp_path}/l.db"
    with building.ledger_at(url, tmp_path / "mark") as ledger:
        building.begin(ledger)
        told = KeyRotated(
            previous=building.KEY.verifier.vkey,
            next=THIRD.verifier.vkey,
            author="",
            reason="",
            at_us=0,
        )
        handed = ledger.append(Commit(entries=[told.to_bytes()], heir=THIRD))
        for number in range(4):
            ledger.append(Commit(entries=[building.anchored(why=str(number))]))
    with PinnedDatabase(url) as source:
        kept = dict(source.checkpoints())
    assert len(parse_unverified(kept[handed.size]).signatures) == 2
    assert sum(signed_by_two(note, building.ORIGIN) for note in kept.values()) == 1


def test_an_epoch_survives_a_pruning(rotated: Rotated, tmp_path: Path) -> None:
    """The hand-over itself is pruned, and its key is still refused above it."""
    rotated.go_on(300)
    with building.ledger_at(rotated.place.url, rotated.place.mark, rotated.new) as ledger:
        plan = Pruning(begin=0, boundary=256, before_us=0)
        prune(ledger, plan, "ayu", "old", 0)
    assert rotated.verify().code == 3
    note = rotated.signed(building.KEY, 300, tmp_path / "note")
    assert rotated.verify("--checkpoint", note).code == 1


def test_proofs_and_checkpoints_of_both_keys_are_accepted(rotated: Rotated, tmp_path: Path) -> None:
    """`ledger checkpoint`, `prove`, `backup` and `export` go on with two trusted keys."""
    more = ("-c", rotated.place.configuration)
    (tmp_path / "old").write_bytes(rotated.handed)
    rotated.go_on()
    assert rotated.inside("ledger", "checkpoint", *more).code == 0
    for name, words in (("a", ()), ("b", ("--checkpoint", tmp_path / "old"))):
        out = tmp_path / f"{name}.tlog-proof"
        assert rotated.inside("ledger", "prove", "3", "--out", out, *words, *more).code == 0
        assert rotated.inside("verify", out, "--key", rotated.trust).code == 0
    assert rotated.inside("backup", tmp_path / "backup", *more).code == 0
    assert rotated.inside("ledger", "export", tmp_path / "log", *more).code == 0
    assert rotated.inside("verify", tmp_path / "log", "--key", rotated.trust).code == 0


def test_a_hand_over_by_another_key_is_no_entry(rotated: Rotated) -> None:
    """A key that is not in force hands nothing over, and none comes back."""
    old, third = building.KEY.verifier.vkey, THIRD.verifier.vkey
    new = rotated.new.verifier.vkey
    with building.ledger_at(rotated.place.url, rotated.place.mark, rotated.new) as ledger:
        for outgoing, following in ((old, third), (new, old)):
            entry = KeyRotated(previous=outgoing, next=following, author="", reason="", at_us=0)
            with pytest.raises(EntryError):
                building.append(ledger, entry.to_bytes())
    itself = KeyRotated(previous=new, next=new, author="", reason="", at_us=0)
    with pytest.raises(EntryError):
        itself.to_bytes()


@pytest.mark.parametrize(
    ("key", "told"), [("log.key", "is not in force"), ("none.key", "cannot be read")]
)
def test_what_cannot_take_over_is_told(
    rotated: Rotated, inside: Inside, place: Place, key: str, told: str
) -> None:
    """The outgoing key again, and a file that is not there: exit 2, nothing is handed over."""
    size = len(place.raw_entries())
    secrets = place.configuration / "secrets"
    words = ("--reason", "x", "-c", place.configuration)
    done = inside("keys", "rotate", secrets / key, *words)
    assert done.code == 2
    assert told in done.err
    assert len(place.raw_entries()) == size


def configured(place: Place) -> Signer:
    """A next key named in agent.yaml; its signer. The present one is the scene's, in a file."""
    secrets = place.configuration / "secrets"
    old = building.KEY.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (secrets / "log.key").write_bytes(old)
    key = create_key(secrets / "new.key", unencrypted_at_rest=True)
    first, following = ({"private": {"secret": f"file:secrets/{n}.key"}} for n in ("log", "new"))
    place.agent["key"] = {**first, "next": following}
    place.write()
    return Signer(name=building.ORIGIN, key=key)


def test_the_configured_key_takes_over_without_a_daemon(recorded: Place, inside: Inside) -> None:
    """It is trusted, signs, and with `--erase-old` the old private key is no more."""
    new, words = configured(recorded), ("--reason", "x", "-c", recorded.configuration)
    old = recorded.configuration / "secrets" / "log.key"
    done = inside("keys", "rotate", old, *words)
    assert (done.code, "signs already" in done.err) == (2, True), done.err
    done = inside("keys", "rotate", "--erase-old", *words)
    assert done.code == 0, done.err
    assert str(old) in done.err
    assert not old.exists()
    trust = recorded.configuration / "trust" / "log.vkey"
    assert read_vkeys(trust) == (building.KEY.verifier, new.verifier)
    assert inside("backup", recorded.root / "copy", "-c", recorded.configuration).code == 0
    again = inside("keys", "rotate", *words)
    assert (again.code, "signs already" in again.err) == (2, True), again.err


def test_a_running_agent_is_asked_to_rotate(recorded: Place, inside: Inside, speak: Speak) -> None:
    """The next key is trusted first; then the agent is told why, and nothing else."""
    new, asked = configured(recorded), list[Mapping[str, Any]]()
    told = {"entry": 66, "previous": building.KEY.verifier.vkey, "next": new.verifier.vkey}
    trust = recorded.configuration / "trust" / "log.vkey"

    def answer(request: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(request)
        assert new.verifier in read_vkeys(trust)
        return told

    speak({"rotate": answer})
    done = inside("keys", "rotate", "--reason", "letter 9", "-c", recorded.configuration)
    assert done.code == 0, done.err
    assert asked == [{"command": "rotate", "reason": "letter 9"}]
    assert "Entry 66" in done.err
    assert "file:secrets/log.key" in done.err
    assert (recorded.configuration / "secrets" / "log.key").exists()


def test_another_keys_file_is_not_erased(recorded: Place, inside: Inside, speak: Speak) -> None:
    """The agent handed over from a key that is not the one under key: any more."""
    new = configured(recorded)
    told = {"entry": 66, "previous": THIRD.verifier.vkey, "next": new.verifier.vkey}
    speak({"rotate": told})
    words = ("--reason", "x", "--erase-old", "-c", recorded.configuration)
    assert inside("keys", "rotate", *words).code == 0
    assert (recorded.configuration / "secrets" / "log.key").exists()


def test_a_file_is_not_taken_while_the_agent_writes(recorded: Place, inside: Inside) -> None:
    """The daemon would go on with the old key: the sentence says how it is done."""
    configured(recorded)
    new = recorded.configuration / "secrets" / "new.key"
    with building.ledger_at(recorded.url, recorded.mark):
        done = inside("keys", "rotate", new, "--reason", "x", "-c", recorded.configuration)
    assert done.code == 2
    assert "key: next:" in done.err


def test_no_next_key_is_told(recorded: Place, inside: Inside) -> None:
    """Neither a file nor a key in agent.yaml: exit 2, with what to do."""
    done = inside("keys", "rotate", "--reason", "x", "-c", recorded.configuration)
    assert done.code == 2
    assert "names no key to hand over to" in done.err
