"""When an incident opens and closes: moment by moment, and for any history."""

import copy
from dataclasses import dataclass, field, replace
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.incident import (
    HOLD_LIMIT_US,
    Book,
    Judged,
    Proposal,
    Subject,
)
from monitor.labels import BLIND, UNREACHABLE
from monitor.ledger.entry import IncidentStepped
from monitor.model import Act, Severity, State
from monitor.sight import AGENT, Sights
from policies.confirm import Confirm, Quorum

S = 1_000_000
UP, DOWN = State.AVAILABLE, State.UNAVAILABLE


@dataclass
class Town:
    """A book and what was seen, driven by hand; every proposal is accepted with fresh ids."""

    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    canaries: tuple[str, ...] = ()
    confirm: Confirm = field(default_factory=Confirm)
    book: Book = field(default_factory=Book)
    told: list[str] = field(default_factory=list)
    ids: int = 100

    def __post_init__(self) -> None:
        self.sights = Sights(parents=self.parents, canaries=self.canaries)

    def judged(self, target: str, good: bool, at_s: int) -> Judged:
        """One judgement, noted as seen."""
        self.sights.note(target, crc32(target.encode()), UP if good else DOWN, at_s * S)
        return Judged(
            subject=Subject(crc32(target.encode()), "base", "answers"),
            target=target,
            check="icmp",
            family=4,
            severity=Severity.CRITICAL,
            confirm=self.confirm,
            violated=not good,
            reasons=() if good else (f"loss 1.00 > 0.05 at {at_s}",),
            at_us=at_s * S,
        )

    def look(self, at_s: int, **seen: bool) -> Proposal:
        """One round: targets seen good or bad at one moment; steps are told as words."""
        judged = [self.judged(name, good, at_s) for name, good in seen.items()]
        proposal = self.book.propose(judged, self.sights, at_s * S)
        self.accept(proposal)
        return proposal

    def accept(self, proposal: Proposal) -> None:
        """As the daemon does after a commit."""
        opened = {}
        for subject, step in proposal.steps:
            IncidentStepped.of(step).to_bytes()  # every step is a valid entry
            self.told.append(f"{step.target} {step.act.value}")
            if step.act is Act.OPENED:
                self.ids += 1
                opened[subject] = self.ids
        self.book.accept(proposal, opened)


def test_two_of_three_bad_open_and_two_good_close() -> None:
    """The outage began at its first bad observation, and ended at its first good one."""
    town = Town()
    town.look(1, web=False)
    town.look(2, web=True)
    assert town.told == []
    (opening,) = town.look(3, web=False).steps
    assert (opening[1].act, opening[1].since_us, opening[1].at_us) == (Act.OPENED, 1 * S, 3 * S)
    town.look(4, web=True)
    town.look(5, web=False)
    town.look(6, web=True)
    ((_, closing),) = town.look(7, web=True).steps
    assert (closing.act, closing.since_us, closing.at_us) == (Act.CLOSED, 6 * S, 7 * S)
    assert (closing.incident, closing.step) == (101, 1)
    assert closing.reasons == ("loss 1.00 > 0.05 at 5",), "a recovery names what was wrong last"
    assert town.book.standings == {}


def test_one_bad_observation_that_slid_out_is_forgotten() -> None:
    """With 3 of 4 the run begins at the oldest bad one among the last four."""
    town = Town(confirm=Confirm(open=Quorum(3, 4)))
    for at_s, good in enumerate([False, True, True, False, False], 1):
        town.look(at_s, web=good)
    ((_, opening),) = town.look(6, web=False).steps
    assert opening.since_us == 4 * S


def test_a_target_that_is_well_again_by_the_commit_is_told_all_the_same() -> None:
    """N of M say so, however many observations one commit takes in."""
    town = Town(parents={"web": ("core",)})
    town.look(1, core=True)
    judged = [town.judged("web", good, at) for at, good in ((2, False), (3, False), (4, True))]
    judged.append(town.judged("core", True, 4))
    town.accept(town.book.propose(judged, town.sights, 5 * S))
    assert town.told == ["web opened"]


def test_a_proposal_that_was_not_accepted_changes_nothing() -> None:
    """A failed commit is proposed again, the same."""
    town = Town()
    town.look(1, web=False)
    judged = [town.judged("web", False, 2)]
    before = copy.deepcopy((town.book.standings, town.book.labels))
    first = town.book.propose(judged, town.sights, 2 * S)
    assert (town.book.standings, town.book.labels) == before
    assert town.book.propose(judged, town.sights, 2 * S) == first
    assert [step.act for _, step in first.steps] == [Act.OPENED]


def test_an_opening_without_an_id_is_not_accepted() -> None:
    """An incident that no entry names would never be closed."""
    town = Town()
    town.look(1, web=False)
    proposal = town.book.propose([town.judged("web", False, 2)], town.sights, 2 * S)
    with pytest.raises(KeyError):
        town.book.accept(proposal, {})


def test_an_unknown_way_is_asked_for_and_holds_the_incident() -> None:
    """Parent and child are looked at; the child is told when both answers have come."""
    town = Town(parents={"web": ("core",)})
    town.look(0, core=True)
    town.look(1, web=False)
    assert town.look(2, web=False).asks == {"core", "web"}
    town.look(3, core=True)
    assert town.told == []
    assert town.look(4, web=False).asks == {"core"}
    town.look(5, core=True)
    assert town.told == ["web opened"]


def test_a_blip_of_the_parent_that_nobody_saw_accuses_no_child() -> None:
    """The parent answers when it is asked, and so does the child: nothing was wrong with it."""
    town = Town(parents={"web": ("core",)})
    town.look(0, core=True)
    town.look(1, web=False)
    town.look(2, web=False)
    town.look(3, core=True, web=True)
    for at_s in range(4, 40):
        town.look(at_s, core=True, web=True)
    assert town.told == []
    assert town.book.standings == {}


def test_what_was_bad_before_the_way_was_clear_does_not_count() -> None:
    """The parent was seen down between two bad observations: the child is confirmed anew."""
    town = Town(parents={"web": ("core",)})
    town.look(1, core=True)
    town.look(2, web=False)
    town.look(3, core=False)
    assert town.look(4, web=False, core=True).asks == {"web"}
    town.look(5, web=False, core=True)
    assert town.told == []
    town.look(6, web=False, core=True)
    assert town.told == ["web opened"]


@pytest.mark.parametrize(
    ("reached", "told"), [(True, ["gateway opened", "gateway closed"]), (False, [])]
)
def test_what_came_over_the_way_needs_no_sight_of_it(reached: bool, told: list[str]) -> None:
    """A failover that one look tells of opens though the canary suffered from it; silence not."""
    once = Confirm(open=Quorum(1, 1), close=Quorum(1, 1))
    town = Town(canaries=("canary",), confirm=once)
    town.look(1, canary=True, gateway=True)
    town.look(2, canary=False)
    event = replace(town.judged("gateway", False, 3), check="vrrp", reached=reached)
    town.accept(town.book.propose([event], town.sights, 3 * S))
    town.look(4, canary=True, gateway=True)
    town.look(5, canary=True, gateway=True)
    assert [step for step in town.told if step.startswith("gateway")] == told


def test_a_shadow_that_nobody_renews_is_given_up() -> None:
    """A parent that can be measured no more does not silence its children for ever."""
    town = Town(parents={"web": ("core",)})
    town.look(1, web=False)
    town.look(2, web=False, core=False)
    assert (UNREACHABLE, "web") in town.book.labels
    for at_s in range(3, 2 + 2 * (HOLD_LIMIT_US // S) + 2):
        town.look(at_s, web=False)
    assert town.told == ["web opened"]
    assert town.book.labels == {}


def test_a_target_of_which_something_answers_is_not_unreachable() -> None:
    """Its page fails while its connection works: the page is told, whatever the parent says."""
    town = Town(parents={"web": ("core",)})
    for at_s in (1, 2, 3):
        town.sights.note("core", 0, DOWN, at_s * S)
        town.sights.note("web", 7, UP, at_s * S)
        town.look(at_s, web=False)
    assert town.told == ["web opened"]


def test_the_cause_is_what_failed_itself() -> None:
    """Behind a line that is cut off as well, a child names the core, as soon as that is seen."""
    town = Town(parents={"web": ("line",), "line": ("core",)})
    town.look(1, web=False)
    (begun,) = town.look(2, web=False, line=False).labels
    assert begun.cause == "line"
    town.look(3, web=False, line=False, core=False)
    assert {key[1]: label.cause for key, label in town.book.labels.items()} == {
        "web": "core",
        "line": "core",
    }
    assert town.book.labels[UNREACHABLE, "web"].since_us == 1 * S


def test_a_way_that_stays_unknown_holds_for_a_limited_time() -> None:
    """Then the bad observations count as they are."""
    town = Town(parents={"web": ("core",)})
    town.look(1, web=False)
    town.look(2, web=False)
    town.look(2 + HOLD_LIMIT_US // S - 1)
    assert town.told == []
    town.look(2 + HOLD_LIMIT_US // S)
    assert town.told == ["web opened"]


def test_newer_bad_observations_do_not_make_an_answer_stale() -> None:
    """A child that is seen faster than its parent is not accused because the parent is slow."""
    town = Town(parents={"web": ("core",)}, canaries=("gate",))
    town.look(1, web=False)
    assert town.look(2, web=False).asks == {"core", "gate", "web"}
    town.look(3, web=False, gate=True)
    town.look(4, web=False)
    town.look(5, web=False, core=False)
    town.look(2 + HOLD_LIMIT_US // S, web=False)
    assert town.told == []
    assert ("unreachable", "web") in town.book.labels


def test_a_hold_that_was_broken_begins_anew() -> None:
    """A target that recovered meanwhile has the whole time again."""
    town = Town(parents={"web": ("core",)})
    for at_s, good in ((1, False), (2, False), (3, True), (4, True)):
        town.look(at_s, web=good)
    late = 2 + HOLD_LIMIT_US // S
    town.look(late, web=False)
    town.look(late + 1, web=False)
    assert town.told == []


def test_behind_a_dead_parent_a_child_is_unreachable_not_down() -> None:
    """A label and no incident; after the parent's recovery it must be confirmed bad anew."""
    town = Town(parents={"web": ("core",)})
    town.look(1, web=False)
    town.look(2, web=False, core=False)
    assert list(town.book.labels) == [(UNREACHABLE, "web")]
    assert town.book.labels[UNREACHABLE, "web"].since_us == 1 * S
    town.look(3, web=False, core=False)
    assert town.told == ["core opened"]
    proposal = town.look(5, core=True)
    assert proposal.asks == {"web"}
    assert [(label.until_us, label.cause) for label in proposal.labels] == [(5 * S, "core")]
    town.look(6, web=False, core=True)
    assert town.told == ["core opened", "core closed"]
    town.look(7, web=False, core=True)
    assert town.told[-1] == "web opened"


def test_a_label_ends_when_the_child_itself_is_reached() -> None:
    """A parent that never answers, but lets traffic through, hides nothing for long."""
    town = Town(parents={"web": ("core",)})
    town.look(1, web=False)
    town.look(2, web=False, core=False)
    proposal = town.look(3, web=True, core=False)
    assert [label.until_us for label in proposal.labels] == [3 * S]
    assert town.book.labels == {}


@pytest.mark.parametrize("by_s", [-3_600, 3_600])
def test_a_label_ends_in_time_after_the_clock_was_stepped(by_s: int) -> None:
    """By the next sight of its parent on the new scale; the time told on the old one stays."""
    town = Town(parents={"web": ("core",)})
    for at_s in (10_001, 10_002, 10_003):
        town.look(at_s, web=False, core=False)
    town.book.shift(by_s * S, 10_004 * S)
    town.sights.shift(by_s * S)
    town.look(10_004 + by_s, web=False, core=False)
    assert list(town.book.labels) == [(UNREACHABLE, "web")]
    (ended,) = town.look(10_005 + by_s, core=True).labels
    assert ended.since_us == 10_001 * S
    assert ended.until_us == max(10_004, 10_005 + by_s) * S
    town.look(10_006 + by_s, web=True, core=True)
    assert town.book.labels == {}


def test_a_held_child_is_told_in_time_after_the_clock_was_set_back() -> None:
    """The limit of its hold is counted on one scale."""
    town = Town(parents={"web": ("core",)})
    town.look(10_001, web=False)
    town.look(10_002, web=False)
    town.book.shift(-3_600 * S, 10_002 * S)
    town.sights.shift(-3_600 * S)
    town.look(6_402 + HOLD_LIMIT_US // S)
    assert town.told == ["web opened"]


def test_an_older_sight_of_the_parent_does_not_end_a_label() -> None:
    """Another series of the parent, last seen working before the child's last bad observation."""
    town = Town(parents={"web": ("core",)})
    town.look(1, web=False)
    town.sights.note("core", 7, UP, 1 * S + 5)
    town.look(2, web=False, core=False)
    town.look(3, web=False, core=False)
    assert list(town.book.labels) == [(UNREACHABLE, "web")]


def test_one_dead_core_over_sixty_children_is_one_incident() -> None:
    """Sixty labels, one alert; when it comes back, every label ends."""
    children = {f"web{n}": ("core",) for n in range(60)}
    town = Town(parents=dict(children))
    for at_s in range(1, 8):
        core = {"core": False} if at_s > 1 else {}
        town.look(at_s, **core, **dict.fromkeys(children, False))
    assert town.told == ["core opened"]
    assert len(town.book.labels) == 60
    town.look(8, core=True)
    town.look(9, core=True, **dict.fromkeys(children, True))
    assert town.told == ["core opened", "core closed"]
    assert town.book.labels == {}
    assert town.book.standings == {}


def test_a_blind_agent_accuses_nobody() -> None:
    """Every canary fails: one label on the agent itself, until one of them answers."""
    town = Town(canaries=("c1", "c2"))
    for name in ("c1", "c2"):
        town.sights.note(name, 0, DOWN, 3 * S)
    town.look(1, web=False, mail=False)
    town.look(2, web=False, mail=False)
    assert list(town.book.labels) == [(BLIND, AGENT)]
    assert town.told == []
    town.sights.note("c2", 0, UP, 9 * S)
    (ended,) = town.look(9).labels
    assert (ended.label, ended.until_us) == (BLIND, 9 * S)


def test_a_removed_target_closes_as_withdrawn() -> None:
    """Its open incident ends; a subject that stood nowhere is passed over."""
    town = Town()
    town.look(1, web=False)
    town.look(2, web=False)
    (subject,) = town.book.standings
    proposal = town.book.withdraw([subject, Subject(0, "x", "y")], 9 * S)
    ((_, step),) = proposal.steps
    assert (step.act, step.incident, step.step, step.at_us) == (Act.WITHDRAWN, 101, 1, 9 * S)
    town.accept(proposal)
    assert town.book.standings == {}


def test_a_removed_unreachable_target_loses_its_label() -> None:
    """At the moment of its removal, not at the label's start."""
    town = Town(parents={"web": ("core",)})
    town.look(1, web=False)
    town.look(2, web=False, core=False)
    gone = [s for s, standing in town.book.standings.items() if standing.last.target == "web"]
    (label,) = town.book.withdraw(gone, 9 * S).labels
    assert (label.target, label.until_us) == ("web", 9 * S)


def test_an_acknowledgement_is_a_step_of_its_own() -> None:
    """The recovery comes after it in number; an unknown incident has none."""
    town = Town()
    town.look(1, web=False)
    town.look(2, web=False)
    proposal = town.book.acknowledge(101, "ayu", 3 * S, "the provider knows")
    assert proposal is not None
    ((_, step),) = proposal.steps
    assert (step.step, step.author, step.reasons) == (1, "ayu", ("the provider knows",))
    town.accept(proposal)
    town.look(4, web=True)
    ((_, closing),) = town.look(5, web=True).steps
    assert closing.step == 2
    assert town.book.acknowledge(101, "ayu", 6 * S) is None


def test_an_incident_resumed_after_a_restart_closes_by_its_id() -> None:
    """Its window begins empty: two good observations close it."""
    town = Town()
    last = town.judged("web", False, 1)
    town.book.resume(last.subject, last, incident=77, step=1)
    town.look(2, web=True)
    ((_, closing),) = town.look(3, web=True).steps
    assert (closing.incident, closing.step) == (77, 2)


WINDOWS = st.integers(1, 5).flatmap(lambda m: st.tuples(st.integers(1, m), st.just(m)))


@given(WINDOWS, WINDOWS, st.lists(st.booleans(), max_size=60))
def test_incidents_follow_n_of_m_exactly(
    opening: tuple[int, int], closing: tuple[int, int], goods: list[bool]
) -> None:
    """Against a list of all judgements: it opens and closes when, and only when, N of M say so."""
    confirm = Confirm(open=Quorum(*opening), close=Quorum(*closing))
    town, expected, is_open, run = Town(confirm=confirm), [], False, list[tuple[int, bool]]()
    for at_s, good in enumerate(goods, 1):
        for _, step in town.look(at_s, web=good).steps:
            marks = [at for at, bad in run_of(run, at_s, good, confirm, is_open) if bad]
            assert step.since_us == marks[0] * S
        run.append((at_s, good))
        n, m = closing if is_open else opening
        wanted = [g == is_open for _, g in run[-m:]]
        if sum(wanted) >= n:
            is_open = not is_open
            expected.append("web opened" if is_open else "web closed")
            run = []
    assert town.told == expected


def run_of(
    run: list[tuple[int, bool]], at_s: int, good: bool, confirm: Confirm, is_open: bool
) -> list[tuple[int, bool]]:
    """The last M judgements since the last step, and which of them count."""
    width = confirm.close.of if is_open else confirm.open.of
    return [(at, g == is_open) for at, g in [*run, (at_s, good)][-width:]]


NAMES = st.sampled_from(["core", "web", "mail", "c"])
ROUNDS = st.lists(st.dictionaries(NAMES, st.booleans(), max_size=4), max_size=40)


@given(ROUNDS)
def test_any_history_keeps_the_book_straight(rounds: list[dict[str, bool]]) -> None:
    """Never two open incidents of one subject, steps counted without gaps, no label left over."""
    town = Town(parents={"web": ("core",), "mail": ("core",)}, canaries=("c",))
    steps: dict[int, int] = {}
    for at_s, seen in enumerate(rounds, 1):
        before = dict(town.book.standings)
        proposal = town.look(at_s, **seen)
        for subject, step in proposal.steps:
            if step.act is Act.OPENED:
                assert before.get(subject) is None or before[subject].incident is None
                standing = town.book.standings[subject]
                assert standing.incident is not None
                steps[standing.incident] = 0
            else:
                assert step.incident is not None
                assert step.step == steps.pop(step.incident) + 1
        started = [label for label in proposal.labels if label.until_us is None]
        assert len({(label.label, label.target) for label in started}) == len(started)
        assert all(
            label.until_us is None or label.until_us > label.since_us for label in proposal.labels
        )
    now = len(rounds)
    for at_s in range(now + 1, now + 12):
        town.look(at_s, c=True, core=True, web=True, mail=True)
    assert town.book.standings == {}
    assert town.book.labels == {}
