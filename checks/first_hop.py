"""What a look at a VRRP or HSRP group says, from what the packet process heard. Pure.

Rules enforced here
- A router counts as speaking for as long as its own advertisements promise, unless it said that
  it leaves or another took over.
- What happened since the last look counts, and at least what happened within one interval: a look
  on demand takes nothing away from the next regular one.
- "No failover" is said only of time that was listened to without a break.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from checks.packets.messages import Change, Heard, Speaker

_SLACK_US = 500_000
"""What answers may take on their way."""
_GONE = frozenset({"leaving", "preempted", "silent"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """What a look leaves behind for the next one. `at_ns`: boot clock of its answer."""

    instance: str
    at_ns: int
    active: str | None
    malformed: int
    wrong_ttl: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One answer and the time it speaks of."""

    heard: Heard
    at_ns: int
    at_us: int
    """UTC, of the answer."""
    least_us: int
    """How long a speaker counts at least without being heard again (`listen:`)."""
    interval_us: int
    last: Last | None

    @property
    def since_us(self) -> int:
        """How far back events belong to this look: told twice rather than not at all."""
        if self.last is None:
            return self.interval_us + _SLACK_US
        return max(self.interval_us, (self.at_ns - self.last.at_ns) // 1_000) + _SLACK_US

    @property
    def covered(self) -> bool:
        """All of that time was listened to."""
        return self.heard.listening_us >= self.since_us - _SLACK_US

    def speaking(self) -> tuple[Speaker, ...]:
        """Who speaks for the group at present."""
        return tuple(
            one
            for one in self.heard.speakers
            if one.state not in _GONE and one.heard_age_us <= max(one.hold_us, self.least_us)
        )

    def active(self) -> Speaker | None:
        """The one that claims to be Active; None when none or several do."""
        claiming = [one for one in self.speaking() if one.active]
        return claiming[0] if len(claiming) == 1 else None

    def both_active(self) -> bool:
        """Two were Active at once."""
        age_us = self.heard.both_age_us
        return age_us is not None and age_us <= self.since_us

    def leaving(self) -> bool:
        """Somebody said that it leaves."""
        return any(
            one.left_age_us is not None and one.left_age_us <= self.since_us
            for one in self.heard.speakers
        )

    def unconfigured(self, routers: Collection[str]) -> tuple[str, ...] | None:
        """Who spoke and is none of these; None when no routers are configured."""
        if not routers:
            return None
        return tuple(
            one.address
            for one in self.heard.speakers
            if one.address not in routers
            and one.heard_age_us <= max(self.since_us, one.hold_us, self.least_us)
        )

    def changes(self) -> tuple[Change, ...]:
        """The failovers that became known since the last look, oldest first."""
        return tuple(one for one in self.heard.changes if one.settled_age_us <= self.since_us)

    def failovers(self) -> int | None:
        """How many; a lower bound where listening had a break; None where nothing can be said."""
        found = len(self.changes())
        if found or self.covered:
            return found
        active, last = self.active(), self.last
        if active is None or last is None or last.active is None or last.active == active.address:
            return None
        return 1

    def count(self, name: str) -> int:
        """Bad or lost frames (malformed, wrong_ttl, lost) since the last look."""
        now = int(getattr(self.heard, name))
        last = self.last
        same = last is not None and last.instance == self.heard.instance
        # The interface may have been let go meanwhile: then it counts from zero again.
        before = int(getattr(last, name)) if same else 0
        return now - before if now >= before else now

    def remembered(self) -> Last:
        """What the next look needs."""
        active = self.active()
        known = self.last.active if self.last is not None else None
        return Last(
            instance=self.heard.instance,
            at_ns=self.at_ns,
            active=known if active is None else active.address,
            malformed=self.heard.malformed,
            wrong_ttl=self.heard.wrong_ttl,
            lost=self.heard.lost,
        )


def matches(found: Collection[str], whole: bool, wanted: Collection[str]) -> bool | None:
    """Whether exactly the wanted addresses were found; None when nothing is wanted or known."""
    if not wanted or not whole:
        return None
    return set(found) == set(wanted)


def rfc3339(at_us: int) -> str:
    """A UTC time stamp for CEL, to the millisecond."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_us // 1_000)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1_000:03d}Z"
