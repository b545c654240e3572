"""The daemon and real witnesses: cosigned as it grows, refused when it was rolled back."""

import asyncio
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.config.configuration import WitnessPlan
from monitor.config.loader import load
from monitor.daemon.folders import make_folders
from monitor.daemon.keyring import open_ledger
from monitor.daemon.service import Daemon
from monitor.daemon.witness_exchange import Exchange
from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.entry import LogOpened, LossCounted
from monitor.ledger.keys import load_key, read_vkeys
from monitor.ledger.merkle import leaf_hash
from monitor.ledger.signer import Signer
from monitor.ledger.witness import Submission
from monitor.proof import Proof
from monitor.store.glance import consistency
from monitor.store.ledger import Commit, Ledger
from monitor.store.pinned import PinnedDatabase
from monitor.text import LANGUAGES, Language, say
from monitor.verify import verify
from tests.daemon.inside import run_inside, until
from tests.daemon.place import ORIGIN, Place
from tests.daemon.process import Agent
from tests.daemon.test_daemon_start import REFUSED, refused
from tests.lab.receivers import Webhook
from tests.witness.serving import Serving


@pytest.fixture
def witness(place: Place) -> Iterator[Serving]:
    """A witness that knows the place's log, and that the place's agent knows."""
    log = read_vkeys(place.configuration / "trust" / "log.vkey")
    serving = Serving(place.root / "w", list(log))
    watched_by(place, serving)
    with serving:
        yield serving


def watched_by(place: Place, *servings: Serving) -> None:
    """Write these witnesses into agent.yaml."""
    place.agent["witnesses"] = [
        {"name": f"w{n}", "url": one.url, "key": one.vkey} for n, one in enumerate(servings)
    ]
    place.write()


def proof(place: Place, *servings: Serving) -> Proof:
    """What an auditor finds who trusts these witnesses."""
    verifier = read_vkeys(place.configuration / "trust" / "log.vkey")[0]
    keys = [one.verifier for one in servings if one.verifier is not None]
    with PinnedDatabase(place.url) as database:
        return verify(database, verifier, (), witnesses=keys)


def lived(place: Place) -> None:
    """One life of the agent, with a few commits."""
    with Agent(place) as agent:
        agent.ready()
        agent.await_seen(1)
        assert agent.stop() == 0


def grown(place: Place, entries: int, witness: Serving | None = None) -> int:
    """As many lives would leave it, without the lives: the new size, cosigned if asked for."""
    configuration = load(place.configuration, datetime.now(UTC).date())
    agent = configuration.agent
    make_folders(agent)
    ledger = open_ledger(agent).ledger
    try:
        first = ledger.size == 0
        opened = LogOpened(origin=ORIGIN, vantage="test", opened_us=1, previous=None)
        lost = [
            LossCounted(since_us=0, until_us=time.time_ns(), counts={"late": n}).to_bytes()
            for n in range(1, entries + 1)
        ]
        ledger.append(Commit(entries=[*([opened.to_bytes()] if first else []), *lost]))
        if witness is not None:
            asyncio.run(_cosigned(ledger, agent.witnesses[0]))
        return ledger.size
    finally:
        ledger.close()


async def _cosigned(ledger: Ledger, plan: WitnessPlan) -> None:
    async def prove(old: int, size: int) -> tuple[bytes, ...]:
        return consistency(ledger.url, old, size)

    assert ledger.note is not None
    ledger.offer(await Exchange(plan, lambda _: ledger.signer.verifier, prove).submit(ledger.note))


def backup(place: Place, name: str) -> Path:
    """A copy of everything that the agent's host keeps."""
    to = place.root / name
    for folder in (place.state, place.mark.parent):
        shutil.copytree(folder, to / folder.name)
    return to


def restore(place: Place, copy: Path) -> None:
    """The backup in the place of what is there, high-water mark and all."""
    for folder in (place.state, place.mark.parent):
        shutil.rmtree(folder)
        if (copy / folder.name).is_dir():
            shutil.copytree(copy / folder.name, folder)


def test_the_whole_log_is_cosigned_when_the_agent_stops(place: Place, witness: Serving) -> None:
    """While it runs `now` tells of the witness; at its end the last entry is cosigned and kept."""
    with Agent(place) as agent:
        agent.ready()
        one = agent.await_now(
            "a cosignature", lambda now: now["ledger"]["witnesses"][0]["size"] and now["ledger"]
        )["witnesses"][0]
        assert (one["name"], one["failing"], one["conflict"]) == ("w0", False, False)
        assert one["at"].startswith("20")
        assert agent.stop() == 0
    size = len(place.raw_entries())
    found = proof(place, witness)
    assert (found.verdict, found.unsigned_tail) == ("intact", 0)
    assert [(one.size, one.count > 0) for one in found.witnesses.values()] == [(size, True)]
    assert proof(place).strangers == next(iter(found.witnesses.values())).count


def told_of(place: Place, code: str, *langs: Language, **values: object) -> None:
    """A start is refused with exit 1 in these words and languages, and nothing is written."""
    before = len(place.raw_entries())
    for lang in langs:
        exit_code, told = refused(place, lang)
        assert (exit_code, say(code, lang, **values) in told) == (REFUSED, True), told
    assert len(place.raw_entries()) == before
    assert not place.control.exists()


def test_a_restored_old_backup_is_refused(place: Place, witness: Serving) -> None:
    """Database and mark are both of yesterday: only the witness knows."""
    lived(place)
    old, size = backup(place, "old"), len(place.raw_entries())
    witnessed = grown(place, 5, witness)
    restore(place, old)
    values = {"name": "w0", "url": witness.url, "witnessed": witnessed, "size": size}
    told_of(place, "store.witness-ahead", *LANGUAGES, **values)


def test_a_log_that_went_on_from_a_backup_is_refused(place: Place, witness: Serving) -> None:
    """While the witness was away the restored log grew past what was cosigned: another history."""
    grown(place, 2, witness)
    old = backup(place, "old")
    witnessed = grown(place, 300, witness)
    restore(place, old)
    size = grown(place, 301)
    values = {"name": "w0", "url": witness.url, "witnessed": witnessed, "size": size}
    told_of(place, "store.witness-other-history", "id", **values)
    restore(place, old)
    assert grown(place, 300) == witnessed
    told_of(place, "store.witness-other-history", "en", **{**values, "size": witnessed})


def test_a_wiped_host_is_refused(place: Place, witness: Serving) -> None:
    """No database and no mark any more: an empty log is behind the witness too."""
    size = grown(place, 2, witness)
    restore(place, place.root / "nothing")
    values = {"name": "w0", "url": witness.url, "witnessed": size, "size": 0}
    code, told = refused(place, "en")
    assert (code, say("store.witness-ahead", "en", **values) in told) == (REFUSED, True), told


def test_a_witness_that_is_away_stops_nothing(place: Place, witness: Serving) -> None:
    """The agent starts, counts and says it, ends well; the other witness cosigns all the same."""
    away = Serving(place.root / "away", witness.logs, name="away.example")
    watched_by(place, away, witness)
    with Agent(place) as agent:
        agent.ready()
        first, second = agent.await_now(
            "the second one's cosignature",
            lambda now: now["ledger"]["witnesses"][1]["size"] and now["ledger"]["witnesses"],
        )
        assert (first["failing"], first["failures"], first["size"]) == (True, 1, None)
        assert first["trouble"]["code"] == "witness.unreachable"
        assert second["failing"] is False
        assert agent.stop() == 0
    assert "witness-failed" in agent.told()
    found = proof(place, away, witness)
    assert [one.count > 0 for one in found.witnesses.values()] == [False, True]
    place.require_intact()


def test_a_contradiction_while_running_is_told_and_ends_nothing(
    place: Place, witness: Serving, hook: Webhook
) -> None:
    """Somebody else with the log's key showed the witness a longer log: people hear of it."""
    key = load_key(place.configuration / "secrets" / "log.key", unencrypted_at_rest=True)
    forger = Signer(name=ORIGIN, key=key)

    async def act(daemon: Daemon) -> None:
        standing = daemon.witnesses.standings[0]
        await until("the first cosignature", lambda: standing.newest)
        assert standing.newest is not None
        witness.kill()  # its state is replaced, as if the forger had had a proof
        (place_,) = witness.state.glob("*.checkpoint")
        head = Checkpoint(origin=ORIGIN, size=1_000_000, root=leaf_hash(b"forged"))
        place_.write_bytes(sign_checkpoint(head, forger))
        witness.start()
        standing.due_ns = 0
        await until("the contradiction", lambda: standing.conflict)
        commits = daemon.committing.commits
        await until("another commit", lambda: daemon.committing.commits > commits + 1)
        assert daemon.witnesses.told()[0]["conflict"] is True

    assert run_inside(place, act) == 0
    assert any("witness" in message.body.lower() for message in hook.wait(1))
    code, told = refused(place, "en")
    assert (code, "1000000" in told) == (REFUSED, True)


def test_it_is_asked_once_a_minute_at_most(place: Place, witness: Serving) -> None:
    """Commits go on each second; the witness hears of the log twice: soon, and at the end."""

    async def act(daemon: Daemon) -> None:
        standing = daemon.witnesses.standings[0]
        await until("the first cosignature", lambda: standing.newest)
        commits = daemon.committing.commits
        await until("more commits", lambda: daemon.committing.commits > commits + 1)
        assert standing.cosigned == 2  # of the empty log, and of what the start wrote

    assert run_inside(place, act) == 0
    assert witness.told().count("cosigned") == 3
    assert len(place.raw_entries()) == next(iter(proof(place, witness).witnesses.values())).size


def test_the_bytes_of_a_submission_are_not_ours_alone() -> None:
    """A guard: the request's form is written once, here by hand."""
    sent = Submission(old=3, proof=(b"\0" * 32,), note=b"note\n")
    assert sent.to_bytes() == b"old 3\n" + b"A" * 43 + b"=\n\nnote\n"
