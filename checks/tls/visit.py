"""One survey under way at one address: its connections, its pauses, its politeness.

Questions wait for their turn at the address's door; one that found no conclusive answer is asked
again after a pause. The visit ends exactly once: surveyed, cut off, or by a fault of this host.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from checks.connection import internal
from checks.deadline import Deadlines, Expiring
from checks.poller import Poller
from checks.tls.asking import Asking
from checks.tls.lines import Answer, crowded
from checks.tls.outcomes import Inconclusive
from checks.tls.plan import Asked, Survey
from checks.tls.question import Lost
from checks.tls.turns import Door
from monitor.model import Fault

_PAUSE_NS = 250_000_000
"""Before the second try; before the third it is three times as long."""
_PATIENCE_NS = 1_500_000_000
"""A server that has answered gets so long for an answer at least: a lost SYN comes after 1 s."""
_SLOW = 10
"""… or so many times what its first answer took."""
_SHARE = 3
"""Before anything was heard a question may take this part of the whole time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where visits take place: shared by all of one prober."""

    poller: Poller
    boottime_ns: Callable[[], int]
    rounds: Deadlines[Expiring]
    """Questions under way, and pauses."""


class Visit:
    """One survey at one address. `begun` is told at the first turn, `ended` once at the end."""

    def __init__(
        self,
        ground: Ground,
        door: Door,
        survey: Survey,
        place: tuple[str, int],
        bounds: tuple[int, int, int],
        begun: Callable[[int], None],
        ended: Callable[["Visit", Fault | None], None],
    ) -> None:
        """`bounds`: connections at once and in a minute, and the whole time in µs."""
        self.at_once, self.per_minute, budget_us = bounds
        self.survey = survey
        self.door = door
        self.connections = 0
        self.connect_us: int | None = None
        self.handshake_us: int | None = None
        self.in_time = True
        self._ground = ground
        self._address, self._port = place
        self._budget_ns = budget_us * 1_000
        self._begun: Callable[[int], None] | None = begun
        self._ended: Callable[[Visit, Fault | None], None] | None = ended
        self._ready: deque[Asked] = deque()
        self._askings: dict[int, Asking] = {}
        self._pauses: dict[int, _Pause] = {}
        self._minded = False
        self._over = False
        self._nobody = True
        """Every connection so far failed before it was open."""

    def start(self, now_ns: int) -> None:
        """Wait for turns, and take those that there are."""
        self.door.enter(self)
        self._refill(now_ns)
        self.door.serve(now_ns)

    def eager(self) -> bool:
        """See `turns.Visitor`."""
        return bool(self._ready)

    def proceed(self, now_ns: int) -> None:
        """See `turns.Visitor`: connect and ask."""
        try:
            self._ask(now_ns)
        except Exception as error:  # noqa: BLE001 - a probe's boundary: it ends no other visit
            self._end(internal(error))

    def _ask(self, now_ns: int) -> None:
        asked = self._ready.popleft()
        if self.survey.moot(asked):
            self.door.ended()
            self.survey.give_up(asked.number)
            self._refill(now_ns)
            self._go_on(now_ns)
            return
        begun, self._begun = self._begun, None
        if begun is not None:
            begun(now_ns)
        self.connections += 1
        deadline_ns = now_ns + self._patience_ns()
        try:
            asking = Asking(asked, now_ns, deadline_ns, self._told)
        except Exception:
            self.door.ended()  # nobody else gives this turn back
            raise
        self._askings[asked.number] = asking
        self._ground.rounds.set(asking, deadline_ns)
        asking.open(self._ground.poller, self._address, self._port)

    def cut(self) -> None:
        """The time is up."""
        self.in_time = False
        self.survey.cut("out of time")
        self._end(None)

    def forget(self) -> None:
        """End without telling."""
        self._ended = None
        self._end(None)

    def resume(self, asked: Asked, now_ns: int) -> None:
        """A pause is over, unless the visit has ended meanwhile."""
        if self._pauses.pop(asked.number, None) is None:
            return
        try:
            if self.survey.worth(asked):
                self._ready.append(asked)
            else:
                self.survey.give_up(asked.number)
                self._refill(now_ns)
            self._go_on(now_ns)
        except Exception as error:  # noqa: BLE001 - a probe's boundary
            self._end(internal(error))

    def _patience_ns(self) -> int:
        share_ns = self._budget_ns // _SHARE
        if not self.survey.found.heard or self.handshake_us is None:
            return share_ns
        first_ns = ((self.connect_us or 0) + self.handshake_us) * 1_000
        return min(share_ns, max(_PATIENCE_NS, first_ns * _SLOW))

    def _told(self, asking: Asking, answer: Answer | Fault, now_ns: int) -> None:
        self._ground.rounds.lift(asking, asking.deadline_ns)
        if self._askings.pop(asking.asked.number, None) is None:
            return
        self.door.ended()
        if isinstance(answer, Fault):
            self._end(answer)
            return
        try:
            self._note(asking, answer, now_ns)
            self.survey.answer(asking.asked.number, answer)
            self._refill(now_ns)
            self._go_on(now_ns)
        except Exception as error:  # noqa: BLE001 - a probe's boundary
            self._end(internal(error))

    def _note(self, asking: Asking, answer: Answer, now_ns: int) -> None:
        """Times of the first connection, and whether the server minds so many."""
        if asking.connected_ns:
            self._nobody = False
            if self.connect_us is None:
                self.connect_us = max(0, asking.connected_ns - asking.began_ns) // 1_000
        if isinstance(answer, Inconclusive | Lost):
            if self.survey.found.heard and crowded(answer):
                self._minded = True
                self.door.minds(asking.began_ns, now_ns)
        elif self.handshake_us is None:
            self.handshake_us = max(0, now_ns - asking.connected_ns) // 1_000

    def _refill(self, now_ns: int) -> None:
        for asked in self.survey.take():
            if not asked.question.pause:
                self._ready.append(asked)
                continue
            length_ns = _PAUSE_NS * 3 ** (asked.question.attempt - 1)
            pause = _Pause(self, asked, now_ns + length_ns)
            self._pauses[asked.number] = pause
            self._ground.rounds.set(pause, pause.until_ns)

    def _go_on(self, now_ns: int) -> None:
        silent = self._nobody and not self._askings and not self._ready and self.connections
        if self.survey.finished or silent:
            self._end(None)
        else:
            self.door.serve(now_ns)

    def _end(self, fault: Fault | None) -> None:
        if self._over:
            return
        self._over = True
        askings, self._askings = self._askings, {}
        for asking in askings.values():
            self._ground.rounds.lift(asking, asking.deadline_ns)
            asking.forget()
            self.door.ended()
        for pause in self._pauses.values():
            self._ground.rounds.lift(pause, pause.until_ns)
        self._pauses.clear()
        self._ready.clear()
        self.door.leave(self, calm=not self._minded)
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(self, fault)
        self.door.serve(self._ground.boottime_ns())


class _Pause:
    """Before a question is asked again."""

    def __init__(self, visit: Visit, asked: Asked, until_ns: int) -> None:
        self._visit = visit
        self._asked = asked
        self.until_ns = until_ns

    def expire(self, now_ns: int) -> None:
        """Go on."""
        self._visit.resume(self._asked, now_ns)
