"""Time stamps in the store: kept with their entry, found where they are wrong, exported."""

import sqlite3
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest

from monitor.exported import ExportedLog
from monitor.halfway import Keeper
from monitor.ledger.checkpoint import read_unverified
from monitor.ledger.entry import AgentStopped, CheckpointStamped
from monitor.ledger.stamp import Stamped, asking, roots_in, stamped_us
from monitor.proof import Proof
from monitor.source import Source
from monitor.store.export import export
from monitor.store.ledger import Ledger
from monitor.store.pinned import PinnedDatabase
from monitor.text import LANGUAGES
from monitor.verify import verify
from tests.lab.authority import Issuer
from tests.lab.parts import require
from tests.store.building import KEY, append, begin, ledger_at

HOUR_US = 3_600_000_000


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """A time-stamping authority."""
    require("openssl")
    return Issuer(tmp_path_factory.mktemp("tsa") / "a")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """One that nobody trusts."""
    return Issuer(tmp_path_factory.mktemp("foreign") / "b")


def now_us() -> int:
    """Like the authority's clock."""
    return time.time_ns() // 1_000


def stamp(ledger: Ledger, issuer: Issuer, authority: str = "tsa") -> Stamped:
    """The newest checkpoint stamped, kept, and told of."""
    note = ledger.note
    assert note is not None
    reply = issuer.reply(asking(note).raw)
    time_us = stamped_us(reply, note, roots_in(issuer.root))
    size = read_unverified(note).size
    one = Stamped(authority=authority, size=size, time_us=time_us, note=note, reply=reply)
    entry = CheckpointStamped(
        authority=authority, size=size, token=one.sha256, time_us=time_us, at_us=now_us()
    )
    append(ledger, entry.to_bytes(), stamps=[one])
    return one


def stopped(at_us: int) -> bytes:
    """An entry that says when it was made."""
    return AgentStopped(at_us=at_us, why="test").to_bytes()


def judged(source: Source, *issuers: Issuer) -> Proof:
    """What `verify` says to somebody who trusts these authorities."""
    roots = [root for one in issuers for root in roots_in(one.root)]
    with source:  # type: ignore[attr-defined]
        return verify(source, KEY.verifier, roots=roots)


def found(url: str, *issuers: Issuer) -> tuple[str, list[tuple[int | None, str]]]:
    """Verdict and findings of a database."""
    proof = judged(PinnedDatabase(url), *issuers)
    return proof.verdict, [(one.index, one.what) for one in proof.findings]


def altered(url: str, statement: str, *values: object) -> None:
    """A tamperer at work."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute(statement, values).rowcount > 0
        connection.commit()


def test_a_stamped_log_is_intact_and_says_until_when(
    url: str, mark: Path, issuer: Issuer, foreign: Issuer
) -> None:
    """By its authority's root proved; by another root unknown; without any it was not checked."""
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        one = stamp(ledger, issuer)
        append(ledger, stopped(now_us()))
        two = stamp(ledger, issuer)
    proof = judged(PinnedDatabase(url), issuer)
    assert (proof.verdict, proof.stamps.proved, proof.stamps.size) == ("intact", 2, two.size)
    assert two.size > one.size
    told = proof.as_json("en")["checked"]["time_stamps"]  # type: ignore[index]
    assert (told["tokens"], told["size"], told["at"][:2]) == (2, two.size, "20")
    assert any(str(two.size) in line for line in proof.sentences("id"))
    other = judged(PinnedDatabase(url), foreign)
    assert (other.verdict, other.stamps.proved, other.stamps.unknown) == ("intact", 0, 2)
    alone = judged(PinnedDatabase(url))
    assert (alone.verdict, alone.stamps.unchecked) == ("intact", 2)
    assert all("--tsa" in alone.sentences(lang)[-1] for lang in LANGUAGES)


def test_what_is_wrong_with_a_stored_token_is_found(
    tmp_path: Path, mark: Path, issuer: Issuer, foreign: Issuer
) -> None:
    """Removed, exchanged for a forger's, over another note, under another size, spoilt."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        one = stamp(ledger, issuer)
        append(ledger, stopped(now_us()))
    whole = (tmp_path / "ledger.db").read_bytes()
    index = one.size
    cases = [
        ("DELETE FROM stamp", (), [(index, "verify.stamp-missing")]),
        (
            "UPDATE stamp SET reply = ?",
            (foreign.reply(asking(one.note).raw),),
            [(index, "verify.stamp-missing")],
        ),
        (
            "UPDATE stamp SET reply = ?",
            (issuer.reply(asking(b"something else").raw),),
            [(None, "verify.stamp"), (index, "verify.stamp-missing")],
        ),
        ("UPDATE stamp SET note = ?", (b"no note",), [(None, "verify.stamped")]),
        ("UPDATE stamp SET size = 5", (), [(None, "verify.stamped-size")]),
        ("UPDATE stamp SET reply = ?", (b"x",), [(None, "verify.stamp")]),
    ]
    for statement, values, expected in cases:
        (tmp_path / "ledger.db").write_bytes(whole)
        altered(url, statement, *values)
        verdict, findings = found(url, issuer)
        assert (verdict, findings[: len(expected)]) == ("tampered", expected), statement
        assert len(findings) <= len(expected) + 1
    (tmp_path / "ledger.db").write_bytes(whole)
    assert found(url, issuer) == ("intact", [])


def test_an_entry_that_says_less_than_its_token_is_found(
    tmp_path: Path, mark: Path, issuer: Issuer
) -> None:
    """The log's own key has signed it, but another time stands in the token."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        one = stamp(ledger, issuer)
        told = CheckpointStamped(
            authority="tsa",
            size=one.size,
            token=one.sha256,
            time_us=one.time_us - HOUR_US,
            at_us=now_us(),
        )
        append(ledger, told.to_bytes())
        size = ledger.size
    assert found(url, issuer) == ("tampered", [(size - 1, "verify.stamp-told")])


def test_a_clock_that_was_set_back_is_found(tmp_path: Path, mark: Path, issuer: Issuer) -> None:
    """What follows a stamped checkpoint cannot have been made hours before it; minutes may be."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        stamp(ledger, issuer)
        append(ledger, stopped(now_us() - 60_000_000))
    assert found(url, issuer) == ("intact", [])
    with ledger_at(url, mark) as ledger:
        first = ledger.size
        append(ledger, stopped(now_us() - HOUR_US), stopped(now_us() - HOUR_US))
        append(ledger, stopped(now_us()))
        append(ledger, stopped(now_us() - HOUR_US))
    expected = [(first, "verify.stamp-after"), (first + 3, "verify.stamp-after")]
    assert found(url, issuer) == ("tampered", expected)
    assert found(url) == ("intact", [])  # without a root nobody can tell


def test_a_clock_that_ran_ahead_is_found(tmp_path: Path, mark: Path, issuer: Issuer) -> None:
    """What a token proves to have been there cannot have been made an hour later."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        ahead = ledger.size
        append(ledger, stopped(now_us() + HOUR_US))
        stamp(ledger, issuer)
    assert found(url, issuer) == ("tampered", [(ahead, "verify.stamp-before")])


def test_an_export_carries_them_and_openssl_agrees(
    tmp_path: Path, mark: Path, issuer: Issuer
) -> None:
    """Every stamped checkpoint beside its reply: proved from the files by us, and by openssl."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        stamp(ledger, issuer)
        append(ledger, stopped(now_us()))
        stamp(ledger, issuer)
        note = ledger.note
    export(url, tmp_path / "log", note=note)
    proof = judged(ExportedLog(tmp_path / "log"), issuer)
    assert (proof.verdict, proof.stamps.proved) == ("intact", 2)
    replies = sorted((tmp_path / "log" / "stamped").glob("*.tsr"))
    assert len(replies) == 2
    for reply in replies:
        checked = subprocess.run(
            ["openssl", "ts", "-verify", "-in", str(reply), "-data",
             str(reply.with_suffix(".checkpoint")), "-CAfile", str(issuer.root)],
            capture_output=True, timeout=30, check=False,
        )  # fmt: skip
        assert (checked.returncode, b"Verification: OK" in checked.stdout) == (0, True)
    replies[0].write_bytes(replies[1].read_bytes())
    spoilt = judged(ExportedLog(tmp_path / "log"), issuer)
    assert spoilt.verdict == "tampered"


def test_a_resumed_verification_holds_every_entry_against_the_tokens_again(
    tmp_path: Path, mark: Path, issuer: Issuer
) -> None:
    """A token taken away after the interruption, or a root that was not given before it."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        one = stamp(ledger, issuer)
        append(ledger, stopped(now_us() - HOUR_US), *[stopped(now_us())] * 600)
    roots = roots_in(issuer.root)
    (tmp_path / "kept").mkdir()
    keeper = Keeper(folder=tmp_path / "kept", key=bytes(32), due=lambda: True)

    def interrupted(done: int, _size: int) -> None:
        if done == 512:
            raise KeyboardInterrupt

    with PinnedDatabase(url) as source, pytest.raises(KeyboardInterrupt):
        verify(source, KEY.verifier, progress=interrupted, keeper=keeper)
    assert keeper.kept == 512
    with PinnedDatabase(url) as source:
        proof = verify(source, KEY.verifier, keeper=keeper, roots=roots)
    assert [(f.index, f.what) for f in proof.findings] == [(one.size + 1, "verify.stamp-after")]
    altered(url, "DELETE FROM stamp")
    with PinnedDatabase(url) as source:
        proof = verify(source, KEY.verifier, keeper=keeper, roots=roots)
    assert [(f.index, f.what) for f in proof.findings] == [(one.size, "verify.stamp-missing")]
