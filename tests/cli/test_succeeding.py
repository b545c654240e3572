"""`sasando ledger succeed`, and `verify` of the chain that it makes."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from monitor.cli import succeeding
from monitor.ledger.entry import LogOpened, read_record
from monitor.ledger.files import read_bounded
from monitor.ledger.keys import create_key, read_vkeys, write_vkeys
from monitor.ledger.signer import Cosigner, Signer
from monitor.source import Source
from tests.cli.running_command import Done, Inside
from tests.daemon.place import Place
from tests.lab.authority import Issuer
from tests.lab.parts import require
from tests.store import building
from tests.store.test_stamps import stamp

NEW = "agent.example/log/2"
FORGER = Signer(name=building.ORIGIN, key=building.OTHER_KEY.key)


class Lost:
    """An old log that lost its end, its mark, and a configuration for the successor."""

    def __init__(self, place: Place, tmp_path: Path, inside: Inside) -> None:
        self.place, self.inside = place, inside
        self.old, self.early = tmp_path / "old.db", tmp_path / "early"
        self.mark, self.whole = tmp_path / "old-mark", tmp_path / "whole.db"
        url = f"sqlite:///{tmp_path}/whole.db"
        with building.ledger_at(url, self.mark) as ledger:
            building.begin(ledger)
            self.size = ledger.size
        shutil.copyfile(self.whole, self.old)
        self.early.write_bytes(self.mark.read_bytes())
        with building.ledger_at(url, self.mark) as ledger:
            building.append(ledger, *(building.anchored(why=str(n)) for n in range(9)))
        self._configure()

    def _configure(self) -> None:
        place, trust = self.place, self.place.configuration / "trust" / "log.vkey"
        key = create_key(place.configuration / "secrets" / "new.key", unencrypted_at_rest=True)
        self.signer = Signer(name=NEW, key=key)
        write_vkeys(trust, [building.KEY.verifier, self.signer.verifier])
        place.agent |= {"origin": NEW, "key": {"private": {"secret": "file:secrets/new.key"}}}
        place.write()

    def succeed(self, *after: Path) -> Done:
        """The command with these checkpoints."""
        words = [word for file in after for word in ("--after", file)]
        return self.inside("ledger", "succeed", *words, "-c", self.place.configuration)

    def verify(self, *words: str | Path) -> Done:
        """Both logs, as data."""
        key = self.place.configuration / "trust" / "log.vkey"
        return self.inside("verify", self.place.state, *words, "--key", key, "--json")


@pytest.fixture
def lost(place: Place, tmp_path: Path, inside: Inside) -> Lost:
    """A log of which a backup and the mark are left."""
    return Lost(place, tmp_path, inside)


def test_a_successor_names_the_last_known_checkpoint(lost: Lost) -> None:
    """Entry 0 holds the larger of two checkpoints, and the new log can be written."""
    done = lost.succeed(lost.early, lost.mark)
    assert done.code == 0, done.err
    first = read_record(lost.place.raw_entries()[0])
    assert isinstance(first, LogOpened)
    assert (first.origin, first.previous) == (NEW, lost.mark.read_text())
    with building.ledger_at(lost.place.url, lost.place.mark, lost.signer) as ledger:
        building.append(ledger, building.anchored())


def test_a_chain_says_what_was_lost_and_what_is_unknown(lost: Lost) -> None:
    """Nine signed entries are gone: exit 3; with the whole old log it is 0; each in any order."""
    assert lost.succeed(lost.mark).code == 0
    told = lost.verify(lost.old)
    assert (told.code, told.data["verdict"]) == (3, "incomplete")
    (handover,) = told.data["handovers"]
    assert handover["lost"] == 9
    assert (handover["named"], handover["there"]) == (lost.size + 9, lost.size)
    assert "cannot be excluded" in handover["what"]
    assert [log["verdict"] for log in told.data["logs"]] == ["intact", "intact"]
    whole = lost.verify(lost.whole)
    assert (whole.code, whole.data["verdict"]) == (0, "intact")
    assert whole.data["logs"][0]["checked"]["anchor"] == f"{NEW}, entry 0"
    key = lost.place.configuration / "trust" / "log.vkey"
    assert lost.inside("verify", lost.whole, lost.place.state, "--key", key).code == 0
    alone = lost.inside("verify", lost.place.state, "--key", key)
    assert alone.code == 0
    assert "says that it succeeds the log agent.example/log" in alone.err


def test_the_mark_of_the_lost_end_is_no_second_complaint(lost: Lost) -> None:
    """A checkpoint that the successor admits to have lost is excused; a larger one is not."""
    assert lost.succeed(lost.mark).code == 0
    assert lost.verify(lost.old, "--checkpoint", lost.mark).code == 3
    url = f"sqlite:///{lost.whole}"
    with building.ledger_at(url, lost.mark) as ledger:
        building.append(ledger, building.anchored(why="after the successor began"))
    assert lost.verify(lost.old, "--checkpoint", lost.mark).code == 1
    beyond = lost.verify(lost.whole, "--checkpoint", lost.mark)
    assert beyond.code == 0
    assert beyond.data["handovers"][0]["beyond"] == 1


def test_another_history_of_the_old_log_is_found(lost: Lost, tmp_path: Path) -> None:
    """An old log whose owner wrote another end than the named one is tampered."""
    assert lost.succeed(lost.mark).code == 0
    with building.ledger_at(f"sqlite:///{lost.old}", tmp_path / "m") as ledger:
        building.append(ledger, *(building.anchored(why=f"other {n}") for n in range(9)))
    told = lost.verify(lost.old)
    assert (told.code, told.data["verdict"]) == (1, "tampered")


def test_an_untrusted_predecessor_is_found(lost: Lost, tmp_path: Path) -> None:
    """A successor that names a checkpoint which the old key has not signed is tampered."""
    with building.ledger_at(f"sqlite:///{tmp_path}/f.db", tmp_path / "f", FORGER) as ledger:
        building.begin(ledger)
    assert lost.succeed(tmp_path / "f").code == 2
    forged = LogOpened(
        origin=NEW,
        vantage="kupang",
        opened_us=building.START_US,
        previous=read_bounded(tmp_path / "f", 10_000).decode(),
    )
    lost.place.state.mkdir()
    lost.place.mark.parent.mkdir()
    with building.ledger_at(lost.place.url, lost.place.mark, lost.signer) as ledger:
        building.append(ledger, forged.to_bytes())
    told = lost.verify(lost.whole)
    assert (told.code, told.data["verdict"]) == (1, "tampered")
    assert "has not signed" in told.data["handovers"][0]["what"]


def test_a_successor_begins_once_and_under_another_name(lost: Lost, tmp_path: Path) -> None:
    """A log that has begun, its own checkpoint, and contradicting ones are refused."""
    assert lost.succeed(lost.mark).code == 0
    again = lost.succeed(lost.mark)
    assert again.code == 2
    assert "entries already" in again.err
    own = lost.succeed(lost.place.mark)
    assert own.code == 2
    assert "of the old one" in own.err
    with building.ledger_at(f"sqlite:///{lost.old}", tmp_path / "m") as ledger:
        building.append(ledger, *(building.anchored(why=f"other {n}") for n in range(9)))
    forked = lost.succeed(lost.mark, tmp_path / "m")
    assert forked.code == 1
    assert "two histories" in forked.err
    mixed = lost.succeed(lost.mark, lost.place.mark)
    assert mixed.code == 2
    assert len(lost.place.raw_entries()) == 1


def test_logs_that_are_no_chain_are_refused(lost: Lost, recorded: Place) -> None:
    """Twice the same log: exit 2, nothing is judged."""
    done = lost.inside("verify", lost.old, lost.whole, "--key", building.KEY.verifier.vkey)
    assert done.code == 2
    assert "not one chain" in done.err


def test_exports_of_both_logs_verify_too(lost: Lost, tmp_path: Path) -> None:
    """The chain holds for exported logs, without a database."""
    from monitor.store.export import export

    assert lost.succeed(lost.mark).code == 0
    export(lost.place.url, tmp_path / "new", note=lost.place.mark.read_bytes())
    export(f"sqlite:///{lost.whole}", tmp_path / "whole", note=lost.mark.read_bytes())
    trust = lost.place.configuration / "trust" / "log.vkey"
    assert len(read_vkeys(trust)) == 2
    done = lost.inside("verify", tmp_path / "new", tmp_path / "whole", "--key", trust, "--json")
    assert (done.code, done.data["verdict"]) == (0, "intact"), done.out


def test_a_chain_is_held_against_time_stamps(lost: Lost, tmp_path: Path) -> None:
    """--tsa proves the tokens of every log; without it they are counted as unchecked."""
    require("openssl")
    issuer = Issuer(tmp_path / "tsa")
    with building.ledger_at(f"sqlite:///{lost.whole}", lost.mark) as ledger:
        stamp(ledger, issuer)
    assert lost.succeed(lost.mark).code == 0
    told = lost.verify(lost.whole, "--tsa", issuer.root)
    assert (told.code, told.data["verdict"]) == (0, "intact")
    assert [log["checked"]["time_stamps"]["proved"] for log in told.data["logs"]] == [1, 0]
    without = lost.verify(lost.whole)
    stamps = without.data["logs"][0]["checked"]["time_stamps"]
    assert (stamps["proved"], stamps["unchecked"]) == (0, 1)


def test_a_chain_knows_the_witnesses_that_are_named(lost: Lost) -> None:
    """A trusted witness that cosigned nothing is told of each log; a log's key is no witness's."""
    assert lost.succeed(lost.mark).code == 0
    witness = Cosigner(name="witness.example", key=building.OTHER_KEY.key, time=0).verifier.vkey
    told = lost.verify(lost.whole, "--witness", witness)
    assert told.code == 0
    for log in told.data["logs"]:
        (one,) = log["checked"]["witnesses"]
        assert (one["name"].partition("+")[0], one["cosignatures"]) == ("witness.example", 0)
    assert lost.verify(lost.whole, "--witness", building.KEY.verifier.vkey).code == 2


def test_a_chain_that_goes_on_meanwhile_is_not_behind_its_mark(
    lost: Lost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mark is read before the logs are pinned: what the agent writes meanwhile is no lie."""
    assert lost.succeed(lost.mark).code == 0

    @contextmanager
    def going_on(path: str) -> Iterator[Source]:
        with source_at(path) as source:
            if Path(path) == lost.place.state:
                with building.ledger_at(lost.place.url, lost.place.mark, lost.signer) as ledger:
                    building.append(ledger, building.anchored())
            yield source

    source_at = succeeding.source_at
    monkeypatch.setattr(succeeding, "source_at", going_on)
    words = ("verify", lost.place.state, lost.whole, "-c", lost.place.configuration, "--json")
    told = lost.inside(*words)
    assert (told.code, told.data["verdict"]) == (0, "intact")
