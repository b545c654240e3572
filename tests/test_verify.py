"""What `verify` says, in words and as JSON, and how much memory it takes."""

import json
import re
import tracemalloc
from pathlib import Path

import pytest
import sqlalchemy as sa

import monitor.proof
from monitor.ledger.entry import AgentStopped, ConfigurationInForce
from monitor.proof import MAX_FINDINGS, Proof
from monitor.source import Anchored
from monitor.store.ledger import Commit
from monitor.store.pinned import PinnedDatabase
from monitor.text import LANGUAGES, Language, say
from monitor.verify import verify
from tests.store.building import (
    KEY,
    OTHER_KEY,
    START_US,
    anchored,
    append,
    batch,
    begin,
    digest,
    ledger_at,
    observation,
    opened,
    rich,
)

VERDICTS = {
    f"verify.{whole}{verdict}"
    for whole in ("", "chain-")
    for verdict in ("intact", "incomplete", "tampered", "unusable")
} | {"verify.differing"}


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database that is not there yet."""
    return f"sqlite:///{tmp_path}/l.db"


def proof_of(url: str, *anchors: Anchored) -> Proof:
    """What `verify` says of a database."""
    with PinnedDatabase(url) as source:
        return verify(source, KEY.verifier, anchors)


def test_the_json_is_that_of_the_contract(url: str, tmp_path: Path) -> None:
    """Its keys are stable, and it is JSON."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        rich(ledger)
        root, size = ledger.tree.root(), ledger.size
    note = (tmp_path / "mark").read_bytes()
    said = json.loads(json.dumps(proof_of(url, Anchored(place="m", note=note)).as_json("id")))
    assert list(said) == ["verdict", "size", "root", "checked", "findings"]
    assert said["verdict"] == "intact"
    assert said["size"] == size
    assert said["root"] == note.decode().splitlines()[2]
    assert len(root) == 32
    assert said["checked"] == {
        "anchor": "m",
        "checkpoints": 3,
        "unsigned_tail": 0,
        "records": 3,
        "figures": True,
        "witnesses": [],
        "unknown_cosignatures": 0,
        "time_stamps": {
            "tokens": 0,
            "proved": 0,
            "unknown": 0,
            "unchecked": 0,
            "size": None,
            "at": None,
        },
    }
    assert said["findings"] == []


def test_without_an_anchor_it_says_what_cannot_be_excluded(url: str, tmp_path: Path) -> None:
    """In both languages; `checked.anchor` is null."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        begin(ledger)
    proof = proof_of(url)
    assert proof.as_json("en")["checked"]["anchor"] is None  # type: ignore[index]
    for lang in LANGUAGES:
        assert say("verify.no-anchor", lang) in proof.sentences(lang)


def test_a_live_ledger_has_a_tail_without_a_kept_checkpoint(url: str, tmp_path: Path) -> None:
    """It is told, and it is no finding; the mark covers it."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        begin(ledger)
        append(ledger, anchored())
        proof = proof_of(url)
        assert (proof.verdict, proof.unsigned_tail) == ("intact", 1)
        assert say("verify.unsigned-tail", "en", count=1) in proof.sentences("en")
        mark = Anchored(place="m", note=(tmp_path / "mark").read_bytes())
        assert proof_of(url, mark).unsigned_tail == 0


def test_another_key_makes_it_tampered(url: str, tmp_path: Path) -> None:
    """The same name does not help; another name is told as such."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        begin(ledger)
    with PinnedDatabase(url) as source:
        proof = verify(source, OTHER_KEY.verifier)
    assert [f.what for f in proof.findings] == ["verify.checkpoint", "verify.unsigned"]
    stranger = type(KEY)(name="other.example/log", key=KEY.key)
    with PinnedDatabase(url) as source:
        assert verify(source, stranger.verifier).findings[0].what == "verify.origin"


def test_a_checkpoint_from_outside_must_be_of_the_trusted_key(url: str, tmp_path: Path) -> None:
    """Otherwise it is a finding, and no anchor."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        begin(ledger)
    proof = proof_of(url, Anchored(place="m", note=b"nonsense"))
    assert (proof.verdict, proof.anchor) == ("tampered", None)
    assert proof.findings[0].what == "verify.anchor"
    for lang in LANGUAGES:  # the reason too is told in words
        assert say("ledger.note-without-signatures", lang).rstrip(".") in proof.sentences(lang)[1]


def test_a_log_that_was_opened_for_another_origin_is_found(url: str, tmp_path: Path) -> None:
    """The first entry names whose log it is."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        append(ledger, opened("other.example/log"))
    proof = proof_of(url)
    assert [(f.index, f.what) for f in proof.findings] == [(0, "verify.origin")]


def test_evidence_that_was_never_stored_is_found_where_it_is_named(
    url: str, tmp_path: Path
) -> None:
    """By a batch and by a configuration."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        begin(ledger)
        append(ledger, batch([observation(0, 0, record=digest(b"never"))]))
        texts = {"a": digest(b"never either")}
        append(ledger, ConfigurationInForce(at_us=0, texts=texts, program="").to_bytes())
    found = [(f.index, f.what) for f in proof_of(url).findings]
    assert found == [(6, "verify.record-missing"), (7, "verify.record-missing")]


def test_the_first_wrong_entry_is_named_first_however_many_follow(url: str, tmp_path: Path) -> None:
    """Evidence that is missing forty times does not hide the altered entry before it."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        begin(ledger)
        altered = append(ledger, anchored()).first
        for number in range(2 * MAX_FINDINGS):
            texts = {"a": digest(str(number).encode())}
            append(ledger, ConfigurationInForce(at_us=0, texts=texts, program="").to_bytes())
        changed = sa.text('UPDATE entry SET bytes = :bytes WHERE "index" = :id')
        with ledger.engine.begin() as connection:
            connection.execute(changed, {"bytes": anchored(START_US + 1), "id": altered})
    proof = proof_of(url)
    assert (proof.findings[0].index, proof.findings[0].what) == (altered, "verify.leaf")
    assert len(proof.findings) == MAX_FINDINGS


def test_findings_are_bounded_and_told_once() -> None:
    """A hopeless log does not fill the memory with findings."""
    proof = Proof()
    for number in range(1_000):
        proof.add(number // 2, "verify.leaf")
    assert len(proof.findings) == MAX_FINDINGS == len({f.index for f in proof.findings})
    assert say("verify.more", "en", count=MAX_FINDINGS) in proof.sentences("en")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_finding_has_a_sentence(lang: Language) -> None:
    """Each key that the source uses is in the catalogue."""
    source = "".join(file.read_text() for file in Path(monitor.proof.__file__).parent.rglob("*.py"))
    keys = set(re.findall(r'"(verify\.[a-z-]+)"', source)) | VERDICTS
    names = (
        "size there here why place anchored signed sha256 path table row column index what count"
        " name at witness"
        " same blind there rule target check folder cause place until told"
        " boundary entry figures checkpoints origin earlier later named by next previous"
        " authority stated proved"
    )
    for key in keys:
        assert say(key, lang, **dict.fromkeys(names.split(), 1))
    assert len(keys) > 20


def test_progress_is_told_up_to_the_end(url: str, tmp_path: Path) -> None:
    """For a bar on the screen."""
    with ledger_at(url, tmp_path / "mark") as ledger:
        rich(ledger)
    steps: list[tuple[int, int]] = []
    with PinnedDatabase(url) as source:
        verify(source, KEY.verifier, progress=lambda *step: steps.append(step))
    done, size = steps[-1]
    assert done == size > 50
    assert steps == sorted(steps)


def _memory_of(url: str, count: int, tmp_path: Path) -> int:
    """Bytes at the height of verifying a ledger of so many entries."""
    with ledger_at(url, tmp_path / f"mark{count}") as ledger:
        begin(ledger)
        for at in range(0, count, 500):
            rows = [batch([observation(n, (at + i) * 1_000) for n in range(3)]) for i in range(500)]
            ledger.append(Commit(entries=rows, at_us=START_US + at))
        append(ledger, AgentStopped(at_us=0, why="").to_bytes())
    tracemalloc.start()
    try:
        proof = proof_of(url)
        assert proof.verdict == "intact"
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    """Four times the entries, not twice the memory (the rest is what the first run leaves)."""
    small = _memory_of(f"sqlite:///{tmp_path}/small.db", 1_000, tmp_path)
    large = _memory_of(f"sqlite:///{tmp_path}/large.db", 4_000, tmp_path)
    print(f"{small} and {large} bytes")
    assert large < small * 2
