"""Entries of what people say of time and of messages, and of what was held back for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from monitor.ledger.record import MAX_INTERVAL_US, Record
from monitor.text import Reason

MAX_SILENCE_US = 31 * 86_400_000_000
HOLD_CAUSES = ("silence", "maintenance")
EXCLUSION_CAUSES = ("power", "force-majeure", "upstream", "customer", "other")
"""Power failure at the site, an act of nature, a network outside the contract, the customer's own
doing, another one that the reason tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceDeclared(Record):
    """Work on targets, told before it begins: its time leaves the base of availability.

    A notice that begins before it was given is no entry: nobody can declare the past.
    """

    CODE: ClassVar[int] = 12
    targets: tuple[str, ...]
    since_us: int
    until_us: int
    author: str
    reason: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        if not self.since_us < self.until_us <= self.since_us + MAX_INTERVAL_US:
            span = {"since": self.since_us, "until": self.until_us}
            return Reason("entry.maintenance-span", span)
        if self.since_us < self.at_us:
            told = {"since": self.since_us, "at": self.at_us}
            return Reason("entry.maintenance-past", told)
        if not 0 < len(self.targets) == len(set(self.targets)):
            return Reason("entry.targets")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceCut(Record):
    """A declared maintenance ends earlier, or does not take place; never later, never in the past.

    `maintenance` is the index of its declaration.
    """

    CODE: ClassVar[int] = 13
    maintenance: int
    until_us: int
    author: str
    reason: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.until_us < self.at_us:
            return Reason("entry.end-past", {"until": self.until_us, "at": self.at_us})
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionProposed(Record):
    """Somebody says that an outage is not the provider's: its time shall leave the base.

    It counts once another account has approved it. `incident` is the id of one it is about.
    """

    CODE: ClassVar[int] = 14
    target: str
    since_us: int
    until_us: int
    cause: str
    incident: int | None
    author: str
    reason: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.cause not in EXCLUSION_CAUSES:
            return Reason("entry.cause", {"cause": repr(self.cause[:40])})
        if not self.since_us < self.until_us <= self.at_us:
            span = {"since": self.since_us, "until": self.until_us, "at": self.at_us}
            return Reason("entry.exclusion", span)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionDecided(Record):
    """Another account than its author approves or refuses an exclusion, once."""

    CODE: ClassVar[int] = 15
    exclusion: int
    approved: bool
    author: str
    reason: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceDeclared(Record):
    """People want no messages about something for a while; incidents and figures go on.

    What it is about fits all of `targets` (names of targets or sites), `tags` (`name=value`) and
    `rules` (ids, alone or as `policy/rule`) that are not empty.
    """

    CODE: ClassVar[int] = 16
    targets: tuple[str, ...]
    tags: tuple[str, ...]
    rules: tuple[str, ...]
    until_us: int
    author: str
    reason: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        if not self.at_us < self.until_us <= self.at_us + MAX_SILENCE_US:
            return Reason("entry.silence", {"since": self.at_us, "until": self.until_us})
        if not (self.targets or self.tags or self.rules):
            return Reason("entry.nothing")
        if not all(tag.partition("=")[0] and "=" in tag for tag in self.tags):
            return Reason("entry.tags")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceEnded(Record):
    """A silence is over: ended by a person, or by its time (`author` empty)."""

    CODE: ClassVar[int] = 17
    silence: int
    author: str
    reason: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHeld(Record):
    """The message about an incident's opening is held back, by a silence or by maintenance.

    `incident` None: the entry before this one opened it. `by` is the index of the declaration.
    """

    CODE: ClassVar[int] = 18
    incident: int | None
    cause: str
    by: int
    routes: tuple[str, ...]
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.cause not in HOLD_CAUSES or self.by < 0:
            return Reason("entry.held", {"cause": repr(self.cause[:40]), "by": self.by})
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsReleased(Record):
    """What held back messages is over: people are told of what still stands.

    `counts`: `held` back in all, of which still `standing`, `over` meanwhile, or `held-on` by
    something else.
    """

    CODE: ClassVar[int] = 19
    cause: str
    by: int
    counts: Mapping[str, int]
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.cause not in HOLD_CAUSES:
            return Reason("entry.cause", {"cause": repr(self.cause[:40])})
        return None
