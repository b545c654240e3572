"""A configuration, a ledger and an agent's voice for the tests of the command line."""

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from monitor.daemon.control import Answer, ControlError, ControlServer
from monitor.ledger.keys import write_vkeys
from tests.cli.running_command import Inside
from tests.daemon.place import Place
from tests.store import building


@pytest.fixture(autouse=True)
def spoken_english(monkeypatch: pytest.MonkeyPatch) -> None:
    """English, whatever the machine speaks; what a command sets is undone."""
    monkeypatch.setenv("SASANDO_LANG", "en")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def inside(capsys: pytest.CaptureFixture[str]) -> Inside:
    """The command inside this process."""
    return Inside(capsys)


@pytest.fixture
def place() -> Iterator[Place]:
    """A valid configuration with three links, in a directory with a short name."""
    with tempfile.TemporaryDirectory(prefix="sasando-cli-") as name:
        made = Place(Path(name))
        made.agent = {"origin": building.ORIGIN, "vantage": "kupang"}
        made.links = {
            f"link-{n}": {"site": "core", "address": f"127.0.0.{n + 1}"} for n in (0, 1, 2)
        }
        made.make()
        write_vkeys(made.configuration / "trust" / "log.vkey", [building.KEY.verifier])
        yield made


@pytest.fixture
def recorded(place: Place) -> Place:
    """The same with a ledger of every kind of entry."""
    place.state.mkdir()
    place.mark.parent.mkdir()
    with building.ledger_at(place.url, place.mark) as ledger:
        building.rich(ledger)
    return place


Speak = Callable[[Mapping[str, Any]], None]


@pytest.fixture
def speak(place: Place) -> Iterator[Speak]:
    """Lets an agent answer on the control socket of `place`: command → result or ControlError."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers: list[ControlServer] = []

    def begin(results: Mapping[str, Any]) -> None:
        server = ControlServer(place.control, {n: _answer(r) for n, r in results.items()})
        servers.append(server)
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)

    yield begin
    for server in servers:
        asyncio.run_coroutine_threadsafe(server.close(5), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def _answer(result: Any) -> Answer:
    async def answer(request: Mapping[str, Any], author: str) -> Any:
        if isinstance(result, ControlError):
            raise result
        return result(request) if callable(result) else result

    return answer
