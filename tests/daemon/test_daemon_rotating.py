"""`keys rotate` on the running daemon: who signs what, and what a kill leaves behind."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.config.loader import load
from monitor.daemon import rotating
from monitor.daemon.committing import HandOver
from monitor.daemon.control import ControlError, ask
from monitor.daemon.folders import make_folders
from monitor.daemon.keyring import Opened, open_ledger, signer_at
from monitor.daemon.service import Daemon
from monitor.ledger import anchor
from monitor.ledger.entry import KeyRotated, LogOpened, LossCounted
from monitor.ledger.errors import KeyFileError
from monitor.ledger.keys import read_vkeys
from monitor.ledger.signer import Verifier
from monitor.ledger.token import create_token_key
from monitor.secret import SecretError
from monitor.store.keeping import Checkpoints
from monitor.store.ledger import Commit, Ledger
from monitor.store.pinned import PinnedDatabase
from monitor.verify import verify
from tests.daemon.inside import run_inside, until
from tests.daemon.place import ORIGIN, Place
from tests.daemon.process import Agent
from tests.daemon.rotated import FIRST, judged, name_next, signer_of_mark, trust, trusted_at
from tests.lab.hsm import SoftToken


async def rotate(place: Place, reason: str = "letter 9") -> dict[str, object]:
    """As the command asks for it."""
    return dict(await asyncio.to_thread(ask, place.control, "rotate", 60, reason=reason))


async def commits(daemon: Daemon, more: int) -> None:
    """Until so many more commits happened."""
    wanted = daemon.committing.commits + more
    await until("commits", lambda: daemon.committing.commits >= wanted)


def opened(place: Place) -> Opened:
    """The ledger as the next start opens it."""
    agent = load(place.configuration, datetime.now(UTC).date()).agent
    make_folders(agent)
    return open_ledger(agent)


def test_the_daemon_goes_on_with_the_next_key(place: Place) -> None:
    """The entry is the last of the old key; configuration and files may follow at leisure."""
    old = read_vkeys(trusted_at(place))[0]
    handed: list[tuple[int, Verifier]] = []

    async def act(daemon: Daemon) -> None:
        new = name_next(place)  # named after the start, and without a reload
        await commits(daemon, 1)
        done = await rotate(place)
        assert (done["previous"], done["next"]) == (old.vkey, new.vkey)
        assert daemon.ledger.signer.verifier == new
        await commits(daemon, 2)
        handed.append((int(str(done["entry"])), new))
        with pytest.raises(ControlError, match=r"cli\.rotate-none"):
            await rotate(place)
        place.agent["key"] = {"private": {"secret": "file:secrets/next.key"}}
        place.write()
        daemon.reloading.begin()
        await until("a reload", lambda: daemon.reloading.count or daemon.reloading.refused)
        assert daemon.reloading.refused is None

    assert run_inside(place, act) == 0
    ((entry, new),) = handed
    (rotation,) = place.of(KeyRotated)
    assert place.numbered()[-1][0] > entry
    assert (rotation.previous, rotation.next, rotation.reason) == (old.vkey, new.vkey, "letter 9")
    assert signer_of_mark(place)[1] == new
    assert judged(place).verdict == "intact", judged(place).sentences("en")


def test_the_outgoing_key_signs_the_entry_and_nothing_after_it(place: Place) -> None:
    """The mark holds the old key's checkpoint of just that size before the new one signs."""
    new, seen = name_next(place), list[tuple[int, Verifier]]()
    old = read_vkeys(trusted_at(place))[0]

    async def act(daemon: Daemon) -> None:
        advance = anchor.advance

        def watched(path: Path, note: bytes) -> None:
            advance(path, note)
            seen.append(signer_of_mark(place))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(anchor, "advance", watched)
            done = await rotate(place)
            await commits(daemon, 2)
        index = int(str(done["entry"]))
        assert {by for size, by in seen if size <= index + 1} == {old}
        assert (index + 1, old) in seen
        assert {by for size, by in seen if size > index + 1} == {new}

    assert run_inside(place, act) == 0


def test_a_start_takes_the_key_in_force(place: Place) -> None:
    """Unchanged agent.yaml, the old file erased, the next one moved up: each start goes on."""
    new = name_next(place)

    async def once(daemon: Daemon) -> None:
        await rotate(place)

    async def again(daemon: Daemon) -> None:
        assert daemon.ledger.signer.verifier == new
        with pytest.raises(ControlError, match=r"cli\.rotate-none"):
            await rotate(place)

    assert run_inside(place, once) == 0
    assert run_inside(place, again) == 0
    (place.configuration / "secrets" / "log.key").unlink()
    assert run_inside(place, again) == 0
    place.agent["key"] = {"private": {"secret": "file:secrets/next.key"}}
    place.write()
    assert run_inside(place, again) == 0
    assert judged(place).verdict == "intact"


def test_a_key_that_cannot_take_over_changes_nothing(place: Place) -> None:
    """None named, unreadable, untrusted, the same one, by another account: told, and no entry."""

    async def act(daemon: Daemon) -> None:
        async def refused(code: str) -> None:
            with pytest.raises(ControlError) as told:
                await rotate(place)
            assert told.value.code == code

        await refused("cli.rotate-none")
        verifier = name_next(place, trusted=False)
        await refused("ledger.key-not-pinned")
        trust(place, verifier)
        answer = rotating.answers(daemon)["rotate"]
        with pytest.raises(ControlError, match="rotate-account"):
            await answer({"reason": ""}, "somebody")
        with pytest.raises(ControlError, match="request"):
            await answer({"reason": 7}, "root")
        (place.configuration / "secrets" / "next.key").unlink()
        await refused("config.secret-unreadable")
        place.agent["key"] = {"private": {"secret": "file:secrets/other.key"}}
        place.write()
        await refused("daemon.rotate-configuration")
        place.agent["key"] = {**FIRST, "next": {**FIRST, "passphrase": {"secret": "env:NONE"}}}
        place.write()
        await refused("config.secret-empty")
        copy = place.configuration / "secrets" / "copy.key"
        copy.write_bytes((place.configuration / "secrets" / "log.key").read_bytes())
        copy.chmod(0o600)
        place.agent["key"] = {**FIRST, "next": {"private": {"secret": "file:secrets/copy.key"}}}
        place.write()
        await refused("cli.rotate-same")

    assert run_inside(place, act) == 0
    assert place.of(KeyRotated) == []


def test_a_key_in_a_token_takes_over(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file into an HSM while the daemon works, and from there to another key in it."""
    token = SoftToken(place.root / "hsm")
    token.make()
    for name, value in token.environment.items():
        monkeypatch.setenv(name, value)
    token.show()
    keys = []
    for label in ("one", "two"):
        public = create_token_key(token.key(label))
        keys.append(Verifier(name=ORIGIN, kind=read_vkeys(trusted_at(place))[0].kind,
                             public_key=public))  # fmt: skip
        trust(place, keys[-1])
    one, two = ({"pkcs11": token.setting(label)} for label in ("one", "two"))

    async def act(daemon: Daemon) -> None:
        for before, after, verifier in ((FIRST, one, keys[0]), (one, two, keys[1])):
            place.agent["key"] = {**before, "next": after}
            place.write()
            done = await rotate(place)
            assert done["next"] == verifier.vkey
            await commits(daemon, 1)
            assert daemon.committing.unsigned == ""

    assert run_inside(place, act) == 0
    assert judged(place).verdict == "intact"
    assert signer_of_mark(place)[1] == keys[1]


def test_one_hand_over_waits_at_most(place: Place) -> None:
    """A second one is refused until the first is committed, so that none is lost unseen."""
    lost = LossCounted(since_us=0, until_us=1, counts={"late": 1})
    done: list[int] = []

    def handing() -> HandOver:
        commit = Commit(entries=[lost.to_bytes()])
        return HandOver(commit=commit, told=lambda committed: done.append(committed.size))

    async def act(daemon: Daemon) -> None:
        assert daemon.committing.hand_over(handing())
        assert not daemon.committing.hand_over(handing())
        await until("it is committed", lambda: done)
        assert daemon.committing.hand_over(handing())

    assert run_inside(place, act) == 0
    assert len(done) == 2


POINTS = ("before the commit", "after the commit", "after signing", "after the mark", "at the end")


def _kill(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killed_at(point: str, patch: pytest.MonkeyPatch) -> None:
    """Let the rotation end there."""
    if point == "before the commit":
        patch.setattr(Checkpoints, "keep", _kill)
    elif point == "after the commit":
        patch.setattr(Ledger, "sign", _kill)
    elif point == "after signing":
        patch.setattr(anchor, "advance", _kill)
    elif point == "after the mark":
        patch.setattr(Ledger, "_handed", _kill)


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_in_a_hand_over_leaves_a_log_that_goes_on(place: Place, point: str) -> None:
    """kill -9 at each crash point: the next start takes the key in force, and all is intact."""
    new = name_next(place)
    begin = LogOpened(origin=ORIGIN, vantage="test", opened_us=1, previous=None)
    first = opened(place).ledger
    old = first.signer.verifier
    first.append(Commit(entries=[begin.to_bytes()]))
    first.close()
    child = os.fork()
    if child == 0:
        try:
            _hand_over(place, lambda: _killed_at(point, pytest.MonkeyPatch()))
        finally:
            os._exit(9)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    ledger = opened(place).ledger
    there = ledger.size == 2
    assert there == (point != "before the commit")
    assert ledger.signer.verifier == (new if there else old)
    lost = LossCounted(since_us=0, until_us=1, counts={"late": 1})
    assert ledger.append(Commit(entries=[lost.to_bytes()])).unsigned == ""
    ledger.close()
    proof = judged(place)
    assert (proof.verdict, proof.unsigned_tail) == ("intact", 0), proof.sentences("en")
    if there:  # the outgoing key's word for the next one is there too, whenever the kill came
        with PinnedDatabase(place.url) as database:
            alone = verify(database, old)
        assert alone.verdict == "intact", alone.sentences("en")
        assert [one.next for one in alone.followed] == [new]


def _hand_over(place: Place, arm: Callable[[], None]) -> None:
    agent = load(place.configuration, datetime.now(UTC).date()).agent
    ledger = open_ledger(agent).ledger
    assert agent.next_key is not None
    heir = signer_at(agent.next_key, agent)
    known = ledger.verifiers
    entry = rotating.handed_over(known, heir.verifier, "ayu", "yearly", 1)
    arm()
    ledger.append(Commit(entries=[entry.to_bytes()], heir=heir))
    _kill()


def test_a_killed_daemon_starts_again_whatever_became_of_its_rotation(place: Place) -> None:
    """Asked to rotate and killed: at once, and as soon as it answered."""
    name_next(place)
    with Agent(place) as agent:
        agent.ready()
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.connect(str(place.control))
            sock.sendall(json.dumps({"command": "rotate", "reason": "x"}).encode() + b"\n")
            agent.kill()
    with Agent(place) as agent:
        agent.ready()
        if not place.of(KeyRotated):
            place.ask("rotate", reason="again")
        agent.kill()
    opened(place).ledger.close()
    assert len(place.of(KeyRotated)) == 1
    assert judged(place).verdict == "intact"


def test_without_the_old_key_only_a_hand_over_lets_the_next_one_in(place: Place) -> None:
    """The old file is gone before the hand-over: the error is the old key's, not a guess."""
    begin = LogOpened(origin=ORIGIN, vantage="test", opened_us=1, previous=None)
    ledger = opened(place).ledger
    ledger.append(Commit(entries=[begin.to_bytes()]))
    ledger.close()
    name_next(place)
    (place.configuration / "secrets" / "log.key").unlink()
    with pytest.raises((SecretError, KeyFileError)) as refused:
        opened(place)
    assert "log.key" in str(refused.value)
