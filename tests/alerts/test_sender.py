"""Alerts through Apprise to real receivers on loopback."""

import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from alerts.message import Message, compose_test
from alerts.pool import FLYING_LIMIT, THREADS_LIMIT
from alerts.receipt import Receipt
from alerts.routing import Route
from alerts.sender import Sender, Transport, deliver, new_outbox, send_once, understood
from monitor.clock import SystemClock
from monitor.model import Act, Delivery, OutboxRow
from tests.alerts.samples import OPENED_US, ORIGIN, WITA, a_row, a_step, rows
from tests.lab.receivers import MailServer, Received, Webhook

GUARD_S = 60.0
"""Only keeps a broken test from hanging."""
MINUTE_US = 60_000_000


class Driven:
    """A sender that the test steps itself, in a time of its own that it can let pass."""

    def __init__(
        self, *routes: Route, transport: Transport = deliver, timeout_us: int = MINUTE_US
    ) -> None:
        by_name = {route.name: route for route in routes}
        self.kept: queue.Queue[Delivery] = queue.Queue()
        self.sender = Sender(
            by_name,
            new_outbox(by_name),
            SystemClock(),
            self.kept.put,
            origin=ORIGIN,
            timezone=WITA,
            timeout_us=timeout_us,
            transport=transport,
        )
        self.passed_us = 0

    def step(self) -> bool:
        return self.sender.step(self.sender.now_us() + self.passed_us)

    def later(self, us: int) -> None:
        self.passed_us += us

    def until(self, true: Callable[[], object], pass_us: int = 0) -> None:
        """Step until `true()`; `pass_us` passes whenever no attempt is under way. Bounded in time.

        While one is, its time is real: a busy machine must not write it off.
        """
        over = threading.Event()
        guard = threading.Timer(GUARD_S, over.set)
        guard.start()
        try:
            while not true():
                assert not over.is_set(), "it never came true"
                if not self.step():
                    over.wait(0.005)
                if not self.sender._pool.flying():
                    self.later(pass_us)
        finally:
            guard.cancel()

    def deliveries(self) -> list[Delivery]:
        kept = []
        while not self.kept.empty():
            kept.append(self.kept.get())
        return kept


@contextmanager
def started(*routes: Route, transport: Transport = deliver) -> Iterator[Driven]:
    """A sender that steps itself, as in the daemon."""
    driven = Driven(*routes, transport=transport)
    driven.sender.start()
    try:
        yield driven
    finally:
        driven.sender.close()


def route(name: str, url: str, **changes: object) -> Route:
    """A route that waits a fifth of a second for an answer."""
    return Route(name=name, url=url, **changes)  # type: ignore[arg-type]


def ids(messages: Sequence[Received] | Sequence[OutboxRow]) -> list[str]:
    """The alerts' ids, in order."""
    return [message.id for message in messages]


def test_a_committed_row_arrives_with_its_id_and_comes_back_as_a_delivery() -> None:
    """In the route's language, with the kind of message that Apprise knows."""
    with Webhook() as hook, started(route("noc", hook.url())) as driven:
        (row,) = rows(a_step())
        driven.sender.offer([row])
        (message,) = hook.wait(1)
        delivery = driven.kept.get(timeout=GUARD_S)
    assert message.title == "[KRITIS] Dukcapil fiber: Tautan menjawab"
    assert (message.id, message.kind) == (row.id, "failure")
    assert (delivery.id, delivery.delivered, delivery.attempt) == (row.id, True, 1)
    assert delivery.receipt == "accepted:JSON"


def test_each_route_speaks_its_own_language() -> None:
    """The same step in Indonesian and in English."""
    with Webhook() as hook, Webhook() as other:
        routes = (route("noc", hook.url()), route("isp", other.url(), lang="en"))
        with started(*routes) as driven:
            driven.sender.offer(rows(a_step(), ("noc", "isp")))
            assert "Ditemukan pelanggaran." in hook.wait(1)[0].body
            assert "A breach was found." in other.wait(1)[0].body


@pytest.mark.parametrize("failure", ["500", "404", "reset", "hang"])
def test_a_failure_is_tried_again_until_it_works(failure: str) -> None:
    """Under the same id, and only the success becomes a Delivery."""
    with Webhook() as hook:
        hook.fail(failure, times=3)
        driven = Driven(route("noc", hook.url(query="?rto=0.2")))
        row = a_row()
        driven.sender.offer([row])
        driven.until(lambda: hook.accepted, pass_us=1_000_000)
        driven.until(lambda: not driven.sender.waiting())
        attempts = hook.wait_attempts(4)
    assert ids(attempts) == [row.id] * 4
    (delivery,) = driven.deliveries()
    assert (delivery.delivered, delivery.attempt) == (True, 4)


def told_trouble(driven: Driven, receipt: str) -> bool:
    """Whether the last attempt on the only route ended with this receipt."""
    return [trouble.receipt for trouble in driven.sender.troubles()] == [receipt]


def test_mail_is_tried_again_after_temporary_and_lasting_refusals() -> None:
    """SMTP 451 and 550 alike; the trouble shows its number meanwhile."""
    with MailServer() as mail:
        driven = Driven(route("mail", mail.url()))
        row = a_row("mail")
        driven.sender.offer([row])
        for code in ("451", "550"):
            mail.fail(code)
            told = partial(told_trouble, driven, f"smtp-{code}")
            driven.until(told, pass_us=1_000_000)
        mail.fail("")
        driven.until(lambda: mail.accepted, pass_us=1_000_000)
        assert mail.wait(1)[0].id == row.id
        assert mail.wait(1)[0].title.startswith("[KRITIS]")


def test_after_a_crash_before_the_receipt_the_same_id_is_sent_again() -> None:
    """A new process is offered the row that the store still has as pending."""
    with Webhook() as hook:
        row = a_row()
        first = Driven(route("noc", hook.url()))
        first.sender.offer([row])
        first.until(lambda: hook.accepted)
        second = Driven(route("noc", hook.url()))
        second.sender.offer([row])
        second.until(lambda: len(hook.accepted) == 2)
        assert ids(hook.wait(2)) == [row.id, row.id]


def test_a_recovery_arrives_after_its_opening_even_when_the_opening_failed_first() -> None:
    """The order on one route is the order of the steps."""
    with Webhook() as hook:
        hook.fail("500", times=2)
        driven = Driven(route("noc", hook.url()))
        (opening,) = rows(a_step())
        (recovery,) = rows(a_step(Act.CLOSED), opened_us=OPENED_US)
        driven.sender.offer([opening, recovery])
        driven.until(lambda: len(hook.accepted) == 2, pass_us=1_000_000)
        assert ids(hook.wait(2)) == [opening.id, recovery.id]


def test_one_dead_route_among_three_holds_up_no_other() -> None:
    """The hanging one keeps its message; the others get all of theirs."""
    with Webhook() as dead, Webhook() as one, Webhook() as two:
        dead.fail("hang")
        hooks = {"dead": dead, "one": one, "two": two}
        with started(*(route(name, hook.url()) for name, hook in hooks.items())) as driven:
            for incident in range(4):
                driven.sender.offer([a_row(name, incident) for name in hooks])
            assert len(one.wait(4)) == len(two.wait(4)) == 4
            assert driven.sender.waiting() >= 4


def test_a_burst_arrives_whole_and_once() -> None:
    """A hundred incidents at a moment, over two routes, from several threads."""
    with Webhook() as hook, Webhook() as other:
        routes = (route("a", hook.url(), per_hour=3600), route("b", other.url(), per_hour=3600))
        burst = [a_row(name, incident) for incident in range(100) for name in ("a", "b")]
        with started(*routes) as driven:
            threads = [
                threading.Thread(target=driven.sender.offer, args=(burst[start::4],))
                for start in range(4)
            ]
            for thread in threads:
                thread.start()
            received = ids(hook.wait(100)) + ids(other.wait(100))
            kept = [driven.kept.get(timeout=GUARD_S).id for _ in burst]
    assert sorted(received) == sorted(kept) == sorted(ids(burst))


def test_an_attempt_that_never_ends_is_written_off_and_tried_again() -> None:
    """Its thread counts against the bound, and its late success still counts once."""
    gate = threading.Event()
    calls: list[str] = []

    def stuck(_: Route, message: Message) -> Receipt:
        calls.append(message.id)
        gate.wait(GUARD_S)
        return Receipt(True, "accepted")

    driven = Driven(route("noc", "json://127.0.0.1"), transport=stuck, timeout_us=1_000_000)
    row = a_row()
    driven.sender.offer([row])
    driven.until(lambda: len(calls) == 3, pass_us=1_000_000)
    assert driven.sender.troubles()[0].receipt == "timeout"
    gate.set()
    driven.until(lambda: not driven.sender.waiting())
    assert [d.id for d in driven.deliveries()] == [row.id]
    assert set(calls) == {row.id}


def test_threads_stay_bounded_when_every_route_hangs() -> None:
    """Eight attempts at once, and never more threads than the bound."""
    gate = threading.Event()
    running: list[int] = []

    def stuck(_: Route, __: Message) -> Receipt:
        running.append(1)
        gate.wait(GUARD_S)
        return Receipt(False, "failed")

    names = [f"r{n}" for n in range(40)]
    driven = Driven(
        *(route(name, "json://127.0.0.1") for name in names),
        transport=stuck,
        timeout_us=MINUTE_US,
    )
    driven.sender.offer([a_row(name) for name in names])
    driven.until(lambda: len(running) == FLYING_LIMIT)
    for _ in range(20):
        driven.later(MINUTE_US)
        driven.step()
    assert len(running) <= THREADS_LIMIT
    gate.set()
    assert driven.sender.waiting() == 40


def test_a_defect_in_a_service_s_code_ends_nothing_and_shows_no_text() -> None:
    """Only the exception's type is kept."""

    def broken(_: Route, __: Message) -> Receipt:
        raise ValueError("json://user:hunter2@127.0.0.1")

    driven = Driven(route("noc", "json://127.0.0.1"), transport=broken)
    driven.sender.offer([a_row()])
    driven.until(driven.sender.troubles)
    assert driven.sender.troubles()[0].receipt == "internal:ValueError"


@pytest.mark.parametrize("url", ["nosuch://hunter2", "tgram://hunter2", "hunter2", ""])
def test_a_url_that_nobody_understands_is_a_lasting_trouble(url: str) -> None:
    """Shown to people; the message waits for the correction."""
    assert not understood(url)
    driven = Driven(route("noc", url))
    driven.sender.offer([a_row()])
    driven.until(driven.sender.troubles)
    (trouble,) = driven.sender.troubles()
    assert (trouble.receipt, trouble.waiting) == ("bad-url", 1)
    with Webhook() as hook:
        driven.sender.configure({"noc": route("noc", hook.url())})
        driven.until(lambda: hook.accepted)
        driven.until(lambda: not driven.sender.waiting())


@pytest.mark.parametrize("routes", [(), (Route(name="noc", url="json://", enabled=False),)])
def test_a_message_for_a_removed_or_disabled_route_waits_for_it(routes: tuple[Route, ...]) -> None:
    """Nothing is dropped by a reload, and nothing is sent meanwhile."""
    driven = Driven(*routes, transport=lambda _, __: Receipt(True, "accepted"))
    driven.sender.offer([a_row()])
    driven.until(lambda: driven.sender.troubles() or not driven.sender.waiting())
    assert driven.sender.troubles()[0].receipt == "no-route"
    assert driven.deliveries() == []
    driven.sender.configure({"noc": route("noc", "json://127.0.0.1")})
    driven.until(lambda: not driven.sender.waiting())


def test_a_delivery_that_could_not_be_handed_over_is_handed_over_again() -> None:
    """The writer's queue was full for a moment."""
    kept: list[Delivery] = []
    refusals = [1]

    def hand_over(delivery: Delivery) -> None:
        if refusals:
            raise queue.Full(refusals.pop())
        kept.append(delivery)

    routes = {"noc": route("noc", "json://127.0.0.1")}
    sender = Sender(
        routes,
        new_outbox(routes),
        SystemClock(),
        hand_over,
        origin=ORIGIN,
        timezone=WITA,
        transport=lambda _, __: Receipt(True, "accepted"),
    )
    sender.offer([a_row()])
    with pytest.raises(queue.Full):
        sender.drain(MINUTE_US)
    sender.step(sender.now_us())
    assert [d.id for d in kept] == [a_row().id]


def test_drain_sends_what_is_due_and_says_what_is_left() -> None:
    """A dead route does not hold it up."""
    with Webhook() as hook, Webhook() as dead:
        dead.fail("500")
        driven = Driven(route("noc", hook.url()), route("dead", dead.url()))
        driven.sender.offer([a_row("noc", n) for n in range(5)] + [a_row("dead")])
        assert driven.sender.drain(MINUTE_US) == 1
        assert len(hook.accepted) == 5
        assert len(driven.deliveries()) == 5
        driven.sender.close()


def test_an_emergency_goes_past_the_store_to_every_route_once() -> None:
    """Retried until it arrives; no Delivery is made; the same trouble is told once an hour."""
    with Webhook() as hook, Webhook() as other:
        hook.fail("500", times=2)
        driven = Driven(
            route("noc", hook.url()),
            route("isp", other.url(), lang="en"),
            route("off", hook.url(), enabled=False),
        )
        assert driven.sender.emergency("disk-full", {"free": "0 B"}) == 2
        assert driven.sender.emergency("disk-full", {"free": "0 B"}) == 0
        driven.until(lambda: hook.accepted and other.accepted, pass_us=1_000_000)
        assert "Diska agen penuh" in hook.wait(1)[0].body
        assert "The disk of the agent is full" in other.wait(1)[0].body
        assert len(hook.accepted) == len(other.accepted) == 1
    assert driven.deliveries() == []


def test_an_unsigned_offer_is_marked_in_the_message() -> None:
    """When signing has failed, the alert still goes out."""
    with Webhook() as hook, started(route("noc", hook.url())) as driven:
        driven.sender.offer([a_row()], signed=False)
        assert "TIDAK BERTANDA TANGAN" in hook.wait(1)[0].body


def test_alert_test_shows_the_receipt_at_once() -> None:
    """One attempt, past the outbox."""
    message = compose_test("noc", "id", origin=ORIGIN, at_us=0, timezone=WITA, id_="0" * 64)
    with Webhook() as hook:
        assert send_once(route("noc", hook.url()), message) == Receipt(True, "accepted:JSON")
        hook.fail("503", times=1)
        assert send_once(route("noc", hook.url()), message) == Receipt(False, "http-503")
        hook.fail("slow", times=1)
        late = send_once(route("noc", hook.url()), message, timeout_us=1_000)
        assert late == Receipt(False, "timeout")
        hook.release()


def test_a_redirect_is_not_followed() -> None:
    """A token does not wander to another host."""
    message = compose_test("noc", "id", origin=ORIGIN, at_us=0, timezone=WITA, id_="0" * 64)
    with Webhook() as hook:
        hook.fail("307", times=1)
        assert send_once(route("noc", hook.url()), message) == Receipt(False, "http-307")
        assert hook.accepted == []


def test_nothing_is_imported_before_something_is_sent() -> None:
    """The daemon's start does not pay for Apprise."""
    code = "import sys, alerts.sender; sys.exit(bool({'apprise', 'requests'} & set(sys.modules)))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=GUARD_S, cwd=root)
    assert done.returncode == 0
