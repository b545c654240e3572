"""Sends what the outbox holds, through Apprise, in a bounded number of daemon threads.

Apprise is synchronous and is imported at the first attempt only: about a second and 40 MB that
a daemon without alerts, and every command that sends nothing, do not pay.

Rules enforced here
- Every method of `Sender` may be called from any thread; one lock guards the outbox, and it is
  never held while something is sent or reported.
- An attempt that does not end within `timeout_us` is written off and tried again later under
  the same id.
- A result reaches `deliveries` only when it settles its row. CRASH POINT: between the service's
  acceptance and the commit of that Delivery a crash repeats the message, with the same id.
- A URL reaches no log, exception or receipt: see `alerts.receipt` and `_apprise`.
"""

import logging
import threading
import warnings
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from functools import partial
from pathlib import Path
from secrets import SystemRandom
from types import ModuleType
from typing import Any

from alerts.message import Message, compose
from alerts.outbox import Attempt, Outbox, RouteRecord
from alerts.payload import NO_INCIDENT, emergency_row
from alerts.pool import Pool, supervised
from alerts.receipt import BAD_URL, NO_ROUTE, NO_SYSLOG, TIMEOUT, Receipt, accepted, failed
from alerts.routing import Route
from monitor.clock import Clock, anchor_now
from monitor.model import Delivery, OutboxRow

ATTEMPT_TIMEOUT_US = 60_000_000
EMERGENCY_PAUSE_US = 3_600_000_000
"""The same trouble of the agent is told once in this time."""
IDLE_US = 1_000_000
CLOSE_S = 5.0
"""The stepping thread ends at once, unless `deliveries` blocks it."""

Transport = Callable[[Route, Message], Receipt]

_import_lock = threading.Lock()
_CHATTY = ("apprise", "urllib3", "requests", "requests_oauthlib", "oauthlib")


def deliver(route: Route, message: Message) -> Receipt:
    """One attempt through Apprise; blocks until the service answered or its sockets timed out."""
    service = _service(route.url)
    if service is None:
        return Receipt(False, BAD_URL)
    if route.url.lower().startswith("syslog:") and not Path("/dev/log").exists():
        # Apprise reports success here although nobody listens.
        return Receipt(False, NO_SYSLOG)
    apprise = _apprise()
    box = apprise.Apprise(asset=service.asset)
    box.add(service)
    result = box.notify(
        body=message.body,
        title=message.title,
        notify_type=message.kind,
        body_format="text",
        log_level=logging.DEBUG,
    )
    if bool(result):
        return accepted(service.service_name)
    return failed(entry.message for entry in result.logs() if _tells_why(entry))


def _tells_why(entry: Any) -> bool:
    """Leaves out the lines that repeat the message itself: its words are no symptoms."""
    return entry.level in ("WARNING", "ERROR") or entry.message.startswith("Socket Exception")


def understood(url: str) -> bool:
    """Whether Apprise can make a service of this URL; sends nothing, imports Apprise."""
    return _service(url) is not None


def send_once(route: Route, message: Message, *, timeout_us: int = ATTEMPT_TIMEOUT_US) -> Receipt:
    """One supervised attempt now, past every outbox; for `sasando alert test`."""
    box: list[Receipt] = []
    thread = threading.Thread(
        target=lambda: box.append(supervised(partial(deliver, route, message))),
        name="sasando-alert",
        daemon=True,
    )
    thread.start()
    thread.join(timeout_us / 1_000_000)
    return box[0] if box else Receipt(False, TIMEOUT)


def _service(url: str) -> Any:
    """Apprise's object for one URL, or None; `add` would split a text into several URLs."""
    apprise = _apprise()
    # No deadline inside Apprise: it would run the service in threads that are joined at exit,
    # and a hanging service would keep the daemon from ending. `Pool` keeps the time instead.
    asset = apprise.AppriseAsset(
        app_id="Sasando",
        app_desc="Sasando",
        app_url="",
        async_mode=False,
        service_timeout=0,
        http_redirects=False,
        pgp_autogen=False,
        pem_autogen=False,
    )
    with _import_lock:  # the first call loads every plugin
        return apprise.Apprise.instantiate(url, asset=asset)


def _apprise() -> ModuleType:
    """Apprise, with its own and its libraries' loggers cut off: they log URLs and tokens."""
    with _import_lock:
        for name in _CHATTY:
            logger = logging.getLogger(name)
            logger.propagate = False
            if not logger.handlers:
                logger.addHandler(logging.NullHandler())
            # Apprise hands its own lines to `notify`'s result, where `receipt.failed` reads them.
            logger.setLevel(logging.DEBUG if name == "apprise" else logging.CRITICAL + 1)
        warnings.filterwarnings("ignore", message="Unverified HTTPS request")
        import apprise

        return apprise


def new_outbox(routes: Mapping[str, Route]) -> Outbox:
    """An empty outbox with the limits of these routes."""
    return Outbox(_limits(routes), SystemRandom().random)


def _limits(routes: Mapping[str, Route]) -> dict[str, int]:
    return {name: route.per_hour for name, route in routes.items()}


class Sender:
    """Takes committed rows, delivers them, and reports what settled them."""

    def __init__(
        self,
        routes: Mapping[str, Route],
        outbox: Outbox,
        clock: Clock,
        deliveries: Callable[[Delivery], None],
        *,
        origin: str,
        timezone: tzinfo,
        timeout_us: int = ATTEMPT_TIMEOUT_US,
        transport: Transport = deliver,
    ) -> None:
        """`deliveries` is called from the thread that steps: a thread-safe hand-over (a queue).

        If it raises, the Delivery is kept and handed over again at the next step.
        """
        self._routes = dict(routes)
        self._outbox = outbox
        self._emergencies = Outbox({}, SystemRandom().random)
        self._told_us: dict[str, int] = {}
        self._clock = clock
        self._anchor = anchor_now(clock)
        self._deliveries = deliveries
        self._origin = origin
        self._timezone = timezone
        self._timeout_us = timeout_us
        self._transport = transport
        self._changed = threading.Condition()
        self._reporting = threading.Lock()
        self._pool = Pool(self._changed)
        self._unreported: deque[Delivery] = deque()
        self._offered = False
        self._closing = False
        self._thread: threading.Thread | None = None

    def now_us(self) -> int:
        """UTC µs that no step of the wall clock moves: what `step` wants."""
        return self._anchor.wall_at(self._clock.boottime_ns())

    def offer(self, rows: Sequence[OutboxRow], *, signed: bool = True) -> None:
        """Take rows after their commit, or the pending ones at start. Returns at once.

        `signed` False: signing has failed, so these messages say that they are unsigned.
        """
        with self._changed:
            self._outbox.offer(rows, signed=signed)
            self._wake()

    def emergency(self, code: str, values: Mapping[str, object]) -> int:
        """Tell every enabled route of a trouble of the agent itself, past the store.

        Retried in memory only, reported to nobody; the same code at most once an hour. How many
        routes will be told: 0 means that nobody is, and the caller should say so in its log.
        """
        now_us = self.now_us()
        with self._changed:
            told = self._told_us.get(code)
            if told is not None and now_us - told < EMERGENCY_PAUSE_US:
                return 0
            self._told_us[code] = now_us
            names = [name for name, route in self._routes.items() if route.enabled]
            self._wake()
            return self._emergencies.offer(
                [emergency_row(self._origin, code, values, name, now_us) for name in names]
            )

    def configure(self, routes: Mapping[str, Route]) -> None:
        """The routes after a reload. Rows of a route that is gone wait for its return."""
        with self._changed:
            self._routes = dict(routes)
            self._outbox.configure(_limits(routes))
            self._emergencies.configure({})
            self._wake()

    def troubles(self) -> tuple[RouteRecord, ...]:
        """The routes whose last attempt failed; `receipt` is for `receipt_sentence`."""
        with self._changed:
            return self._outbox.troubles()

    def records(self) -> tuple[RouteRecord, ...]:
        """How every route has fared since the start."""
        with self._changed:
            return self._outbox.records()

    def waiting(self) -> int:
        """Rows not settled yet."""
        with self._changed:
            return self._outbox.waiting()

    def step(self, now_us: int) -> bool:
        """Take results in, write late attempts off, start what is due, report what is settled.

        Never blocks on a service. True when there was anything to do.
        """
        with self._changed:
            self._offered = False
            results = self._pool.collect(now_us)
            for attempt, receipt in results:
                self._settle(attempt, receipt, now_us)
            started = self._start_due(self._emergencies, now_us)
            started += self._start_due(self._outbox, now_us)
        reported = self._report()
        return bool(results or started or reported)

    def _start_due(self, outbox: Outbox, now_us: int) -> int:
        started = 0
        for row in outbox.due(now_us):
            route = self._routes.get(row.route)
            if route is None or not route.enabled:
                self._settle(outbox.begin(row), Receipt(False, NO_ROUTE), now_us)
            elif self._pool.room():
                attempt = outbox.begin(row)
                act = partial(self._attempt, route, attempt)
                self._pool.start(attempt, act, now_us + self._timeout_us)
            else:
                break
            started += 1
        return started

    def _attempt(self, route: Route, attempt: Attempt) -> Receipt:
        """Runs in a thread of the pool."""
        message = compose(attempt.row, route.lang, self._timezone, signed=attempt.signed)
        return self._transport(route, message)

    def _settle(self, attempt: Attempt, receipt: Receipt, now_us: int) -> None:
        delivery = Delivery(
            id=attempt.row.id,
            route=attempt.row.route,
            attempt=attempt.number,
            at_us=now_us,
            delivered=receipt.delivered,
            receipt=receipt.code,
        )
        if attempt.row.incident == NO_INCIDENT:
            self._emergencies.settled(delivery)
        elif final := self._outbox.settled(delivery):
            self._unreported.append(final)

    def _report(self) -> int:
        count = 0
        with self._reporting:
            while self._unreported:
                self._deliveries(self._unreported[0])
                self._unreported.popleft()
                count += 1
        return count

    def start(self) -> None:
        """Step in a daemon thread of its own until `close`."""
        self._thread = threading.Thread(target=self._loop, name="sasando-alerts", daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        while not self._closing:
            if not self.step(self.now_us()):
                self._pause(IDLE_US)

    def _pause(self, longest_us: int) -> None:
        """Wait until something is offered, comes back or becomes due."""
        with self._changed:
            now_us = self.now_us()
            moments = [self._pool.deadline_us()]
            if self._pool.room():  # a full pool leaves due rows; only a result can help them
                moments += [self._outbox.next_us(), self._emergencies.next_us()]
            waits = [moment - now_us for moment in moments if moment is not None]
            wait_us = max(min([longest_us, *waits]), 1_000)
            self._changed.wait_for(self._awake, wait_us / 1_000_000)

    def _awake(self) -> bool:
        return self._offered or self._closing or self._pool.pending()

    def _wake(self) -> None:
        self._offered = True
        self._changed.notify_all()

    def drain(self, timeout_us: int) -> int:
        """Send what is due and await what is in flight, for at most `timeout_us`.

        How many rows still wait: they are pending in the store and offered again at the next
        start. Rows that back off are not waited for.
        """
        deadline_us = self.now_us() + timeout_us
        while (now_us := self.now_us()) < deadline_us:
            if self.step(now_us):
                continue
            with self._changed:
                if not self._pool.flying() and not self._outbox.due(now_us):
                    break
            self._pause(deadline_us - now_us)
        return self.waiting()

    def close(self) -> None:
        """End the stepping thread and report what has settled; attempts under way are left."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(CLOSE_S)
            self._thread = None
        self._report()
