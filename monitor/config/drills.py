"""Declared drills of the inventory's links: windows made absolute, and what is wrong with them."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from checks.scope import RangeScope
from monitor.config.configuration import Drill
from monitor.config.inventory import Inventory, Item
from monitor.config.looks import hosts
from monitor.config.problem import Problem, problem, shown
from monitor.config.schema import DrillEntry, HotspotEntry, LinkEntry, ServiceEntry
from monitor.config.values import literal

HOUR_US = 3_600_000_000
MOST_HOURS = 12
"""A longer window would be a standing permission, not a declared one."""


@dataclass(slots=True, kw_only=True)
class Declaring:
    """Builds the drills of a configuration; one use."""

    inventory: Inventory
    zone: ZoneInfo
    """Of moments that carry no zone of their own."""
    scope: RangeScope
    today: date
    problems: list[Problem]
    warnings: list[Problem]

    def drills(self) -> dict[str, tuple[Drill, ...]]:
        """The windows by link; links without any are left out."""
        found: dict[str, tuple[Drill, ...]] = {}
        for item in self.inventory.of("links"):
            if isinstance(item.entry, LinkEntry) and item.entry.drills:
                made = [
                    self._drill(item, item.entry, position, one)
                    for position, one in enumerate(item.entry.drills)
                ]
                found[item.key] = tuple(one for one in made if one is not None)
        return found

    def _drill(self, item: Item, link: LinkEntry, position: int, one: DrillEntry) -> Drill | None:
        begins, ends = self._moment(one.from_), self._moment(one.until)
        place = item.place("drills", position)
        probe = one.probe or self._first_of(link.site)
        if not self._check_window(item, position, begins, ends):
            return None
        if not probe:
            self.problems.append(problem(place, "drill-probe", name=shown(item.key)))
            return None
        if ends.astimezone(self.zone).date() < self.today:
            values = {"name": shown(item.key), "until": one.until}
            self.warnings.append(
                problem(item.place("drills", position, "until"), "drill-past", **values)
            )
        elif literal(probe) and self.scope.refusal(probe):
            values = {"name": shown(item.key), "address": probe}
            self.warnings.append(problem(place, "outside-scope", **values))
        return Drill(
            link=item.key,
            from_us=_us(begins),
            until_us=_us(ends),
            authorised_by=one.authorised_by,
            letter=one.letter,
            probe=probe,
        )

    def _check_window(self, item: Item, position: int, begins: datetime, ends: datetime) -> bool:
        """Whether the window is one; a problem where it is none, or far too long."""
        place = item.place("drills", position, "until")
        length_us = _us(ends) - _us(begins)
        if length_us <= 0:
            self.problems.append(problem(place, "drill-order", until=ends.isoformat()))
        elif length_us > MOST_HOURS * HOUR_US:
            self.problems.append(problem(place, "drill-long", limit=MOST_HOURS))
        return 0 < length_us <= MOST_HOURS * HOUR_US

    def _first_of(self, site: str) -> str:
        """The first address or name of a site's services, then of its hotspots; empty without."""
        for section in ("services", "hotspots"):
            for item in self.inventory.of(section):
                entry = item.entry
                if not isinstance(entry, ServiceEntry | HotspotEntry) or not entry.enabled:
                    continue
                if entry.site == site and (found := [host for host in hosts(entry) if host]):
                    return found[0]
        return ""

    def _moment(self, text: str) -> datetime:
        """An absolute moment. A time that a zone's clocks show twice means the first one."""
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=self.zone)


def _us(moment: datetime) -> int:
    """UTC microseconds; a window is written in whole seconds."""
    return int(moment.timestamp()) * 1_000_000
