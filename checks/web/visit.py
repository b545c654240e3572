"""A page as somebody without a name gets it: its redirects, its last reply, its outline."""

import asyncio
import contextlib
from dataclasses import dataclass

from checks.html import Outline, Outliner
from checks.http_request import Place, redirected
from checks.web.fetch import REDIRECTS, Errand, Fetched
from checks.web.fields import content_type
from monitor.model import Fault

_TURN_US = 2_000
"""A page is read for so long before the loop gets its turn; a step more may follow."""
_HTML = frozenset({"", "text/html", "application/xhtml+xml"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Every reply on the way to a page, and the page.

    `outcome`: as of the last reply, or status, not-followed, too-many-redirects, malformed.
    """

    hops: tuple[Fetched, ...]
    outcome: str
    reason: str = ""
    outline: Outline | None = None
    """Of the last reply, where it is HTML that could be read."""
    fault: Fault | None = None
    """Why the last step was not taken; with no hop at all nothing was observed."""

    @property
    def page(self) -> Fetched | None:
        """The last reply, when it is a page and no error of the server."""
        return self.hops[-1] if self.outcome == "ok" else None


async def visit(errand: Errand, where: Place, max_body: int, redirects: int) -> Visit:
    """Ask for a page and follow where it leads, at most so many redirects."""
    hops: list[Fetched] = []
    while True:
        reply = await errand.get(where, max_body)
        if isinstance(reply, Fault):
            reason = reply.kind.value
            return Visit(hops=tuple(hops), outcome="not-followed", reason=reason, fault=reply)
        hops.append(reply)
        if not (reply.ok and reply.status in REDIRECTS and reply.location):
            return await _arrived(hops, errand)
        if len(hops) > redirects:
            return Visit(hops=tuple(hops), outcome="too-many-redirects")
        try:
            where = redirected(reply.place, reply.location)
        except ValueError as error:
            return Visit(hops=tuple(hops), outcome="malformed", reason=f"redirect: {error}"[:255])


async def _arrived(hops: list[Fetched], errand: Errand) -> Visit:
    last = hops[-1]
    if last.ok and last.status is not None and last.status >= 500:
        return Visit(hops=tuple(hops), outcome="status", reason=str(last.status))
    outline = await outlined(last, errand)
    return Visit(hops=tuple(hops), outcome=last.outcome, reason=last.reason, outline=outline)


async def outlined(reply: Fetched, errand: Errand) -> Outline | None:
    """The outline of a reply that is HTML; other work of the loop gets its turn all the while.

    When the time of the errand is over before the page is, the outline says so (`cut`).
    """
    kind, charset = content_type(reply.fields)
    if not reply.readable or kind not in _HTML or not reply.body:
        return None
    outliner = Outliner(reply.body, charset, reply.place.url)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(errand.left_us() / 1e6), errand.reading:
            while True:
                if _read_a_turn(outliner, errand):
                    break
                await asyncio.sleep(0)
    return outliner.outline()


def _read_a_turn(outliner: Outliner, errand: Errand) -> bool:
    """Read on for a moment; True: the page is at its end."""
    until = errand.left_us() - _TURN_US
    while errand.left_us() > until:
        if outliner.step():
            return True
    return False
