"""What this process listens to: interfaces, the groups and neighbours asked for on them.

Enforces: listening begins with the first question and ends when nobody asked for as long as the
question said; time without carrier was not listened to, so everything begins anew behind it; all
tables are bounded, and what finds no room is refused. One thread, on the running loop.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from checks.packets.messages import Hear, Heard, Refused, Reply, Resolve, Resolved
from checks.packets.process.addresses import address_of
from checks.packets.process.capture import Capture, NoEthernetError, NoInterfaceError
from checks.packets.process.ear import Ear
from checks.packets.process.filter import MAX_NEIGHBOURS
from checks.packets.process.neighbour import Neighbour
from checks.packets.process.wire import arp_request, neighbour_solicitation

MAX_INTERFACES = 16
MAX_GROUPS = 64
"""On one interface."""
MAX_LOOKS = 64
"""Questions of `Resolve` under way together."""


class Listener:
    """Answers questions from what it heard. `step` must be called about once a second."""

    def __init__(self, instance: str, boottime_ns: Callable[[], int]) -> None:
        self._instance = instance
        self._boottime_ns = boottime_ns
        self._ears: dict[str, Ear] = {}
        self._looks = 0

    def hear(self, request: Hear) -> Reply:
        """What was heard of a group; listening begins now if it has not."""
        ear = self._ear(request.interface)
        if isinstance(ear, str):
            return Refused(id=request.id, reason=ear)
        key = (request.protocol, request.family, request.version, request.group)
        if key not in ear.groups and len(ear.groups) >= MAX_GROUPS:
            return Refused(id=request.id, reason="busy")
        self._receive(ear.catch_up, ear)
        now_ns = self._boottime_ns()
        group = ear.group(key, now_ns, now_ns + request.keep_us * 1_000)
        return Heard(
            id=request.id,
            instance=self._instance,
            listening_us=(now_ns - group.since_ns) // 1_000,
            speakers=group.speakers(now_ns),
            more_speakers=group.more_speakers,
            changes=group.changes(now_ns),
            both_age_us=group.both_age_us(now_ns),
            malformed=ear.counts[request.protocol, "malformed"],
            wrong_ttl=ear.counts[request.protocol, "wrong_ttl"],
            lost=ear.capture.count_lost(),
        )

    async def resolve(self, request: Resolve) -> Reply:
        """Ask for an address and gather every answer."""
        ear = self._ear(request.interface)
        if isinstance(ear, str):
            return Refused(id=request.id, reason=ear)
        known = request.address in ear.neighbours
        if self._looks >= MAX_LOOKS or (not known and len(ear.neighbours) >= MAX_NEIGHBOURS):
            return Refused(id=request.id, reason="busy")
        now_ns = self._boottime_ns()
        lasts_us = request.count * request.spacing_us + request.window_us
        until_ns = now_ns + (lasts_us + request.keep_us) * 1_000
        neighbour = ear.neighbour(request.address, now_ns, until_ns)
        self._looks += 1
        try:
            return await self._look(request, ear, neighbour)
        finally:
            self._looks -= 1

    def step(self) -> None:
        """Forget what nobody asked for in time; begin anew where there was no carrier."""
        now_ns = self._boottime_ns()
        for name, ear in list(self._ears.items()):
            if not ear.keep(now_ns):
                self._close(name)
            elif not ear.capture.carries():
                ear.begin_anew(now_ns)

    def close(self) -> None:
        """Hear nothing more."""
        for name in list(self._ears):
            self._close(name)

    async def _look(self, request: Resolve, ear: Ear, neighbour: Neighbour) -> Reply:
        look = neighbour.begin()
        try:
            asked = await _ask(ear.capture, request)
            await asyncio.sleep(request.window_us / 1e6)
        finally:
            neighbour.end(look)
        if asked == 0 or not ear.capture.carries():
            return Refused(id=request.id, reason="down")
        now_ns = self._boottime_ns()
        return Resolved(
            id=request.id,
            instance=self._instance,
            listening_us=(now_ns - neighbour.since_ns) // 1_000,
            asked=asked,
            claims=look.claims(now_ns),
            more_claims=look.more,
            announced_age_us=neighbour.announced_age_us(now_ns),
            malformed=ear.counts["neighbour", "malformed"],
            lost=ear.capture.count_lost(),
        )

    def _ear(self, interface: str) -> Ear | str:
        """The open interface, or the reason why there is none."""
        ear = self._ears.get(interface)
        if ear is not None and not ear.capture.same():
            self._close(interface)  # another interface has its name now
            ear = None
        if ear is None:
            opened = self._open(interface)
            if isinstance(opened, str):
                return opened
            ear = opened
        if not ear.capture.carries():
            ear.begin_anew(self._boottime_ns())
            return "down"
        return ear

    def _open(self, interface: str) -> Ear | str:
        if len(self._ears) >= MAX_INTERFACES:
            return "busy"
        try:
            capture = Capture(interface, self._boottime_ns)
        except PermissionError:
            return "permission"
        except NoInterfaceError:
            return "no-interface"
        except NoEthernetError:
            return "no-ethernet"
        except OSError:
            return "busy"  # out of memory, descriptors or filter space
        ear = self._ears[interface] = Ear(capture)
        loop = asyncio.get_running_loop()
        loop.add_reader(capture.fileno(), self._receive, ear.receive, ear)
        return ear

    def _receive(self, take: Callable[[], object], ear: Ear) -> None:
        try:
            take()
        except OSError:  # the interface went down: `step` sees whether it comes back
            ear.begin_anew(self._boottime_ns())

    def _close(self, interface: str) -> None:
        ear = self._ears.pop(interface)
        asyncio.get_running_loop().remove_reader(ear.capture.fileno())
        ear.capture.close()


async def _ask(capture: Capture, request: Resolve) -> int:
    """How many requests left."""
    family = 6 if ":" in request.address else 4
    write = neighbour_solicitation if family == 6 else arp_request
    asked = 0
    for number in range(request.count):
        if number:
            await asyncio.sleep(request.spacing_us / 1e6)
        own = address_of(capture.index, family)
        with suppress(OSError):
            capture.send(write(capture.hardware_address, own, request.address))
            asked += 1
    return asked
