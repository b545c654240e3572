"""`sasando drill`: a declared failover measurement, from the request to the signed entry.

Order: refuse what is not declared, not open or out of scope (logged, and an entry `drill-refused`)
→ commit `drill-begun` → look at the way, then send ten numbered singletons a second → commit
`drill` with the figures and the raw singletons. A crash between the two entries leaves the first
one alone: that a drill was begun cannot be hidden by killing the agent.

The regular observations go on, and the SLA's time runs on: a drill is no maintenance.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from checks.address import locate
from monitor.config.configuration import Drill
from monitor.daemon.control import ControlError, Listener
from monitor.daemon.drill_run import Running
from monitor.daemon.drill_show import shown
from monitor.daemon.ondemand import REASON_LIMIT
from monitor.daemon.shared import Shared
from monitor.ledger.entry import OperatorAct
from monitor.model import Family, Fault, FaultKind, Kind
from monitor.nearest import unknown

LEAST_US = 1_000_000
MOST_US = 1_800_000_000
LOCATE_S = 10.0
APPEND_S = 30.0
_log = structlog.get_logger("sasando.drill")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a `drill` asks for; every text is one that an entry can hold."""

    link: str
    for_us: int
    most_us: int | None
    """The longest gap that is allowed."""
    reason: str
    hook: bool
    """Whether the client runs a command that triggers the failover: told, not proven."""


def asked_of(request: Mapping[str, Any]) -> Asked:
    """The request, with its types and bounds made sure of; ControlError("cli.request")."""
    link, reason, hook = request.get("link"), request.get("reason", ""), request.get("hook", False)
    for_us, most_us = request.get("for_us"), request.get("most_us")
    if not isinstance(link, str) or not isinstance(reason, str) or not isinstance(hook, bool):
        raise ControlError("cli.request")
    if type(for_us) is not int or not LEAST_US <= for_us <= MOST_US:
        raise ControlError("cli.request")
    if most_us is not None and (type(most_us) is not int or not 0 <= most_us <= MOST_US):
        raise ControlError("cli.request")
    try:
        (link + reason).encode()
    except UnicodeEncodeError:  # JSON can bring half a surrogate pair
        raise ControlError("cli.request") from None
    return Asked(link=link, for_us=for_us, most_us=most_us, reason=reason[:REASON_LIMIT], hook=hook)


class Drills:
    """Every drill of one daemon: one at a time."""

    def __init__(self, daemon: Shared) -> None:
        self._daemon = daemon
        self._under_way = ""

    async def answer(self, request: Mapping[str, Any], author: str, listener: Listener) -> Any:
        """Measure, append both entries, answer with the result; ControlError for a refusal."""
        asked = asked_of(request)
        self._require_link(asked.link)
        drill = self._declared(asked, author)
        if self._under_way:
            raise ControlError("drill.busy", link=self._under_way)
        self._under_way = asked.link
        try:
            address = await self._address(asked, drill, author)
            self._daemon.entries.require_writing()
            return await self._carried_out(asked, drill, address, author, listener)
        finally:
            self._under_way = ""

    def _require_link(self, name: str) -> None:
        configuration = self._daemon.plan.configuration
        target = configuration.targets.get(name)
        links = [key for key, t in configuration.targets.items() if t.kind is Kind.LINK]
        if target is None or target.kind is not Kind.LINK:
            code, told = unknown("drill.no-link", name, links)
            raise ControlError(code, **told)

    def _declared(self, asked: Asked, author: str) -> Drill:
        """The declaration whose window is open now."""
        configuration = self._daemon.plan.configuration
        drills = configuration.drills.get(asked.link, ())
        if not drills:
            raise self._refused(asked, author, "drill.undeclared", link=asked.link)
        now_us = self._daemon.clock.wall_us()
        for drill in drills:
            if drill.open_at(now_us):
                return drill
        coming = [drill for drill in drills if drill.from_us > now_us]
        if not coming:
            until = self._spoken(max(drill.until_us for drill in drills))
            raise self._refused(asked, author, "drill.over", link=asked.link, until=until)
        nearest = min(coming, key=lambda drill: drill.from_us)
        raise self._refused(
            asked,
            author,
            "drill.early",
            link=asked.link,
            begins=self._spoken(nearest.from_us),
            until=self._spoken(nearest.until_us),
        )

    def _spoken(self, at_us: int) -> str:
        """A moment in the city's zone."""
        zone = self._daemon.plan.configuration.agent.timezone
        moment = datetime.fromtimestamp(at_us // 1_000_000, zone)
        return moment.isoformat(sep=" ", timespec="minutes")

    async def _address(self, asked: Asked, drill: Drill, author: str) -> str:
        """The one address that is probed all along; refused where the scope does not admit it."""
        place: asyncio.Future[str | Fault | None] = self._daemon.loop.create_future()

        def located(found: str | Fault | None) -> None:
            if not place.done():
                place.set_result(found)

        locate(self._daemon.probers.net, drill.probe, Family.NONE, located)
        try:
            found = await asyncio.wait_for(place, LOCATE_S)
        except TimeoutError:
            found = None
        if isinstance(found, str):
            return found
        cause = found.message if found else f"{drill.probe} has no address"
        if found is not None and found.kind is FaultKind.SCOPE:
            raise self._refused(asked, author, "drill.scope", cause=cause)
        raise ControlError("drill.no-address", name=drill.probe, cause=cause)

    def _refused(self, asked: Asked, author: str, code: str, **values: str | int) -> ControlError:
        """The refusal, logged and on its way into the ledger; nothing was probed."""
        _log.warning("drill-refused", link=asked.link, author=author, why=code)
        with suppress(ControlError):  # the refusal stands, whether or not it can be written
            self._daemon.entries.require_writing()
            detail = {"link": asked.link, "why": code}
            self._daemon.recorder.add(self._act("drill-refused", author, asked, detail))
        return ControlError(code, **values)

    def _act(self, act: str, author: str, asked: Asked, detail: Mapping[str, Any]) -> OperatorAct:
        at_us = self._daemon.now_us()
        return OperatorAct(
            act=act, author=author, reason=asked.reason, at_us=at_us, detail=dict(detail)
        )

    async def _carried_out(
        self, asked: Asked, drill: Drill, address: str, author: str, listener: Listener
    ) -> Any:
        declared = {
            "link": asked.link,
            "address": address,
            "from_us": drill.from_us,
            "until_us": drill.until_us,
            "authorised_by": drill.authorised_by,
            "letter": drill.letter,
            "for_us": asked.for_us,
            "most_us": asked.most_us,
            "hook": asked.hook,
        }
        begun = await self._daemon.entries.appended(
            self._act("drill-begun", author, asked, declared), {}
        )
        _log.info("drill-begun", link=asked.link, author=author, entry=begun)
        running = Running(
            daemon=self._daemon, for_us=asked.for_us, drill=drill, address=address, told=listener
        )
        try:
            await running.measure()
        finally:
            # Also when the request is cancelled (the daemon stops) or a defect ends it: what was
            # measured so far goes into the next commit, whether or not somebody waits for it.
            detail, records = running.result()
            act = self._act("drill", author, asked, {**declared, "begun": begun, **detail})
            index = self._added(act, records)
        _log.info("drill-ended", link=asked.link, outcome=detail["outcome"], ended=detail["ended"])
        try:
            return shown(act, await asyncio.wait_for(index, APPEND_S))
        except TimeoutError:  # it may still be committed; the measurement is worth telling
            return shown(act, None)

    def _added(self, act: OperatorAct, records: Mapping[bytes, bytes]) -> asyncio.Future[int]:
        """The act for the next commit; its index once it is there."""
        index: asyncio.Future[int] = self._daemon.loop.create_future()

        def told(position: int) -> None:
            if not index.done():
                index.set_result(position)

        self._daemon.recorder.add(act, records, told)
        return index
