"""Between two commits: what is seen while one is under way, and what was asked for without one."""

from pathlib import Path

import pytest

from monitor.ledger.batch import Batch
from monitor.ledger.entry import BATCH_CODE, SeriesDefined, code_of, read_record
from monitor.model import Fault, FaultKind
from tests.daemon.recording import Recording, S, links, two_legs


def test_a_good_observation_during_the_commit_that_takes_the_first_bad_one_counts(
    tmp_path: Path,
) -> None:
    """2 of 3 bad opens; good ones seen while the store is slow lie between, and nothing opens."""
    scene = Recording(links(tmp_path, {"line": "192.0.2.1"}))
    line = scene.item("line")
    scene.see(line, answers=False)
    under_way = scene.draft()
    for _ in range(2):
        scene.pass_s(10)
        scene.see(line, answers=True)
    scene.accept(under_way)
    scene.pass_s(10)
    scene.see(line, answers=False)
    scene.commit()
    scene.pass_s(1)
    scene.commit()
    assert scene.opened == []


def test_an_answer_during_the_commit_that_opens_counts_towards_the_end(tmp_path: Path) -> None:
    """Good observations while the opening is under way close it, as soon as it is committed."""
    scene = Recording(links(tmp_path, {"line": "192.0.2.1"}))
    line = scene.item("line")
    for _ in range(2):
        scene.see(line, answers=False)
        scene.pass_s(1)
    under_way = scene.draft()
    for _ in range(2):
        scene.see(line, answers=True)
        scene.pass_s(1)
    scene.accept(under_way)
    assert scene.opened == ["line"]
    scene.commit()
    assert not scene.recorder.accumulator.book.standings


@pytest.mark.parametrize("seconds", [34, 35])
def test_a_way_is_asked_after_in_a_second_without_observations(
    tmp_path: Path, seconds: int
) -> None:
    """A parent's outage that nobody looked at of late is looked at before its child is accused."""
    place = links(tmp_path, {"core": "192.0.2.1", "line": "192.0.2.2"})
    place.links["line"]["parents"] = ["core"]
    scene = Recording(place)
    for target in ("line", "line", "core"):
        scene.see(scene.item(target), answers=False)
        scene.commit()
        scene.pass_s(1)
    assert ("unreachable", "line") in scene.recorder.accumulator.book.labels
    for _ in range(seconds):
        scene.commit()
        scene.pass_s(1)
    scene.asked.clear()
    scene.see(scene.item("line"), answers=False)
    for _ in range(3):
        scene.commit()
        scene.pass_s(1)
    assert {"line", "core"} <= set(scene.asked)


@pytest.mark.parametrize("canary_first", [False, True])
def test_a_blind_agent_goes_on_seeing_its_canary(tmp_path: Path, canary_first: bool) -> None:
    """Through two minutes without an uplink the canary alone is told of, and the agent is blind.

    The label may come before the canary is confirmed bad, or after it.
    """
    place = links(tmp_path, {"line": "192.0.2.2"})
    place.canaries = {"gate": {"address": "192.0.2.9"}}
    scene = Recording(place)
    scene.see(scene.item("gate" if canary_first else "line"), answers=False)
    for _ in range(120):
        scene.pass_s(0.5)
        scene.see(scene.item("line"), answers=False)
        scene.pass_s(0.5)
        scene.see(scene.item("gate"), answers=False)
        scene.commit()
    assert list(scene.recorder.accumulator.book.labels) == [("blind", "agent")]
    assert scene.opened == ["gate"]


def test_a_way_is_asked_after_while_the_commit_is_still_under_way(tmp_path: Path) -> None:
    """A store that is locked for longer than a subject is held must not have its child accused."""
    place = links(tmp_path, {"core": "192.0.2.1", "line": "192.0.2.2"})
    place.links["line"]["parents"] = ["core"]
    scene = Recording(place)
    for _ in range(2):
        scene.pass_s(1)
        scene.see(scene.item("line"), answers=False)
    scene.locked = True
    scene.commit()
    assert set(scene.asked) == {"line", "core"}
    assert not scene.committing.commits


def test_a_family_that_has_no_address_any_more_does_not_answer(tmp_path: Path) -> None:
    """A name lost its AAAA; its IPv4 failing, what hangs on it is told of and labelled."""
    place = links(tmp_path, {"core": "core.example", "line": "192.0.2.2"})
    place.links["line"]["parents"] = ["core"]
    scene = Recording(place)
    four, six = (scene.item("core", family=family) for family in (4, 6))
    for item in (four, six):
        scene.see(item, answers=True)
    scene.pass_s(1)
    scene.see(six, answers=False, fault=Fault(kind=FaultKind.ABSENT, message="no IPv6 address"))
    scene.see(four, answers=False)
    assert not scene.recorder.accumulator.sights.answers("core")


def test_an_incident_of_a_family_without_addresses_is_withdrawn(tmp_path: Path) -> None:
    """As many absences in a row as would close it; the other family's incident stands."""
    scene = Recording(links(tmp_path, {"core": "core.example"}))
    four, six = (scene.item("core", family=family) for family in (4, 6))
    for _ in range(2):
        scene.see(four, answers=False)
        scene.see(six, answers=False)
        scene.commit()
        scene.pass_s(1)
    standings = scene.recorder.accumulator.book.standings
    assert {subject.series for subject in standings} == {four.number, six.number}
    absent = Fault(kind=FaultKind.ABSENT, message="no IPv6 address")
    scene.see(six, answers=False, fault=absent)
    scene.commit()
    assert {subject.series for subject in standings} == {four.number, six.number}
    scene.see(six, answers=False, fault=absent)
    scene.commit()
    assert {subject.series for subject in standings} == {four.number}
    assert all(standing.incident is not None for standing in standings.values())


def test_a_site_that_loses_its_last_leg_too_is_down_and_not_unreachable(tmp_path: Path) -> None:
    """Its links are what it is made of, not what stands before it: an outage stays one."""
    scene = Recording(two_legs(tmp_path))

    def observe(*, fo: bool, lte: bool) -> None:
        scene.see(scene.item("fo"), answers=fo)
        scene.see(scene.item("lte"), answers=lte)
        scene.pass_s(0.1)
        scene.look("office")
        scene.commit()
        scene.pass_s(10)

    for fo, lte in ((True, True), (False, True), (False, True), (False, False), (False, False)):
        observe(fo=fo, lte=lte)
        book = scene.recorder.accumulator.book
        assert ("unreachable", "office") not in book.labels
    assert scene.opened == ["fo", "office", "lte"]


def test_a_single_bad_probe_of_a_leg_does_not_confirm_itself(tmp_path: Path) -> None:
    """The site is looked at when the leg turns and at its own time: one observation, one count."""
    scene = Recording(two_legs(tmp_path))
    for answers in (True, False, True, False, False):
        scene.see(scene.item("lte"), answers=True)
        scene.see(scene.item("fo"), answers=answers)
        for _ in range(3):
            scene.pass_s(1)
            scene.look("office")
            scene.commit()
        scene.pass_s(57)
        # Two of three observations of the leg are bad in the end, and only then.
        assert ("office" in scene.opened) == (scene.now_ns >= 1_240 * S)


def test_nothing_is_kept_of_a_site_that_a_reload_took_away(tmp_path: Path) -> None:
    """Its label ends with the next commit; a daemon of years does not remember former sites."""
    scene = Recording(two_legs(tmp_path))
    labels = scene.recorder.accumulator.book.labels
    for answers in (True, False):
        scene.see(scene.item("lte"), answers=True)
        scene.see(scene.item("fo"), answers=answers)
        scene.look("office")
        scene.commit()
        scene.pass_s(1)
    assert ("single-leg", "office") in labels
    scene.legs.legs.blocked_ns["lte"] = 1
    del scene.place.links["lte"]
    scene.reload()
    scene.commit()
    assert not labels
    kept = (scene.recorder.single_legs.marks, scene.legs.legs.blocked_ns, scene.legs._looked)
    assert kept == ({}, {}, {})


def test_reloads_that_share_a_commit_define_a_series_before_what_was_seen_of_it(
    tmp_path: Path,
) -> None:
    """What was seen between two reloads lies between their definitions, none of it before."""
    scene = Recording(links(tmp_path, {"line": "192.0.2.1"}))
    seen = [scene.item("line").number]
    scene.see(scene.item("line"), answers=True)
    for name in ("second", "third"):
        scene.place.links[name] = {**scene.place.links["line"], "address": "192.0.2.7"}
        scene.reload()
        scene.see(scene.item(name), answers=True)
        seen.append(scene.item(name).number)
    draft = scene.draft()
    assert draft is not None
    order: list[tuple[str, int]] = []
    for raw in draft.commit.entries:
        if code_of(raw) == BATCH_CODE:
            order += [("seen", int(n)) for g in Batch.from_bytes(raw).groups for n in g.series]
        elif isinstance(entry := read_record(raw), SeriesDefined):
            order.append(("defined", entry.number))
    line, second, third = seen
    wanted = [("seen", line), *((what, n) for n in (second, third) for what in ("defined", "seen"))]
    assert [one for one in order if one in wanted] == wanted
