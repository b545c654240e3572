"""The national filter in the daemon: a label, no outage, and the same again after a restart."""

import socket
from pathlib import Path

from monitor.daemon.service import Daemon
from monitor.model import State
from tests.checks.page_scene import CLEAN, SPAM, crawler, shows
from tests.daemon.inside import run_inside, until
from tests.daemon.place import Place
from tests.lab.webserver import WebServer, page, redirect

LANDING = "lamanlabuh.aduankonten.id"
RULE = {
    "id": "not-blocked",
    "title": {"en": "The filter does not block it", "id": "Tidak diblokir penyaring"},
    "check": "http",
    "require": "!evidence.blocked",
    "severity": "critical",
}


def site(root: Path) -> Place:
    """One web service, observed by http several times a second."""
    made = Place(root=root, interval="200ms")
    made.rules = [RULE]
    made.services["web"] = {"site": "core", "url": "http://127.0.0.1:1/"}
    made.make()
    return made


def test_what_the_filter_answers_is_labelled_unobserved_and_told(root: Path) -> None:
    """Free, blocked over a restart, free again: labels with their cause, and one incident."""
    place = site(root)
    blocked = redirect(f"http://{LANDING}/")

    async def first(daemon: Daemon) -> None:
        async with WebServer({"/": page()}, port=port) as server:
            await until("available", lambda: state_of(daemon) is State.AVAILABLE)
            server.pages["/"] = blocked
            labels = daemon.recorder.accumulator.book.labels
            await until("the label", lambda: ("blocked", "web") in labels)
            assert labels["blocked", "web"].cause == LANDING
            await until("unobserved", lambda: state_of(daemon) is State.UNOBSERVED)
            await until("an incident", lambda: daemon.writer.view.incidents)

    async def second(daemon: Daemon) -> None:
        async with WebServer({"/": blocked}, port=port) as server:
            labels = daemon.recorder.accumulator.book.labels
            await until("the label", lambda: ("blocked", "web") in labels)
            server.pages["/"] = page()
            await until("available", lambda: state_of(daemon) is State.AVAILABLE)
            await until("no label", lambda: ("blocked", "web") not in labels)
            await until("no incident", lambda: not daemon.writer.view.incidents)

    port = free_port()
    place.services["web"]["url"] = f"http://127.0.0.1:{port}/"
    place.write()
    assert run_inside(place, first) == 0
    assert run_inside(place, second) == 0
    rows = place.rows("label")
    assert {(row[1], row[2], row[3]) for row in rows} == {("blocked", "web", LANDING)}
    assert all(row[5] is not None and row[4] < row[5] for row in rows)
    (incident,) = place.rows("incident")
    assert "not-blocked" in incident
    place.require_intact()


def test_observations_of_a_page_are_kept_and_proved(root: Path) -> None:
    """Spam for crawlers alone opens an incident, its evidence is stored, and `verify` agrees."""
    place = site(root)
    spam = {
        "id": "no-spam",
        "title": {"en": "No spam", "id": "Tanpa spam"},
        "check": "page",
        "require": "evidence.crawler_spam_words == []",
        "severity": "critical",
        "confirm": {"open": "1/1", "close": "1/1"},
    }

    async def act(daemon: Daemon) -> None:
        async with WebServer({}, port=port) as server:
            server.pages["/"] = shows(server, lambda r: SPAM if crawler(r) else CLEAN)
            await until("an incident", lambda: daemon.writer.view.incidents)
            (found,) = daemon.writer.view.incidents.values()
            assert found.rule == "no-spam"
            server.pages["/"] = page(CLEAN.encode())
            await until("none", lambda: not daemon.writer.view.incidents)

    port = free_port()
    place.rules = [spam]
    look = {"interval": "300ms", "timeout": "290ms", "sitemap": False}
    place.services["web"] = {
        "site": "core",
        "url": f"http://127.0.0.1:{port}/",
        "checks": {"page": look, "http": False},
    }
    place.write()
    assert run_inside(place, act) == 0
    place.require_intact()


def state_of(daemon: Daemon) -> State:
    """The committed state of the one series."""
    (item,) = (i for i in daemon.plan.items.values() if i.kind.name == "http")
    return daemon.writer.view.current(item.number)[0]


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port
