"""A cable of the running city, and what a test can do to it while the daemon runs.

    line = city.cables["dukcapil-fo"]
    line.lose(40)                          # percent, in both directions
    line.lose_every(4, toward="core1")     # exact, in one
    line.blackhole()                       # everything is swallowed, the carrier stays
    line.carrier(False)                    # both ends see the cable cut
    line.mtu_hole(1300)                    # larger packets vanish, and nobody is told
    line.delay(80, jitter_ms=10)           # a `shaped` cable only; also duplicate, reorder, …
    line.heal()

Each cable is a bridge of its own in the namespace `panel`, so that taking its ports there down
looks to both ends as a cut does, and their own interfaces, addresses and routes stay.
"""

import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.lab.city import plan, shaper
from tests.lab.city.eventlog import EventLog
from tests.lab.city.node import Node

_CARRIER_S = 10.0


class CableRefusedError(ValueError):
    """What was asked of a cable cannot be done to it; the text says what to do instead."""


class Line:
    """A cable that stands; made by the `City`.

    Rules: a new setting of one kind replaces the old one of that kind and direction; the call
    returns when it has taken effect; everything is in the event log.
    """

    def __init__(
        self, cable: plan.Cable, number: int, nodes: dict[str, Node], panel: Node, log: EventLog
    ) -> None:
        self.cable, self.name = cable, cable.name
        self._nodes, self._panel, self._log = nodes, panel, log
        self._ports = {end.node: f"c{number}-{i}" for i, end in enumerate(cable.ends)}
        self._bridges = [f"b{number}", f"b{number}x"] if cable.shaped else [f"b{number}"]
        self._taps = [f"t{number}-0", f"t{number}-1"]
        self._matches: dict[str, dict[str, str]] = {end.node: {} for end in cable.ends}
        self._down: set[str] = set()
        self._shaper: subprocess.Popen[bytes] | None = None
        self._bent = False
        self.counts: list[dict[str, int]] = []
        """What the forwarder of a shaped cable said last, by direction."""

    def made_by(self) -> list[str]:
        """What `ip -batch` is told to make the cable."""
        lines = [f"link add {name} netns panel type bridge forward_delay 0 mcast_snooping 0"
                 for name in self._bridges]  # fmt: skip
        for node, port in self._ports.items():
            lines.append(
                f"link add {self.name} netns {node} type veth peer name {port} netns panel"
            )
        return lines

    def joined_by(self) -> list[str]:
        """What `ip -batch` is told in the panel."""
        lines = [f"link set {name} up" for name in self._bridges]
        for number, port in enumerate(self._ports.values()):
            bridge = self._bridges[number if self.cable.shaped else 0]
            lines.append(f"link set {port} master {bridge} up")
        return lines

    def begin_shaping(self) -> None:
        """Start the forwarder of a shaped cable."""
        if not self.cable.shaped:
            return
        seed = str(random.SystemRandom().getrandbits(32))
        self._shaper = self._panel.start(
            *(sys.executable, "-I", str(Path(shaper.__file__)), *self._taps, seed),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._answer()
        joins = zip(self._taps, self._bridges, strict=True)
        self._panel.ip([f"link set {tap} master {bridge} up" for tap, bridge in joins])

    # What can be done to it

    def lose(self, percent: float, toward: str | None = None) -> None:
        """Drop each packet with this chance, in one direction or in each of them."""
        match = f"numgen random mod 1000 < {round(percent * 10)}"
        self._drop("loss", percent, "" if percent >= 100 else match, toward)

    def lose_every(self, n: int, toward: str | None = None) -> None:
        """Drop packets 1, n+1, 2n+1 …: an exact loss of 1/n in a direction."""
        self._drop("loss", 100 / n, f"numgen inc mod {n} 0", toward)

    def blackhole(self, toward: str | None = None) -> None:
        """Swallow every packet, routing's own as well, while the carrier stays."""
        self._drop("blackhole", True, "", toward)

    def mtu_hole(self, mtu: int, toward: str | None = None) -> None:
        """Swallow packets above `mtu` bytes (IP header included); no ICMP tells of it."""
        self._drop("mtu", mtu, f"meta length > {mtu}", toward)

    def carrier(self, up: bool, node: str | None = None) -> None:
        """Cut or mend the cable; with `node`, only its own plug (for a cable with many)."""
        many = node and len(self._ports) > 2
        chosen = [node] if node and many else list(self._ports)
        with self._log.switch("carrier", self.name, up, node if node and many else ""):
            self._set_ports(chosen, up=up)

    def delay(self, ms: float, jitter_ms: float = 0, toward: str | None = None) -> None:
        """Each way takes `ms` and up to `jitter_ms` more; order is kept."""
        self._shape("delay", toward, delay_us=round(ms * 1e3), jitter_us=round(jitter_ms * 1e3))

    def duplicate(self, percent: float, toward: str | None = None) -> None:
        """Send each frame twice with this chance."""
        self._shape("duplicate", toward, duplicate=percent / 100)

    def reorder(self, percent: float, hold_ms: float = 20, toward: str | None = None) -> None:
        """Hold each frame back with this chance for so long that others overtake it."""
        self._shape("reorder", toward, reorder=percent / 100, hold_us=round(hold_ms * 1e3))

    def corrupt(self, percent: float, toward: str | None = None) -> None:
        """Spoil one byte beyond the IP header with this chance."""
        self._shape("corrupt", toward, corrupt=percent / 100)

    def rate(self, kbit: int, toward: str | None = None) -> None:
        """So many kilobits a second; 0: as fast as it goes."""
        self._shape("rate", toward, rate_kbit=kbit)

    def heal(self) -> None:
        """Take everything away that was done to the cable."""
        with self._log.switch("heal", self.name):
            for node, matches in self._matches.items():
                if matches:
                    matches.clear()
                    self._nodes[node].drop(self.name, [])
            if self._down:
                self._set_ports(list(self._ports), up=True)
            if self._bent:
                self._bent = False
                neutral = shaper.Direction()
                names = ("delay_us", "jitter_us", "duplicate", "reorder", "corrupt", "rate_kbit")
                self._tell({name: getattr(neutral, name) for name in names}, None)

    def plugs(self, node: str, *, up: bool) -> list[str]:
        """What `ip` is told in the panel when a node loses its power, or gets it back.

        A cable between two goes dark at both ends; in a network of many only one plug does.
        """
        gone = list(self._ports) if len(self._ports) == 2 else [node]
        word = "up" if up else "down"
        return [f"link set {self._ports[one]} {word}" for one in gone if one not in self._down]

    @property
    def whole(self) -> bool:
        """Whether nothing is done to it now."""
        return not (self._down or self._bent or any(self._matches.values()))

    # How

    def _drop(self, kind: str, value: Any, match: str, toward: str | None) -> None:
        with self._log.switch(kind, self.name, value, toward or ""):
            for node in self._toward(toward):
                self._matches[node][kind] = match
                self._nodes[node].drop(self.name, list(self._matches[node].values()))

    def _toward(self, toward: str | None) -> list[str]:
        if toward is None:
            return list(self._ports)
        if toward not in self._ports:
            raise CableRefusedError(
                f"{self.name} ends at {', '.join(self._ports)}, not at {toward}"
            )
        return [toward]

    def _set_ports(self, nodes: list[str], *, up: bool) -> None:
        word = "up" if up else "down"
        self._panel.ip([f"link set {self._ports[node]} {word}" for node in nodes])
        (self._down.difference_update if up else self._down.update)(nodes)
        # The kernel tells the routes of a changed carrier up to a second later.
        deadline = time.monotonic() + _CARRIER_S
        for node in nodes:
            while self._hears(node) is not up:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{node} did not see {self.name} go {word}")
                time.sleep(0.005)
        if up:  # what they learnt while it was cut is void
            for node in nodes:
                self._nodes[node].run("ip", "neighbour", "flush", "dev", self.name)

    def _hears(self, node: str) -> bool:
        shown = self._nodes[node].run("ip", "-json", "link", "show", self.name).stdout
        return bool(json.loads(shown)[0]["operstate"] == "UP")

    def _shape(self, kind: str, toward: str | None, **settings: float) -> None:
        if self._shaper is None:
            raise CableRefusedError(
                f"{self.name} has no forwarder: raise the city with shaped={{'{self.name}'}}"
            )
        with self._log.switch(kind, self.name, settings, toward or ""):
            self._bent = True
            self._tell(settings, toward)

    def _tell(self, settings: dict[str, float], toward: str | None) -> None:
        assert self._shaper is not None
        assert self._shaper.stdin is not None
        for node in self._toward(toward):
            order = {"toward": list(self._ports).index(node), **settings}
            self._shaper.stdin.write(json.dumps(order).encode() + b"\n")
            self._shaper.stdin.flush()
            self.counts = json.loads(self._answer())

    def _answer(self) -> bytes:
        assert self._shaper is not None
        assert self._shaper.stdout is not None
        line = self._shaper.stdout.readline()
        if not line:
            raise OSError(
                f"the forwarder of {self.name} has ended; its log is in the city's folder"
            )
        return bytes(line)

    def close(self) -> None:
        """End the forwarder; the interfaces go with the city."""
        if self._shaper is not None:
            assert self._shaper.stdin is not None
            assert self._shaper.stdout is not None
            self._shaper.stdin.close()
            self._shaper.stdout.close()
