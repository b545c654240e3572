"""The command with which a person plays with the city."""

import os
import signal
import subprocess
import sys

import pytest

from tests.lab.city.city import City
from tests.lab.city.console import UnknownOrderError, obey
from tests.lab.parts import need_city

pytestmark = pytest.mark.lab
_ARGV = [sys.executable, "-m", "tests.lab.city"]


def test_a_person_breaks_a_link_and_sees_the_alert() -> None:
    """`break` at the prompt leads to the daemon's alert on the screen; `quit` ends all of it."""
    need_city()
    with subprocess.Popen(
        [*_ARGV, "watch", "--for", "100"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdin is not None
        assert command.stdout is not None
        _tell(command, "the daemon watches", "break dukcapil-fo\n")
        _tell(command, "alert: [CRITICAL] dukcapil-fo", "quit\n")
        assert command.wait(60) == 0


def _tell(command: "subprocess.Popen[str]", heard: str, order: str) -> None:
    """Give an order once a line with this text was printed; the test's own time bounds it."""
    assert command.stdin is not None
    assert command.stdout is not None
    line = next((line for line in command.stdout if heard in line), "")
    assert line, f"{heard!r} was never printed"
    command.stdin.write(order)
    command.stdin.flush()


def test_the_map_needs_no_rights() -> None:
    """`map` prints the map and the orders and raises nothing."""
    done = subprocess.run([*_ARGV, "map"], capture_output=True, text=True, timeout=60, check=True)
    assert "dukcapil-fo" in done.stdout
    assert "heal" in done.stdout


def test_it_ends_by_itself() -> None:
    """`--for` bounds a city that nobody talks to."""
    need_city()
    with subprocess.Popen([*_ARGV, "raise", "--for", "0.2"], stdin=subprocess.PIPE) as command:
        assert command.wait(60) == 0


def test_it_ends_at_an_interrupt() -> None:
    """Ctrl-C ends the command in order."""
    need_city()
    with subprocess.Popen(
        [*_ARGV, "raise", "--for", "60"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as command:
        assert command.stdout is not None
        assert b"internet" in command.stdout.readline()
        os.kill(command.pid, signal.SIGINT)
        assert command.wait(60) == 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("explode core1", "explode: not known; try help"),
        ("break", "break takes 1 to 1 words"),
        ("break kupang-fo", "kupang-fo: the map has"),
        ("loss dukcapil-fo much", "could not convert string to float"),
        ("kill internet", "internet: the map has"),
    ],
)
def test_an_order_that_cannot_be_says_what_can(city: City, line: str, told: str) -> None:
    """A wrong word, count, name or number is an error with the remedy, and changes nothing."""
    before = city.log.events
    with pytest.raises(UnknownOrderError, match=told):
        obey(city, line)
    assert city.log.events == before


def test_orders_reach_the_city(city: City) -> None:
    """Each order ends up in the log of what was done."""
    for line in ("loss dukcapil-4g 40", "hole dukcapil-fo 1300", "heal dukcapil-4g", "stop dns"):
        assert obey(city, line) == f"done: {line}"
    assert [event.what for event in city.log.events[-4:]] == ["loss", "mtu", "heal", "server"]
