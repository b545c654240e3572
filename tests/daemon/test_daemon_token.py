"""The daemon with its key in a PKCS#11 token: started, left without the token, with it again."""

import pytest

from monitor.ledger.keys import read_vkeys
from monitor.text import say
from tests.cli.running_command import sasando
from tests.daemon.place import ORIGIN, Place
from tests.daemon.ports import Ports
from tests.daemon.process import Agent
from tests.lab.hsm import PIN, WRONG, SoftToken
from tests.lab.receivers import Webhook


@pytest.fixture
def token(place: Place) -> SoftToken:
    """A token that holds the log's only key, made by the command; the files know no other."""
    made = SoftToken(place.root / "hsm")
    made.make()
    trust = place.configuration / "trust"
    for left in (trust / "log.vkey", place.configuration / "secrets" / "log.key"):
        left.unlink()
    words = ("--passphrase-file", made.pin_file, "--pkcs11", made.uri())
    done = sasando(
        "keys", "new", trust / "log", "--origin", ORIGIN, *words, environment=made.environment
    )
    assert done.code == 0, done.err
    assert done.out.strip() == read_vkeys(trust / "log.vkey")[0].vkey
    assert PIN not in done.out + done.err
    place.agent["key"] = {"pkcs11": made.setting()}
    place.write()
    return made


def test_commits_go_on_without_the_token_and_signing_with_it(
    place: Place, token: SoftToken, ports: Ports, hook: Webhook
) -> None:
    """While it is out entries are kept and alerts marked unsigned; back in, all is signed."""
    marked = say("alerts.unsigned", "en")
    with Agent(place, environment=token.environment) as agent:
        agent.ready()
        agent.await_state("p0", "available")
        with token.pulled():
            agent.await_now("unsigned", lambda now: now["ledger"]["unsigned"])
            ports.shut(0)
            agent.await_now("an incident", lambda now: now["incidents"])
            agent.await_now("no alert waits", lambda now: now["alerts_waiting"] == 0)
            before = agent.now()["ledger"]
            assert before["checkpoint_size"] is None
        agent.await_now("signed", lambda now: now["ledger"]["checkpoint_size"])
        assert agent.stop() == 0
        assert PIN not in agent.told()
    assert place.require_intact().unsigned_tail == 0
    assert any(marked in message.body for message in hook.accepted)


@pytest.mark.parametrize(
    ("part", "code", "told"),
    [
        ({}, 1, "refuses the PIN"),
        ({"token": "another"}, 75, "sees no token labelled another"),
    ],
)
def test_a_start_without_the_key_says_why(
    place: Place, token: SoftToken, part: dict[str, str], code: int, told: str
) -> None:
    """A wrong PIN or module ends it for good; a token that may still come is waited for."""
    token.write_pin(WRONG if not part else PIN)
    place.agent["key"] = {"pkcs11": {**token.setting(), **part}}
    place.write()
    done = sasando("run", "-c", place.configuration, environment=token.environment)
    assert done.code == code, done.err
    assert told in done.err
    assert WRONG not in done.err
