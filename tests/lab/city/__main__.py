"""The lab's city for a person: raise it, let Sasando watch it, break it, see what it says.

    make lab                              # or: python -m tests.lab.city watch
    python -m tests.lab.city watch --routing ospf --shaped dukcapil-fo --for 300
    python -m tests.lab.city raise        # without the daemon
    python -m tests.lab.city map

Needs root. Orders come on standard input (`help` lists them); it ends with `quit`, at the end of
standard input, at Ctrl-C or after `--for` seconds, and leaves nothing behind.
"""

import argparse
import io
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from monitor.daemon.control import ControlError, NoDaemonError
from tests.lab.city import plan
from tests.lab.city.agent import CityAgent, configuration, webhook
from tests.lab.city.cable import CableRefusedError
from tests.lab.city.city import City
from tests.lab.city.console import HELP, UnknownOrderError, obey, picture
from tests.lab.receivers import Webhook

_LOOK_S = 0.5


class Eye:
    """Prints what is new in the daemon's answer and at the webhook."""

    def __init__(self, agent: CityAgent, hook: Webhook) -> None:
        self._agent, self._hook = agent, hook
        self._states: dict[tuple[str, str], str] = {}
        self._labels: set[tuple[str, str]] = set()
        self._told = 0

    def look(self) -> None:
        """One look; a daemon that has ended is said and shown."""
        for message in self._hook.received[self._told :]:
            _say(f"alert: {message.title}")
            self._told += 1
        try:
            now = self._agent.now()
        except (NoDaemonError, ControlError):
            if self._agent.process.poll() is not None:
                raise SystemExit(f"the daemon has ended:\n{self._agent.told()}") from None
            return
        self._compare(now)

    def _compare(self, now: dict[str, Any]) -> None:
        states = {(s["target"], s["check"]): str(s["state"]) for s in now["series"]}
        for (target, check), state in sorted(states.items()):
            before = self._states.get((target, check))
            if before not in (None, state):
                _say(f"state: {target} ({check}) {before} → {state}")
        labels = {(label["label"], label["target"]) for label in now["labels"]}
        for label, target in sorted(labels - self._labels):
            _say(f"label: {target} is {label}")
        for label, target in sorted(self._labels - labels):
            _say(f"label: {target} is {label} no more")
        self._states, self._labels = states, labels


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


@contextmanager
def _agent_in(city: City) -> Iterator[Eye]:
    with webhook(city) as hook, TemporaryDirectory(prefix="sd-") as name:
        place = configuration(city, Path(name), hook.url())
        with CityAgent(city, place) as agent:
            agent.ready()
            _say(f"the daemon watches; sasando now -c {place.configuration}")
            yield Eye(agent, hook)
            if agent.process.poll() is None:
                agent.stop()


def _listen(city: City, eye: Eye | None, until: float) -> None:
    orders = io.FileIO(0, closefd=False)  # unbuffered: select must see every line
    while time.monotonic() < until:
        if eye is not None:
            eye.look()
        ready, _, _ = select.select(
            [orders.fileno()], [], [], min(_LOOK_S, until - time.monotonic())
        )
        if ready:
            line = orders.readline().decode(errors="replace")
            if not line or line.strip() == "quit":
                return
            _answer(city, line.strip())


def _answer(city: City, line: str) -> None:
    if not line:
        return
    texts = {"help": lambda: HELP, "map": lambda: picture(city), "events": city.log.dump}
    try:
        _say(texts[line]() if line in texts else obey(city, line))
    except (UnknownOrderError, CableRefusedError, TimeoutError) as error:
        _say(f"not done: {error}")


def _arguments(argv: list[str]) -> argparse.Namespace:
    whole = argparse.ArgumentParser(
        prog="python -m tests.lab.city",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = whole.add_subparsers(dest="command", required=True)
    commands.add_parser("map", help="print the map and the orders; raises nothing")
    for name, text in (("raise", "the city alone"), ("watch", "the city and Sasando in it")):
        one = commands.add_parser(name, help=text)
        one.add_argument("--routing", choices=("static", "ospf"), default="static")
        one.add_argument("--shaped", action="append", default=[], metavar="CABLE",
                         help="a cable that can delay, double and reorder; repeatable")  # fmt: skip
        one.add_argument("--shared", default="", choices=("", *plan.OFFICES), metavar="OFFICE",
                         help="an office whose legs meet in one router")  # fmt: skip
        one.add_argument("--for", dest="seconds", type=float, default=3_600.0, metavar="SECONDS",
                         help="end by itself after so long (default: an hour)")  # fmt: skip
    return whole.parse_args(argv)


def main(argv: list[str]) -> None:
    """Run the command; SystemExit says what is wrong."""
    given = _arguments(argv)
    if given.command == "map":
        print(plan.__doc__, HELP, sep="\n")
        return
    try:
        city = City(routing=given.routing, shaped=given.shaped, shared=given.shared)
        with city:
            print(picture(city), HELP, sep="\n\n", flush=True)
            until = time.monotonic() + given.seconds
            if given.command == "raise":
                _listen(city, None, until)
                return
            with _agent_in(city) as eye:
                _listen(city, eye, until)
    except KeyboardInterrupt:
        return
    except (OSError, ValueError) as error:
        raise SystemExit(f"the city cannot stand: {error}") from None


if __name__ == "__main__":
    main(sys.argv[1:])
