"""Cosignatures in the store: which are kept, what `verify` believes of them, how they travel."""

import re
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.exported import ExportedLog
from monitor.ledger.checkpoint import cosign, sign_checkpoint
from monitor.ledger.keys import write_vkeys
from monitor.ledger.signer import Cosigner, Signer
from monitor.ledger.witness import Cosigned, short_name
from monitor.proof import Proof
from monitor.source import Anchored
from monitor.store import reader
from monitor.store.connect import open_engine
from monitor.store.export import export
from monitor.store.glance import consistency, glance
from monitor.store.keeping import MOST_COSIGNED
from monitor.store.ledger import Ledger
from monitor.store.pinned import PinnedDatabase
from monitor.verify import verify
from tests.lab.parts import require
from tests.store.building import (
    KEY,
    WITNESS,
    WITNESS_KEY,
    anchored,
    append,
    begin,
    cosigned,
    ledger_at,
)

HOUR_S = 3_600
OTHER_WITNESS = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
WITNESSES = [WITNESS]


def kept(url: str) -> list[tuple[str, int]]:
    """(witness, size) of the kept cosignatures."""
    engine = open_engine(url, read_only=True)
    with engine.connect() as connection:
        found = [(witness, size) for witness, size, _ in reader.cosigned(connection)]
    engine.dispose()
    return found


def judged(url: str, *notes: bytes, witnesses: list[object] | None = None) -> Proof:
    """What `verify` says, the witness trusted unless others are named."""
    anchors = [Anchored(place="outside", note=note) for note in notes]
    trusted = WITNESSES if witnesses is None else witnesses
    with PinnedDatabase(url) as source:
        return verify(source, KEY.verifier, anchors, witnesses=trusted)  # type: ignore[arg-type]


def offered(ledger: Ledger, at_s: int) -> int:
    """Cosigned at this time, and committed with what follows; the size."""
    size = ledger.size
    ledger.offer(cosigned(ledger, at_s))
    append(ledger, anchored(why="step"))
    return size


def test_the_newest_and_the_first_of_each_hour_are_kept(url: str, mark: Path) -> None:
    """Of each witness by its own clock; also over a restart, and with the last one at the end."""
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        sizes = [offered(ledger, n * HOUR_S // 4) for n in range(9)]
        ledger.offer(cosigned(ledger, 9 * HOUR_S // 4))
        ledger.offer(cosigned(ledger, 9 * HOUR_S // 4, OTHER_WITNESS))
        last = ledger.size
    other = Cosigner(name=WITNESS.name, key=OTHER_WITNESS, time=0).verifier
    name = short_name(WITNESS)
    wanted = [(name, size) for size in (sizes[0], sizes[4], sizes[8], last)]
    assert sorted(kept(url)) == sorted([*wanted, (short_name(other), last)])
    assert glance(url).cosigned[name][0] == last
    with ledger_at(url, mark) as ledger:
        assert offered(ledger, 10 * HOUR_S // 4) == last  # there already: the earlier one stays
        more = [offered(ledger, 10 * HOUR_S // 4 + n) for n in range(3)]
    again = [size for witness, size in kept(url) if witness == name]
    assert again == [*(size for _, size in wanted), more[0], more[2]]
    assert judged(url).verdict == "intact"


def test_a_commit_that_fails_keeps_what_was_offered(tmp_path: Path) -> None:
    """It waits for the next transaction, and only so many wait."""
    url, mark = f"sqlite:///{tmp_path}/l.db", tmp_path / "mark"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        ledger.offer(cosigned(ledger, 0))
        with closing(sqlite3.connect(tmp_path / "l.db")) as other:
            other.execute("ALTER TABLE tile RENAME TO gone")
            with pytest.raises(Exception, match="tile"):
                append(ledger, anchored(why="step"))
            assert kept(url) == []
            other.execute("ALTER TABLE gone RENAME TO tile")
        append(ledger, anchored(why="step"))
        assert len(kept(url)) == 1
        one = cosigned(ledger, 0)
        for _ in range(MOST_COSIGNED + 5):
            ledger.offer(one)
        assert len(ledger.cosignatures.offered) == MOST_COSIGNED


def test_only_a_named_key_is_believed(tmp_path: Path) -> None:
    """A witness whose key nobody gave is counted as a stranger; the given one is not there."""
    url, mark = f"sqlite:///{tmp_path}/l.db", tmp_path / "mark"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        ledger.offer(cosigned(ledger, 0, OTHER_WITNESS))
    proof = judged(url)
    assert (proof.verdict, proof.strangers) == ("intact", 1)
    assert [one.count for one in proof.witnesses.values()] == [0]
    told = proof.as_json("en")["checked"]
    assert isinstance(told, dict)
    assert told["unknown_cosignatures"] == 1
    assert told["witnesses"] == [
        {"name": short_name(WITNESS), "cosignatures": 0, "size": None, "at": None}
    ]
    for lang in ("en", "id"):
        said = "\n".join(proof.sentences(lang))  # type: ignore[arg-type]
        assert WITNESS.name in said
        assert "--witness" in said


def _stored(url: str, mark: Path, change: object) -> Proof:
    """What `verify` says of a cosignature that was changed before it was stored."""
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        ledger.offer(change(ledger, cosigned(ledger, 0)))  # type: ignore[operator]
    return judged(url)


def _forged(ledger: Ledger, one: Cosigned) -> Cosigned:
    """The witness's name and key id over another key's signature."""
    return replace(one, note=one.note[:-20] + bytes([one.note[-20] ^ 1]) + one.note[-19:])


def _of_another_log(ledger: Ledger, one: Cosigned) -> Cosigned:
    """A true cosignature by the trusted witness, on the checkpoint of another origin."""
    signer = Signer(name="other.example/log", key=KEY.key)
    from monitor.ledger.checkpoint import read_unverified

    head = replace(read_unverified(one.note), origin="other.example/log")
    cosigner = Cosigner(name=WITNESS.name, key=WITNESS_KEY, time=0)
    return replace(one, note=cosign(sign_checkpoint(head, signer), signer.verifier, cosigner))


def _of_another_history(ledger: Ledger, one: Cosigned) -> Cosigned:
    """A true cosignature on another root, signed by the log's own key: equivocation."""
    from monitor.ledger.checkpoint import read_unverified

    head = replace(read_unverified(one.note), root=b"r" * 32)
    cosigner = Cosigner(name=WITNESS.name, key=WITNESS_KEY, time=0)
    return replace(one, note=cosign(sign_checkpoint(head, KEY), KEY.verifier, cosigner))


def _ahead(ledger: Ledger, one: Cosigned) -> Cosigned:
    """A true cosignature on a longer log: the end was cut off."""
    from monitor.ledger.checkpoint import read_unverified

    head = replace(read_unverified(one.note), size=one.size + 7)
    cosigner = Cosigner(name=WITNESS.name, key=WITNESS_KEY, time=0)
    note = cosign(sign_checkpoint(head, KEY), KEY.verifier, cosigner)
    return replace(one, note=note, size=one.size + 7)


def _claimed(ledger: Ledger, one: Cosigned) -> Cosigned:
    """A true cosignature kept under another witness's name."""
    return replace(one, witness="famous.example+00000000")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_forged, "verify.cosigned"),
        (_of_another_log, "verify.cosigned"),
        (_of_another_history, "verify.equivocation"),
        (_ahead, "verify.cut"),
        (_claimed, "verify.cosigned-row"),
    ],
)
def test_a_false_cosignature_is_found(tmp_path: Path, change: object, what: str) -> None:
    """Forged, of another log, of another history, of a longer log, or under a false name."""
    proof = _stored(f"sqlite:///{tmp_path}/l.db", tmp_path / "mark", change)
    assert proof.verdict == "tampered"
    assert what in {one.what for one in proof.findings}
    assert all(proof.sentences(lang) for lang in ("en", "id"))  # type: ignore[arg-type]


def test_a_cosigned_checkpoint_from_outside_counts(tmp_path: Path) -> None:
    """With --checkpoint its cosignature is checked like any other, and it is an anchor."""
    url, mark = f"sqlite:///{tmp_path}/l.db", tmp_path / "mark"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        outside = cosigned(ledger, 1_790_000_000)
    proof = judged(url, outside.note)
    assert (proof.verdict, proof.anchor) == ("intact", "outside")
    (one,) = proof.witnesses.values()
    assert (one.count, one.size, one.at) == (1, outside.size, "2026-09-21T14:13:20Z")
    cut = outside.note[:-20] + bytes([outside.note[-20] ^ 1]) + outside.note[-19:]
    assert judged(url, cut).verdict == "tampered"


def test_a_time_beyond_every_calendar_is_no_crash(tmp_path: Path) -> None:
    """A witness may name any time of 63 bits: it is kept, and shown as none."""
    url, mark = f"sqlite:///{tmp_path}/l.db", tmp_path / "mark"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        ledger.offer(cosigned(ledger, (1 << 63) - 1))
    (one,) = judged(url).witnesses.values()
    assert (one.count, one.at) == (1, None)


def test_an_export_takes_the_newest_cosignatures_along(tmp_path: Path) -> None:
    """They are verified there like in the database, and a changed one is found."""
    url, mark = f"sqlite:///{tmp_path}/l.db", tmp_path / "mark"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        offered(ledger, 0)
        size = offered(ledger, 2 * HOUR_S)
    export(url, tmp_path / "log")
    (file,) = (tmp_path / "log" / "cosigned").iterdir()

    def looked() -> Proof:
        with ExportedLog(tmp_path / "log") as source:
            return verify(source, KEY.verifier, (), witnesses=[WITNESS])

    (one,) = looked().witnesses.values()
    assert (looked().verdict, one.count, one.size) == ("intact", 1, size)
    whole = file.read_bytes()
    for changed in (b"", whole[:-20] + bytes([whole[-20] ^ 1]) + whole[-19:], b"x" * 2_000_000):
        file.write_bytes(changed)
        assert looked().findings[0].what == "verify.cosigned"


def test_proofs_come_out_of_the_tiles(url: str, mark: Path) -> None:
    """Between any two sizes, also while the ledger is open for writing."""
    from monitor.ledger.merkle import verify_consistency

    roots = {}
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        for _ in range(6):
            roots[ledger.size] = ledger.tree.root()
            append(ledger, *(anchored(why=str(n)) for n in range(70)))
        sizes = sorted(roots)
        for old in sizes:
            for size in sizes[sizes.index(old) :]:
                proof = consistency(url, old, size)
                verify_consistency(old, size, proof, roots[old], roots[size])
        assert consistency(url, 0, sizes[-1]) == ()


@pytest.mark.parametrize("page", ["witness.md", "witness.id.md"])
def test_openssl_alone_checks_a_cosignature(tmp_path: Path, page: str) -> None:
    """The commands of the page, word for word: good for the witness's key, bad for another."""
    require("openssl", "od", "base64")
    with ledger_at(f"sqlite:///{tmp_path}/l.db", tmp_path / "mark") as ledger:
        begin(ledger)
        (tmp_path / "checkpoint").write_bytes(cosigned(ledger, 1_790_000_000).note)
    docs = Path(__file__).parents[2] / "docs" / page
    blocks = re.findall(r"```sh\n(.*?)```", docs.read_text(encoding="utf-8"), re.DOTALL)
    (commands,) = [block for block in blocks if "openssl" in block]
    other = Cosigner(name=WITNESS.name, key=OTHER_WITNESS, time=0).verifier
    for verifier, wanted in ((WITNESS, "Verified Successfully"), (other, "Verification Failure")):
        write_vkeys(tmp_path / "witness.vkey", [verifier])
        done = subprocess.run(
            ["bash", "-c", commands], cwd=tmp_path, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert f"Signature {wanted}" in done.stdout + done.stderr
        assert "2026" in done.stdout
