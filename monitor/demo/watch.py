"""What an operator sees: the agent's answers on its control socket, and the alerts that arrive.

Everything the demo claims at its end rests on what is kept here, not on what was done to the city.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from monitor.daemon.control import ControlError, NoDaemonError, ask
from monitor.demo.inbox import Received
from monitor.demo.screen import Screen
from monitor.text import Language, catalogue, say

EVERY_S = 0.3
_ASK_S = 10.0
_INCIDENTS = 200
_NO_NOTE = frozenset({"icmp.raw-socket"})
"""Notes that need no remedy."""
_LABELS = {"unreachable": ("unreachable", "label"), "single-leg": ("note", "leg")}
"""How the beginning of a label is shown, and its text; "-ended" is that of its end."""


class Watch:
    """Asks, remembers, and tells the screen what is new."""

    def __init__(self, control: Path, lang: Language, screen: Screen) -> None:
        self.incidents: dict[int, Mapping[str, Any]] = {}
        self.labels: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.labels_ever: set[tuple[str, str]] = set()
        self.messages: dict[str, Received] = {}
        """Alerts by their id: a repetition is no second one."""
        self.series: list[Mapping[str, Any]] = []
        self._control = control
        self._lang = lang
        self._screen = screen
        self._notes: set[str] = set()
        self._unshown: list[Received] = []
        self._changed = asyncio.Event()

    def name(self, target: str) -> str:
        """What people call a target."""
        names = (str(one["name"]) for one in self.series if one["target"] == target)
        return next(names, target)

    def opened(self, target: str, rule: str = "") -> bool:
        """Whether an incident of this target was seen."""
        return any(
            one["target"] == target and rule in ("", one["rule"]) for one in self.incidents.values()
        )

    def closed(self, target: str) -> bool:
        """Whether an incident of this target was seen to end in recovery."""
        return any(
            one["target"] == target and one["act"] == "closed" for one in self.incidents.values()
        )

    def alerted(self, target: str, *kinds: str) -> bool:
        """Whether an alert of one of these kinds arrived for this target."""
        name = self.name(target)
        return any(one.kind in kinds and name in one.title for one in self.messages.values())

    def unreachable(self, target: str) -> bool:
        """Whether the target is labelled unreachable now."""
        return ("unreachable", target) in self.labels

    def receive(self, message: Received) -> None:
        """An alert arrived; it is shown after its incident, at the next look."""
        if message.id not in self.messages:
            self.messages[message.id] = message
            self._unshown.append(message)

    async def run(self) -> None:
        """Look until cancelled; an agent that does not answer once is asked again."""
        while True:
            with contextlib.suppress(NoDaemonError, ControlError):
                await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Ask once."""
        now = await asyncio.to_thread(ask, self._control, "now", _ASK_S)
        found = await asyncio.to_thread(ask, self._control, "incidents", _ASK_S, limit=_INCIDENTS)
        self.series = now["series"]
        for one in reversed(found):
            self._take(one)
        arrived, self._unshown = self._unshown, []
        for message in arrived:
            self._screen.event("alert", message.title)
        self._take_labels(now["labels"])
        self._screen.table(self.series, self.labels)
        for note in now["notes"]:
            if note not in self._notes and note not in _NO_NOTE:
                self._screen.event("note", _spoken(note, self._lang))
            self._notes.add(note)
        self._changed.set()

    async def until(self, seen: Callable[[], bool], limit_s: float) -> bool:
        """Wait for something to be seen; False when it was not in time."""
        try:
            async with asyncio.timeout(limit_s):
                while not seen():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return seen()
        return True

    def _take(self, one: Mapping[str, Any]) -> None:
        before = self.incidents.get(one["id"])
        self.incidents[one["id"]] = one
        values = {"name": self.name(one["target"]), "rule": f"{one['policy']}/{one['rule']}"}
        if before is None:
            why = "; ".join(one["reasons"]) or "–"
            self._screen.event("breach", say("demo.opened", self._lang, **values, why=why))
        if one["act"] == "closed" and (before is None or before["act"] != "closed"):
            self._screen.event("recovery", say("demo.closed", self._lang, **values))

    def _take_labels(self, listed: list[Mapping[str, Any]]) -> None:
        labels = {(one["label"], one["target"]): one for one in listed}
        for key, one in labels.items():
            if key not in self.labels:
                self._tell_label("", one)
        for key, one in self.labels.items():
            if key not in labels:
                self._tell_label("-ended", one)
        self.labels_ever |= set(labels)
        self.labels = labels

    def _tell_label(self, what: str, one: Mapping[str, Any]) -> None:
        """`what` is "" for a label that begins, "-ended" for one that does not stand any more."""
        event, text = _LABELS.get(one["label"], ("note", ""))
        if not text:
            self._screen.event(event, f"{one['label']}: {one['target']} ({one['cause']})")
            return
        cause = ", ".join(self.name(target) for target in str(one["cause"]).split(","))
        told = say(f"demo.{text}{what}", self._lang, name=self.name(one["target"]), cause=cause)
        self._screen.event(event, told)


def _spoken(note: str, lang: Language) -> str:
    """A note of a prober: a key of the texts where there is one."""
    area, _, name = note.partition(".")
    try:
        return catalogue(lang, area).get(name, note)
    except FileNotFoundError:
        return note
