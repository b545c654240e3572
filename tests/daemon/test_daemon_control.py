"""The control socket against clients that are slow, many, huge or wrong."""

import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from monitor.daemon.control import ControlError, NoDaemonError
from monitor.ledger.entry import OperatorAct
from tests.cli.running_command import sasando
from tests.daemon.place import Place
from tests.daemon.ports import Ports
from tests.daemon.process import Agent

WRONG = [
    b"",
    b"\n",
    b"\x00\xff\xfe\n",
    b"[]\n",
    b"{}\n",
    b'{"command": ["now"]}\n',
    b'{"command": "nothing"}\n',
    b"[" * 60_000 + b"\n",
    b'{"command": "incidents", "limit": "many"}\n',
    b'{"command": "incidents", "limit": 1e999}\n',
    b'{"command": "incidents", "limit": -1}\n',
    b'{"command": "check", "targets": 7}\n',
    b'{"command": "check", "targets": ["p0"], "tags": [1]}\n',
    b'{"command": "check", "targets": ["p0"], "reason": "\\ud800"}\n',
    b'{"command": "check", "targets": ["\\ud800://x"]}\n',
    b'{"command": "check", "targets": ["p0"], "address": 7}\n',
    b'{"command": "check", "targets": ["p0"], "kinds": {"a": 1}}\n',
    b'{"command": "latest", "target": {"a": 1}}\n',
]


def told(place: Place, request: bytes) -> bytes:
    """Everything the daemon answers to these bytes."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(30)
        sock.connect(str(place.control))
        try:
            sock.sendall(request)
            sock.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: sock.recv(65_536), b""))
        except (BrokenPipeError, ConnectionResetError):
            return b""


def test_no_request_harms_the_daemon(place: Place) -> None:
    """Garbage and wrong types are answered or cut off; nothing is appended, the daemon goes on."""
    with Agent(place) as agent:
        agent.ready()
        for request in WRONG:
            answer = told(place, request)
            if answer:
                found = json.loads(answer)
                assert "error" in found or found["result"] == [], (request[:60], answer[:200])
        told(place, b'{"command": "now", "x": "' + b"y" * 10_000_000)
        assert agent.now()["series"]
        agent.await_seen()
        assert agent.stop() == 0
        assert "Traceback" not in agent.told()
    assert not place.of(OperatorAct)
    place.require_intact()


def test_a_hundred_clients_at_once_are_answered_or_told_to_wait(place: Place) -> None:
    """Each of 100 simultaneous clients gets a whole answer, or hears that the agent is busy."""
    with Agent(place) as agent:
        agent.ready()
        with ThreadPoolExecutor(100) as pool:
            answers = list(pool.map(lambda _: told(place, b'{"command": "now"}\n'), range(100)))
        assert all(answers)
        found = [json.loads(answer) for answer in answers]
        assert all("result" in one or one["error"]["code"] == "cli.busy" for one in found)
        assert agent.stop() == 0


def test_silent_clients_keep_nobody_out(place: Place) -> None:
    """Forty connections that say nothing, and a client that never reads, delay no other."""
    with Agent(place) as agent:
        agent.ready()
        silent = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(40)]
        for sock in silent:
            sock.connect(str(place.control))
        silent[0].sendall(b'{"command": "now"}\n')
        assert agent.now()["series"]
        assert agent.stop() == 0
        for sock in silent:
            sock.close()


def test_a_waived_violation_shows_and_does_not_set_the_exit_code(
    place: Place, ports: Ports
) -> None:
    """Its verdict stays violated, beside it stand why and until when; a lesser one decides."""
    rule = {"check": "tcp", "require": 'evidence.outcome == "refused"', "severity": "critical"}
    waiver = {"target": "p0", "justification": "new line in March", "author": "u1"}
    place.rules = [
        {**rule, "id": "closed", "waivers": [{**waiver, "until": "2099-12-31"}]},
        {**rule, "id": "shut", "severity": "warning"},
    ]
    place.write()
    with Agent(place) as agent:
        agent.ready()
        here = ("-c", place.configuration, "--lang", "en")
        told = sasando("check", "p0", *here, "--json")
        verdicts = {v["rule"]: v for one in told.data for v in one["verdicts"]}
        assert verdicts["closed"]["verdict"] == verdicts["shut"]["verdict"] == "violated"
        assert verdicts["closed"]["waiver"] == {
            "justification": "new line in March",
            "until": "2099-12-31",
            "author": "u1",
        }
        assert verdicts["shut"]["waiver"] is None
        assert told.code == 1
        shown = sasando("check", "p0", "p1", *here)
        assert shown.code == 2, "p1 has no waiver"
        assert "waived until 2099-12-31 by u1: new line in March" in shown.out
        assert agent.stop() == 0


def _two_routes(now: dict[str, Any]) -> list[dict[str, Any]] | None:
    routes: list[dict[str, Any]] = now["routes"]
    ready = len(routes) == 2 and routes[0]["failing"] and routes[1]["last_delivery"]
    return routes if ready else None


def test_now_shows_how_each_route_fares(place: Place, ports: Ports) -> None:
    """One that works with its last delivery, one that fails with its receipt; no URL in it."""
    place.routes["dead"] = "json://user:hidden-word@127.0.0.1:9/alerts"
    place.write()
    with Agent(place) as agent:
        agent.ready()
        agent.await_state("p0", "available")
        ports.shut(0)
        routes = agent.await_now("one route that works, one that fails", _two_routes)
        assert routes is not None
        dead, noc = routes
        assert (dead["name"], dead["waiting"], dead["last_delivery"]) == ("dead", 1, None)
        assert dead["last_failure"]["receipt"] == "refused"
        assert dead["waiting_since"] is not None
        assert (noc["name"], noc["failing"], noc["waiting"]) == ("noc", False, 0)
        assert noc["last_delivery"] is not None
        assert noc["last_failure"] is None
        shown = sasando("now", "-c", place.configuration, "--lang", "en")
        assert "Route dead: the last attempt failed" in shown.out
        assert "hidden-word" not in shown.out + str(agent.now())
        assert agent.stop() == 0


def test_a_check_is_signed_with_the_account_of_who_asks(place: Place) -> None:
    """The author of an act comes from the kernel; the entry holds reason and observation."""
    with Agent(place) as agent:
        agent.ready()
        request = {"command": "check", "targets": ["p0"], "reason": "why", "author": "somebody"}
        found = json.loads(told(place, json.dumps(request).encode() + b"\n"))["result"]
        assert agent.stop() == 0
    act = place.of(OperatorAct)[0]
    assert dict(place.numbered())[found[0]["entry"]] == act
    assert act.author != "somebody"
    assert act.reason == "why"
    assert act.detail["observations"][0]["target"] == "p0"


def test_a_check_under_way_when_the_daemon_stops_gets_an_answer(place: Place) -> None:
    """A check that meets the shutdown is committed or refused, and the end is in order."""
    with Agent(place) as agent:
        agent.ready()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(place.ask, "check", targets=["p0"], reason="late")
            agent.signal(signal.SIGTERM)
            refusal = asked.exception(60)
            entry = None if refusal else asked.result()[0]["entry"]
        assert refusal is None or isinstance(refusal, ControlError | NoDaemonError)
        assert agent.end() == 0
    if entry is not None:
        assert isinstance(dict(place.numbered())[entry], OperatorAct)
    place.require_intact()


@pytest.mark.parametrize("command", ["now", "incidents"])
def test_reading_does_not_wait_for_a_locked_database(place: Place, command: str) -> None:
    """What stands is told while a foreign transaction holds the database."""
    import sqlite3

    with Agent(place) as agent:
        agent.ready()
        connection = sqlite3.connect(place.state / "ledger.db", isolation_level=None, timeout=10)
        connection.execute("BEGIN IMMEDIATE")
        assert place.ask(command) is not None
        connection.execute("ROLLBACK")
        connection.close()
        assert agent.stop() == 0
    place.require_intact()
