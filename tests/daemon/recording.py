"""A recorder with its plan and a clock of the test's own; commits end when the test says so."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from checks.base import Outcome
from checks.icmp import IcmpEvidence
from checks.redundancy import measured
from monitor.clock import anchor_now
from monitor.config.configuration import Configuration
from monitor.config.loader import load
from monitor.daemon.accumulator import Accumulator
from monitor.daemon.committing import Committing
from monitor.daemon.drafting import Draft
from monitor.daemon.legwatch import LegWatch
from monitor.daemon.plan import Item
from monitor.daemon.recorder import Recorder
from monitor.daemon.registry import Registry
from monitor.daemon.reloading import Reloading
from monitor.daemon.service import Daemon
from monitor.daemon.setup import plan_of, sights_of, subjects_of
from monitor.engine.runner import Result
from monitor.incident import Book
from monitor.model import Act, Fault
from monitor.store.ledger import Commit, Committed
from tests.daemon.place import Place

S = 1_000_000_000


@dataclass
class Recording:
    """The judging half of a daemon: `see` observations, `draft` and `accept` commits."""

    place: Place
    now_ns: int = 1_000 * S
    opened: list[str] = field(default_factory=list)
    """Targets of the incidents that were opened, in order."""
    asked: list[str] = field(default_factory=list)
    """Targets that somebody's verdict waited for, in order."""
    locked: bool = False
    """A commit that is handed over stays under way."""
    requested: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.place.make()
        configuration, self._registry = self._loaded(), Registry("test", [])
        self.plan = plan_of(configuration, self._registry)
        self.recorder = Recorder(
            origin="test.example",
            accumulator=Accumulator(book=Book(), sights=sights_of(configuration)),
            targets=configuration.targets,
            titles=self.plan.titles,
            routes={},
            anchor=anchor_now(self),
            anchor_index=0,
            judging=subjects_of(self.plan),
        )
        self.legs = LegWatch(
            self.plan,
            self.recorder,
            self,
            look=self.asked.extend,
            request=self.requested.append,
        )
        writer: Any = SimpleNamespace(busy=False, write=self._written)
        sender: Any = SimpleNamespace(offer=lambda *_, **__: None)
        self.committing = Committing(
            self.recorder,
            writer,
            sender,
            self,
            look=self.asked.extend,
            committed=lambda: None,
            broken=_broken,
        )
        self._next = 1

    def _loaded(self) -> Configuration:
        return load(self.place.configuration, date(2026, 1, 1))

    def reload(self) -> None:
        """Take in what the place has become."""
        self.place.write()
        daemon: Any = SimpleNamespace(
            plan=self.plan,
            key=self.plan.configuration.agent.key,
            clock=self,
            now_us=lambda: self.recorder.anchor.wall_at(self.now_ns),
            recorder=self.recorder,
            legs=self.legs,
            sender=SimpleNamespace(configure=lambda _: None),
            runner=SimpleNamespace(replace=lambda _: None),
        )
        scope: Any = SimpleNamespace(put=lambda _: None)
        Reloading(daemon, self._registry, scope, lambda: None).apply(self._loaded())
        self.plan = daemon.plan

    def wall_us(self) -> int:
        """See `monitor.clock.Clock`."""
        return 10**15 + self.now_ns // 1_000

    def boottime_ns(self) -> int:
        """See `monitor.clock.Clock`."""
        return self.now_ns

    def boot_id(self) -> str:
        """See `monitor.clock.Clock`."""
        return "boot"

    def item(self, target: str, check: str = "icmp", family: int = 4) -> Item:
        """One series."""
        return self.plan.items[target, check, family]

    def see(self, item: Item, answers: bool, *, fault: Fault | None = None) -> None:
        """One observation of an icmp series, now; `fault`: instead of one."""
        evidence = None if fault else IcmpEvidence(delays_us=(100 if answers else None,) * 5)
        outcome = Outcome(started_ns=self.now_ns, elapsed_us=1, evidence=evidence, fault=fault)
        self._take(item, outcome)

    def look(self, site: str) -> None:
        """The check `redundancy` looks at a site, now."""
        item, net = self.item(site, "redundancy", 0), SimpleNamespace(legs=self.legs.of_site)
        found = measured(net, item.assignment)  # type: ignore[arg-type]
        evidence, fault = (None, found) if isinstance(found, Fault) else (found, None)
        self._take(
            item,
            Outcome(started_ns=self.now_ns, elapsed_us=0, evidence=evidence, fault=fault),
        )

    def _take(self, item: Item, outcome: Outcome) -> None:
        daemon: Any = SimpleNamespace(plan=self.plan, recorder=self.recorder, legs=self.legs)
        Daemon.take(daemon, Result(0, item.assignment, outcome.started_ns, outcome))

    def pass_s(self, seconds: float) -> None:
        """Time goes on."""
        self.now_ns += int(seconds * S)

    def draft(self) -> Draft | None:
        """The next commit, under way until `accept`."""
        return self.recorder.draft(self.wall_us(), self.boottime_ns())

    def accept(self, draft: Draft | None) -> None:
        """The commit succeeded."""
        if draft is not None:
            self.recorder.accept(draft, self._committed(draft), anchor_now(self))

    def commit(self) -> None:
        """The daemon's second hand, with a commit that succeeds at once unless `locked`."""
        self.committing.step()

    def _written(self, commit: Commit, told: Callable[[Committed], None]) -> None:
        draft = self.committing._draft
        assert draft is not None
        if not self.locked:
            told(self._committed(draft))

    def _committed(self, draft: Draft) -> Committed:
        self.opened += [s.target for _, s in draft.proposal.steps if s.act is Act.OPENED]
        first, self._next = self._next, self._next + len(draft.commit.entries)
        rest: dict[str, Any] = {"root": b"", "note": b"", "unsigned": "", "outbox": ()}
        return Committed(first=first, size=self._next, **rest)


def _broken(error: Exception) -> None:
    raise error


def links(root: Path, addresses: dict[str, str], **more: Any) -> Place:
    """Links of one site, judged by the pack `availability`."""
    place = Place(root=root, sites={"office": {}}, **more)
    place.agent = {
        "packs": ["availability"],
        "scope": [
            {
                "network": "192.0.2.0/24",
                "authorised_by": "t",
                "letter": "1",
                "until": "2099-12-31",
            }
        ],
    }
    for key, address in addresses.items():
        place.links[key] = {"site": "office", "role": "primary", "address": address}
    return place


def two_legs(root: Path) -> Place:
    """A site with a primary and a backup, judged by the pack `redundancy` too."""
    place = links(root, {"fo": "192.0.2.1", "lte": "192.0.2.2"})
    place.links["lte"]["role"] = "backup"
    place.agent["packs"].append("redundancy")
    return place
