"""What is done to the city, act by act, and how long the agent is given to notice.

Each act ends as soon as it was noticed; one that is not noticed in time ends anyhow, and the
outcome says what was missing.
"""

import asyncio
import time
from collections.abc import Callable

from monitor.demo.processes import City
from monitor.demo.screen import Screen
from monitor.demo.watch import Watch
from monitor.text import Language, say

STORY_S = 70.0
"""From the start of the demo to the end of its last act."""
ACT_S = 20.0
READING_S = 2.0
"""Between two acts, so that a person can follow."""
DYING = "antrean"
CUT = ("oebobo-fo", "oebobo-lte")
BEHIND = "fatululi-fo"
STANDING = (
    ("perizinan", "tls-not-expired"),
    ("kinerja", "page-in-time"),
    ("dns-2", "name-resolves"),
)
"""Faults that are there from the start, and the rules that find them."""
INNOCENT = ("gateway", "core-fo", "website", "dns-1", "taman-nostalgia", BEHIND)
"""Nothing is ever wrong with these, or nothing that could be held against them."""


class Story:
    """Plays the acts in order."""

    def __init__(
        self, city: City, watch: Watch, screen: Screen, lang: Language, deadline: float
    ) -> None:
        self._city = city
        self._watch = watch
        self._screen = screen
        self._lang = lang
        self._deadline = deadline

    async def play(self) -> None:
        """All acts."""
        watch = self._watch
        await self._act("standing", lambda: all(watch.opened(*one) for one in STANDING))
        await self._city.order("down", DYING)
        await self._act("down", lambda: watch.opened(DYING) and watch.alerted(DYING, "failure"))
        await self._city.order("up", DYING)
        await self._act("up", lambda: watch.closed(DYING) and watch.alerted(DYING, "success"))
        await self._city.order("down", *CUT, BEHIND)
        await self._act("cut", lambda: all(map(watch.opened, CUT)) and watch.unreachable(BEHIND))
        await self._city.order("up", *CUT, BEHIND)
        await self._act(
            "mended", lambda: all(map(watch.closed, CUT)) and not watch.unreachable(BEHIND)
        )

    async def _act(self, name: str, noticed: Callable[[], bool]) -> None:
        self._screen.event("city", say(f"demo.act-{name}", self._lang))
        since = time.monotonic()
        if await self._watch.until(noticed, min(ACT_S, max(0.0, self._deadline - since))):
            seconds = f"{time.monotonic() - since:.1f}"
            self._screen.event("city", say("demo.noticed", self._lang, seconds=seconds))
        else:
            self._screen.event("city", say("demo.unnoticed", self._lang))
        await asyncio.sleep(READING_S)
