"""Messages that a silence or maintenance holds back, over a real ledger with a clock of its own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.routing import Route
from monitor.clock import anchor_now
from monitor.daemon.control import ControlError
from monitor.daemon.holding import Holding
from monitor.daemon.recorder import Acknowledgement
from monitor.daemon.silencing import LONGEST_US, SilenceDesk, silence_entry
from monitor.daemon.writer import viewed
from monitor.holds import Holds
from monitor.ledger.entry import (
    AlertHeld,
    AlertsReleased,
    ClockAnchored,
    MaintenanceDeclared,
    Record,
    SilenceDeclared,
    SilenceEnded,
    read_record,
)
from monitor.model import OutboxRow
from monitor.store import reader
from monitor.store.ledger import Commit, Ledger
from monitor.store.pinned import PinnedDatabase
from monitor.verify import verify
from tests.daemon.recording import Recording, links
from tests.store.building import KEY, ledger_at, opened

MINUTE_US = 60_000_000


class City:
    """Two links of one site, a route that hears of everything, and every second committed."""

    def __init__(self, root: Path, ledger: Ledger) -> None:
        self.ledger = ledger
        place = links(root / "etc", {"fo": "192.0.2.1", "lte": "192.0.2.2"})
        place.links["lte"]["labels"] = {"ring": "north"}
        place.links["far"] = {
            "site": "office",
            "role": "backup",
            "address": "192.0.2.3",
            "parents": ["lte"],
        }
        self.scene = Recording(place)
        recorder = self.scene.recorder
        recorder.routes = {"noc": Route(name="noc", url="")}
        recorder.anchor_index = 1
        anchor = recorder.anchor
        start = ClockAnchored(
            wall_us=anchor.wall_us,
            boottime_ns=anchor.boottime_ns,
            boot_id="boot",
            why="start",
            step_us=0,
        )
        entries = [opened(), start.to_bytes(), *(one.to_bytes() for one in self.scene.plan.defined)]
        ledger.append(Commit(entries=entries))
        recorder.holding.advance(viewed(ledger.fold))
        self.told: list[OutboxRow] = []
        for link in ("fo", "lte"):
            self.see(link, answers=True)

    @property
    def now_us(self) -> int:
        return self.scene.recorder.anchor.wall_at(self.scene.now_ns)

    def commit(self) -> None:
        """The second hand, and what the daemon does after a commit."""
        draft = self.scene.draft()
        if draft is not None:
            committed = self.ledger.append(draft.commit)
            self.scene.recorder.accept(draft, committed, anchor_now(self.scene))
            self.told += committed.outbox
            self.scene.recorder.holding.advance(viewed(self.ledger.fold))
        self.scene.pass_s(1)

    def see(self, link: str, *, answers: bool, times: int = 3) -> None:
        """So many observations, each committed."""
        for _ in range(times):
            self.scene.see(self.scene.item(link), answers)
            self.commit()

    def write(self, entry: Record) -> int:
        """An operator's entry; its index."""
        found: list[int] = []
        self.scene.recorder.add(entry, told=found.append)
        self.commit()
        return found[0]

    def silence(self, *targets: str, minutes: int = 60, **more: Any) -> int:
        """A silence from now on."""
        about: dict[str, Any] = {"targets": targets, "tags": (), "rules": (), **more}
        return self.write(
            SilenceDeclared(
                **about,
                until_us=self.now_us + minutes * MINUTE_US,
                author="ayu",
                reason="fibre is moved",
                at_us=self.now_us,
            )
        )

    def pass_minutes(self, minutes: int) -> None:
        self.scene.pass_s(minutes * 60)
        self.commit()

    def restart(self) -> None:
        """Whatever the recorder knew of holds comes from the ledger again."""
        with self.ledger.engine.connect() as connection:
            self.scene.recorder.opened_to = reader.opened_to(connection)
        self.scene.recorder.holding = Holding()
        self.scene.recorder.holding.advance(viewed(self.ledger.fold))

    def messages(self) -> list[tuple[str, str]]:
        """(act or silence, target or what held it back) of everything that was told, in order."""
        found = []
        for row in self.told:
            payload = json.loads(row.payload)
            if "silence" in payload:
                counts = payload["silence"]["counts"]
                found.append(("sum", f"{counts['held']}/{counts['standing']}/{counts['over']}"))
            else:
                held = payload.get("held")
                late = f" late:{held['cause']}" if held else ""
                found.append((payload["act"], payload["target"] + late))
        return found

    def entries(self, *kinds: type[Record]) -> list[Record]:
        """The entries of these kinds, in order."""
        with self.ledger.engine.connect() as connection:
            raw = [r for _, r in reader.read_entries(connection, 0, self.ledger.size)]
        found = (read_record(one) for one in raw if one[2] != 1)
        return [one for one in found if isinstance(one, kinds)]


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    """A city whose ledger is intact at the end, derived rows included."""
    url = f"sqlite:///{tmp_path}/ledger.db"
    with ledger_at(url, tmp_path / "mark") as ledger:
        yield City(tmp_path, ledger)
    with PinnedDatabase(url) as source:
        proof = verify(source, KEY.verifier)
    assert (proof.verdict, proof.findings) == ("intact", [])


def test_without_a_hold_people_are_told_at_once(city: City) -> None:
    """The opening and the recovery, and no entry about holding back."""
    city.see("fo", answers=False)
    city.see("fo", answers=True)
    assert city.messages() == [("opened", "fo"), ("closed", "fo")]
    assert city.entries(AlertHeld, AlertsReleased) == []


def test_what_still_stands_is_told_when_a_silence_expires(city: City) -> None:
    """One incident ends within it and one stands: one late message, and the sum; once."""
    number = city.silence("fo", "lte", minutes=10)
    city.see("fo", answers=False)
    city.see("lte", answers=False)
    city.see("lte", answers=True)
    assert city.messages() == []
    held = [(one.cause, one.by, one.routes) for one in city.entries(AlertHeld)]  # type: ignore[attr-defined]
    assert held == [("silence", number, ("noc",))] * 2
    city.pass_minutes(10)
    city.pass_minutes(1)
    assert city.messages() == [("opened", "fo late:silence"), ("sum", "2/1/1")]
    with city.ledger.engine.connect() as connection:
        assert reader.held_counts(connection) == {number: 2}
        (row,) = reader.silences(connection, since_us=0)
        assert (row.targets, row.ended_by) == (("fo", "lte"), "")
    (ended,), (let_go,) = city.entries(SilenceEnded), city.entries(AlertsReleased)
    assert isinstance(ended, SilenceEnded)
    assert isinstance(let_go, AlertsReleased)
    assert (ended.silence, ended.author) == (number, "")
    assert let_go.counts == {"held": 2, "standing": 1, "over": 1, "held-on": 0}
    city.see("fo", answers=True)
    assert city.messages()[-1] == ("closed", "fo")


def test_what_ends_in_the_second_of_the_silences_end_is_over(city: City) -> None:
    """Nobody is told of an incident that the same commit closes."""
    city.silence("fo", minutes=5)
    city.see("fo", answers=False)
    city.scene.pass_s(5 * 60)
    for _ in range(3):
        city.scene.see(city.scene.item("fo"), True)
        city.scene.pass_s(0.1)
    city.commit()
    city.commit()
    assert city.ledger.fold.incidents == {}
    assert city.messages() == [("sum", "1/0/1")]


def test_a_silence_that_a_person_ends_lets_go_at_once(city: City) -> None:
    """The late message has the id that it would have had at once."""
    number = city.silence("office")
    city.see("lte", answers=False)
    incident = next(iter(city.ledger.fold.incidents))
    city.write(SilenceEnded(silence=number, author="budi", reason="done", at_us=city.now_us))
    city.commit()
    assert json.loads(city.told[0].payload)["consequences"]["names"] == ["far"]
    assert city.messages() == [("opened", "lte late:silence"), ("sum", "1/1/0")]
    assert [(row.incident, row.step) for row in city.told] == [(incident, 0), (number, 1)]
    city.see("lte", answers=True)
    assert city.messages()[-1] == ("closed", "lte")


def test_who_was_told_before_a_silence_hears_of_the_recovery(city: City) -> None:
    """And what still stands at its end is in the sum, although nothing was held back."""
    city.see("fo", answers=False)
    city.silence("fo", minutes=5)
    city.pass_minutes(5)
    assert city.messages() == [("opened", "fo"), ("sum", "0/0/0")]
    payload = json.loads(city.told[-1].payload)["silence"]
    assert [one["target"] for one in payload["standing"]] == ["fo"]
    city.see("fo", answers=True)
    assert city.messages()[-1] == ("closed", "fo")


def test_labels_and_rules_must_all_fit(city: City) -> None:
    """A silence of one ring's rule holds back nothing else."""
    city.silence(tags=("ring=north",), rules=("no-such-rule",))
    city.see("lte", answers=False)
    assert city.messages() == [("opened", "lte")]
    city.see("lte", answers=True)
    city.silence(tags=("ring=north",))
    city.see("lte", answers=False)
    city.see("fo", answers=False)
    assert city.messages() == [("opened", "lte"), ("closed", "lte"), ("opened", "fo")]


def test_maintenance_wakes_nobody_and_tells_what_outlasts_it(city: City) -> None:
    """Declared for the site; one link is back in time, the other is told late, without a sum."""
    begins = city.now_us + 2 * MINUTE_US
    city.write(
        MaintenanceDeclared(
            targets=("office",),
            since_us=begins,
            until_us=begins + 10 * MINUTE_US,
            author="ayu",
            reason="new switch",
            at_us=city.now_us,
        )
    )
    city.pass_minutes(2)
    for link in ("fo", "lte"):
        city.see(link, answers=True)
        city.see(link, answers=False)
    city.see("lte", answers=True)
    assert city.messages() == []
    city.restart()
    city.pass_minutes(10)
    city.pass_minutes(1)
    assert city.messages() == [("opened", "fo late:maintenance")]
    assert json.loads(city.told[0].payload)["held"]["reason"] == "new switch"


def test_what_something_else_holds_back_by_then_waits_for_that(city: City) -> None:
    """Two silences over one link: told once, when the later one is over; over a restart too."""
    first = city.silence("fo", minutes=5)
    second = city.silence("office", minutes=30)
    city.see("fo", answers=False)
    city.pass_minutes(5)
    assert city.messages() == [("sum", "1/0/0")]
    assert [one.by for one in city.entries(AlertHeld)] == [first, second]  # type: ignore[attr-defined]
    city.restart()
    city.pass_minutes(30)
    city.restart()
    city.pass_minutes(1)
    assert city.messages()[1:] == [("opened", "fo late:silence"), ("sum", "1/1/0")]


def test_a_route_that_is_gone_is_told_nothing_late(city: City) -> None:
    """As with every later step."""
    city.silence("fo", minutes=5)
    city.see("fo", answers=False)
    city.scene.recorder.routes = {}
    city.pass_minutes(5)
    assert city.messages() == []
    assert len(city.entries(AlertsReleased)) == 1


def test_acknowledgements_are_steps_with_the_persons_words(city: City) -> None:
    """Two in one second on one incident: the second waits for its own commit; one unknown: none."""
    city.see("fo", answers=False)
    (incident,) = city.ledger.fold.incidents
    heard: list[int | None] = []
    for number in (incident, incident, 10**6):
        city.scene.recorder.acknowledging.append(
            Acknowledgement(incident=number, author="ayu", reason="on my way", told=heard.append)
        )
    city.commit()
    assert len(heard) == 2
    assert heard[0] is None
    city.commit()
    assert len(heard) == 3
    row = city.ledger.fold.incidents[incident]
    assert (row.acknowledged_by, row.acknowledged_reason) == ("ayu", "on my way")
    assert row.acknowledged_us is not None
    assert city.messages() == [("opened", "fo"), ("acknowledged", "fo"), ("acknowledged", "fo")]
    city.see("fo", answers=True)
    assert city.messages()[-1] == ("closed", "fo")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"targets": ["fo"], "length_us": LONGEST_US + 1}, "silence.length"),
    ({"targets": ["fo"], "length_us": 0}, "silence.length"),
    ({"targets": [], "length_us": 1}, "silence.nothing"),
    ({"targets": ["f"], "length_us": 1}, "cli.unknown-target-near"),
    ({"targets": ["dermaga"], "length_us": 1}, "cli.unknown-target"),
    ({"tags": ["ring"], "length_us": 1}, "silence.tag"),
    ({"rules": ["no-such"], "length_us": 1}, "silence.rule"),
    ({"targets": ["fo"], "length_us": 1, "reason": " "}, "declare.reason"),
    ({"targets": "fo", "length_us": 1}, "cli.request"),
    ({"targets": [7], "length_us": 1}, "cli.request"),
    ({"targets": ["fo"], "length_us": True}, "cli.request"),
    ({"act": "silence-end", "id": 3}, "silence.none-stands"),
    ({"act": "other"}, "cli.request"),
]


def test_a_silence_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """Before anything is written, with what to do instead."""
    scene = Recording(links(tmp_path, {"fo": "192.0.2.1"}))
    desk = SilenceDesk(
        configuration=scene.plan.configuration, holds=Holds(), now_us=10**15, author="ayu"
    )
    for request, code in REFUSED:
        with pytest.raises(ControlError) as refused:
            silence_entry({"act": "silence", "reason": "why", **request}, desk)
        assert (refused.value.code, request) == (code, request)
