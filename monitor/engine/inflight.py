"""How many probes may be under way: towards one network, and in all. Pure.

A network is a /24 (IPv4) or /48 (IPv6) of a literal address, else the name itself. A probe that
finds no room waits in its network's queue, first come, first served; networks take turns. A slot
is under way or waiting at most once. If it comes due again meanwhile, one round is lost, and the
caller learns which: the old one where it was still waiting, the new one where it is under way.
"""

from collections import OrderedDict, deque
from enum import Enum
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from checks.base import Assignment


class Entry(Enum):
    """What became of a slot that came due."""

    QUEUED = "queued"
    """It will be given by `admitted`."""
    REPLACED = "replaced"
    """It was still waiting from its last round, which is lost; it keeps its place in the queue."""
    BUSY = "busy"
    """Its last probe is still under way: this round is lost."""


class Inflight:
    """Counts and queues; knows no time. Slots and networks are the caller's own values."""

    def __init__(self, *, per_network: int, total: int) -> None:
        self._per_network, self._total = per_network, total
        self._running: dict[int, str] = {}
        self._load: dict[str, int] = {}
        self._waiting: dict[int, str] = {}
        self._queues: OrderedDict[str, deque[int]] = OrderedDict()

    @property
    def running(self) -> int:
        """Probes under way."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Probes that find no room yet."""
        return len(self._waiting)

    def enter(self, slot: int, network: str) -> Entry:
        """A slot is due."""
        if slot in self._running:
            return Entry.BUSY
        if slot in self._waiting:
            return Entry.REPLACED
        self._waiting[slot] = network
        self._queues.setdefault(network, deque()).append(slot)
        return Entry.QUEUED

    def admitted(self) -> list[int]:
        """Every slot for which there is room now; they are under way from here on."""
        started: list[int] = []
        for network in list(self._queues):
            if len(self._running) >= self._total:
                break
            queue = self._queues[network]
            room = self._per_network - self._load.get(network, 0)
            count = min(room, len(queue), self._total - len(self._running))
            for _ in range(count):
                slot = queue.popleft()
                del self._waiting[slot]
                self._running[slot] = network
                started.append(slot)
            if count > 0:
                self._load[network] = self._load.get(network, 0) + count
                self._queues.move_to_end(network)
            if not queue:
                del self._queues[network]
        return started

    def finish(self, slot: int) -> None:
        """The probe of this slot is over."""
        network = self._running.pop(slot)
        self._load[network] -= 1
        if not self._load[network]:
            del self._load[network]

    def forget_waiting(self) -> list[int]:
        """Empty the queues; the slots that were in them."""
        slots = list(self._waiting)
        self._waiting.clear()
        self._queues.clear()
        return slots


def network_of(assignment: Assignment) -> str:
    """The network that an assignment's packets go to, as `Inflight` counts it."""
    settings = assignment.settings
    for name in ("address", "server", "url"):
        place = getattr(settings, name, None)
        if isinstance(place, str) and place:
            return _network(place)
    return f"target {assignment.target}"


def _network(place: str) -> str:
    host = urlsplit(place if "://" in place else f"//{place}").hostname if _ported(place) else place
    host = (host or place).split("%")[0]
    try:
        address = ip_address(host)
    except ValueError:
        return host.lower()
    return str(ip_network((address, 24 if address.version == 4 else 48), strict=False))


def _ported(place: str) -> bool:
    """Whether this is more than a bare host: a URL, `host:port` or `[address]:port`."""
    return "://" in place or place.startswith("[") or place.count(":") == 1
