"""What was heard of one VRRP or HSRP group: who speaks, who is Active, when that changed. Pure.

Rules enforced here
- The Active changed when another router claimed to be it twice running, or once after the old one
  had said that it leaves: at a preemption the old Active may still send one advertisement.
- Two are Active at once when two routers each went on claiming after the other had, twice within
  the time for which they count: one such return each is the crossing of a preemption.
- Nothing grows beyond its bound; what found no room is counted.
Left to others: whether a frame is valid (`wire`), and what was configured (`checks.first_hop`).
"""

from collections import deque
from dataclasses import dataclass, field

from checks.packets.messages import MAX_CHANGES, MAX_SPEAKERS, Change, Speaker
from checks.packets.process.frames import Advert

_RETURNS = 2
_FAILED_INTERVALS = 3
"""Without so many advertisements an Active counts as failed (RFC 9568, 6.1)."""


@dataclass(slots=True)
class _Voice:
    latest: Advert
    heard_ns: int
    adverts: int = 0
    active: bool = False
    state: str = ""
    claimed_ns: int | None = None
    """Its latest claim to be the Active that nothing has taken back."""
    returns: deque[int] = field(default_factory=lambda: deque(maxlen=_RETURNS))
    left_ns: int | None = None
    standby_ns: int | None = None


@dataclass(frozen=True, slots=True)
class _Turn:
    before: str
    after: str
    at_ns: int
    settled_ns: int
    gap_ns: int
    left: bool


@dataclass(slots=True)
class _Reign:
    """The Active as far as it is settled."""

    source: str
    spoke_ns: int
    left: bool = False


class Group:
    """One group's speakers and turns since `since_ns` (boot clock)."""

    def __init__(self, since_ns: int) -> None:
        self.since_ns = since_ns
        self.more_speakers = 0
        self._voices: dict[str, _Voice] = {}
        self._reign: _Reign | None = None
        self._run: tuple[str, int, int] = ("", 0, 0)
        """(who claimed last, how often running, when the first of these)."""
        self._turns: deque[_Turn] = deque(maxlen=MAX_CHANGES)
        self._both_ns: int | None = None

    def hear(self, advert: Advert, now_ns: int) -> None:
        """Take in one valid advertisement."""
        voice = self._voices.get(advert.source) or self._new_voice(advert, now_ns)
        if voice is None:
            self.more_speakers += 1
            return
        voice.latest, voice.heard_ns, voice.state = advert, now_ns, advert.state
        voice.adverts += 1
        if advert.state == "standby":
            voice.standby_ns = now_ns
        if advert.active:
            self._claim(voice, now_ns)
        else:
            self._renounce(voice, now_ns)

    def speakers(self, now_ns: int) -> tuple[Speaker, ...]:
        """Everybody who was heard, also long ago, by address."""
        return tuple(_speaker(voice, now_ns) for _, voice in sorted(self._voices.items()))

    def changes(self, now_ns: int) -> tuple[Change, ...]:
        """The latest changes, oldest first."""
        return tuple(
            Change(
                before=turn.before,
                after=turn.after,
                age_us=max(0, now_ns - turn.at_ns) // 1_000,
                settled_age_us=max(0, now_ns - turn.settled_ns) // 1_000,
                gap_us=turn.gap_ns // 1_000,
                left=turn.left,
            )
            for turn in self._turns
        )

    def both_age_us(self, now_ns: int) -> int | None:
        """When two were last Active at once."""
        return _age(self._both_ns, now_ns)

    def _new_voice(self, advert: Advert, now_ns: int) -> _Voice | None:
        """A place for a new speaker: a free one, or that of the one silent for longest."""
        if len(self._voices) >= MAX_SPEAKERS:
            oldest = min(self._voices, key=lambda source: self._voices[source].heard_ns)
            silent = self._voices[oldest]
            if now_ns - silent.heard_ns <= silent.latest.hold_us * 1_000:
                return None
            del self._voices[oldest]
        voice = self._voices[advert.source] = _Voice(advert, now_ns)
        return voice

    def _claim(self, voice: _Voice, now_ns: int) -> None:
        source = voice.latest.source
        last, count, first_ns = self._run
        within = voice.latest.hold_us * 1_000
        went_on = voice.claimed_ns is not None and now_ns - voice.claimed_ns <= within
        if went_on and last not in ("", source):
            voice.returns.append(now_ns)
            self._look_for_both(now_ns)
        self._run = (source, count + 1, first_ns) if last == source else (source, 1, now_ns)
        voice.active, voice.claimed_ns = True, now_ns
        self._settle(source, now_ns)

    def _renounce(self, voice: _Voice, now_ns: int) -> None:
        """It leaves, or is something else than the Active."""
        source = voice.latest.source
        voice.active, voice.claimed_ns = False, None
        voice.returns.clear()
        if voice.latest.state == "leaving":
            voice.left_ns = now_ns
        if self._run[0] == source:
            self._run = ("", 0, 0)
        if self._reign is not None and self._reign.source == source and not self._reign.left:
            self._reign.left, self._reign.spoke_ns = True, now_ns

    def _look_for_both(self, now_ns: int) -> None:
        went_on = [one for one in self._voices.values() if len(one.returns) == _RETURNS]
        # Each returns as often as the slower one speaks.
        since_ns = now_ns - 1_000 * max((one.latest.hold_us for one in went_on), default=0)
        if sum(one.returns[0] >= since_ns for one in went_on) > 1:
            self._both_ns = now_ns

    def _settle(self, source: str, now_ns: int) -> None:
        reign = self._reign
        if reign is None or reign.source == source:
            self._reign = _Reign(source, now_ns)
            return
        _, count, first_ns = self._run
        if count < 2 and not reign.left:
            return
        gap_ns = max(0, first_ns - reign.spoke_ns)
        self._turns.append(_Turn(reign.source, source, first_ns, now_ns, gap_ns, reign.left))
        before = self._voices.get(reign.source)
        if before is not None and before.active:
            # Who spoke until just now lives on as a backup; who had been silent has failed.
            lives = gap_ns < _FAILED_INTERVALS * before.latest.interval_us * 1_000
            before.active, before.state = False, "preempted" if lives else "silent"
        self._reign = _Reign(source, now_ns)


def _speaker(voice: _Voice, now_ns: int) -> Speaker:
    latest = voice.latest
    return Speaker(
        address=latest.source,
        heard_age_us=max(0, now_ns - voice.heard_ns) // 1_000,
        adverts=voice.adverts,
        active=voice.active,
        state=voice.state,
        version=latest.version,
        priority=latest.priority,
        interval_us=latest.interval_us,
        hold_us=latest.hold_us,
        addresses=latest.addresses,
        address_count=latest.address_count,
        authentication=latest.authentication,
        left_age_us=_age(voice.left_ns, now_ns),
        standby_age_us=_age(voice.standby_ns, now_ns),
    )


def _age(at_ns: int | None, now_ns: int) -> int | None:
    return None if at_ns is None else max(0, now_ns - at_ns) // 1_000
