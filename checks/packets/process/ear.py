"""One interface: its capture, and who is told of which frame."""

from collections import Counter
from dataclasses import dataclass
from typing import Generic, TypeVar

from checks.packets.process.capture import Capture
from checks.packets.process.filter import Wanted
from checks.packets.process.frames import Advert, Announcement, Bad
from checks.packets.process.group import Group
from checks.packets.process.neighbour import Neighbour
from checks.packets.process.wire import read

BATCH = 32
"""Frames read before the loop may do something else: questions are answered under any flood."""
MOST_BATCHES = 128
"""Read before an answer: more frames than the capture has room for."""

GroupKey = tuple[str, int, int, int]
Key = TypeVar("Key", GroupKey, str)
Subject = TypeVar("Subject", Group, Neighbour)


@dataclass(slots=True)
class _Watch(Generic[Subject]):
    subject: Subject
    until_ns: int


class Ear:
    """What is asked for on one interface; the capture's filter follows it."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self.groups: dict[GroupKey, _Watch[Group]] = {}
        self.neighbours: dict[str, _Watch[Neighbour]] = {}
        self.counts: Counter[tuple[str, str]] = Counter()
        """Bad frames by (protocol, why)."""

    def group(self, key: GroupKey, now_ns: int, until_ns: int) -> Group:
        """The group, listened to from now on at the latest and until `until_ns` at least."""
        return self._watched(self.groups, key, Group(now_ns), until_ns)

    def neighbour(self, address: str, now_ns: int, until_ns: int) -> Neighbour:
        """The neighbour, as `group`."""
        return self._watched(self.neighbours, address, Neighbour(now_ns), until_ns)

    def keep(self, now_ns: int) -> bool:
        """Forget what nobody asked for in time; False when nothing is left."""
        before = len(self.groups) + len(self.neighbours)
        self.groups = {k: v for k, v in self.groups.items() if v.until_ns > now_ns}
        self.neighbours = {k: v for k, v in self.neighbours.items() if v.until_ns > now_ns}
        left = len(self.groups) + len(self.neighbours)
        if left != before:
            self._want()
        return left > 0

    def begin_anew(self, now_ns: int) -> None:
        """What was heard so far has a hole behind it: it does not count any more."""
        for group in self.groups.values():
            group.subject = Group(now_ns)
        for neighbour in self.neighbours.values():
            neighbour.subject.begin_anew(now_ns)

    def catch_up(self) -> None:
        """Take in what waits: a frame that lies unread is no silence. OSError as `receive`."""
        for _ in range(MOST_BATCHES):
            if self.receive() < BATCH:
                return

    def receive(self) -> int:
        """Take in a batch of the frames that wait; how many. OSError when the interface is down."""
        count = 0
        for frame, at_ns, sent in self.capture.receive(BATCH):
            count += 1
            said = read(frame)
            if isinstance(said, Advert):
                group = self.groups.get(said.key)
                if group is not None:
                    group.subject.hear(said, at_ns)
            elif isinstance(said, Announcement):
                neighbour = self.neighbours.get(said.address)
                # This host's own frames claim nothing: only others answer for a neighbour.
                if neighbour is not None and not sent:
                    neighbour.subject.hear(said, at_ns)
            elif isinstance(said, Bad):
                self.counts[said.protocol, said.why] += 1
        return count

    def _watched(
        self, watches: dict[Key, _Watch[Subject]], key: Key, fresh: Subject, until_ns: int
    ) -> Subject:
        watch = watches.get(key)
        if watch is None:
            watch = watches[key] = _Watch(fresh, until_ns)
            self._want()
        watch.until_ns = max(watch.until_ns, until_ns)
        return watch.subject

    def _want(self) -> None:
        protocols = {key[0] for key in self.groups}
        wanted = Wanted(
            vrrp="vrrp" in protocols,
            hsrp="hsrp" in protocols,
            neighbours=frozenset(self.neighbours),
        )
        self.capture.want(wanted)
