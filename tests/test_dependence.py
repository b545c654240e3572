"""Who is told of a failure in a network of parents: any graph, any schedule, simulated time.

The world: a target answers when it works itself and some parent of it answers. The agent: each
target is probed at its own interval and phase, and once more when its answer is asked for; once
a second everything seen goes through the book, as in the daemon.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.incident import HOLD_LIMIT_US, Book, Judged, Proposal, Subject
from monitor.labels import UNREACHABLE
from monitor.model import Act, Severity, State
from monitor.sight import Sights
from policies.confirm import Confirm

MS = 1_000
S = 1_000_000
CONFIRM = Confirm()
SLOWEST_MS = 1_000
"""The longest interval of a target here."""
BOUND_MS = 2 * SLOWEST_MS + 7_000
"""Two observations at the interval, the answers of target and parents, a commit for each."""


@dataclass(frozen=True)
class Node:
    """A target: its parents, when it is probed, and when it does not work itself."""

    parents: tuple[str, ...] = ()
    interval_ms: int = 1_000
    phase_ms: int = 0
    dead_ms: tuple[tuple[int, int], ...] = ()

    def works(self, at_ms: int) -> bool:
        """By itself."""
        return not any(since <= at_ms < until for since, until in self.dead_ms)


@dataclass
class World:
    """The network, the agent, and everything that people were told."""

    nodes: Mapping[str, Node]
    asked: dict[str, int] = field(default_factory=dict)
    opened: list[tuple[str, int, int]] = field(default_factory=list)
    """(target, since, commit) in ms."""
    closed: list[tuple[str, int]] = field(default_factory=list)
    ids: int = 0
    second: int = 0

    def __post_init__(self) -> None:
        self.book = Book()
        self.sights = Sights(parents={key: node.parents for key, node in self.nodes.items()})

    def answers(self, target: str, at_ms: int) -> bool:
        """The truth."""
        return self.nodes[target].works(at_ms) and self.reachable(target, at_ms)

    def reachable(self, target: str, at_ms: int) -> bool:
        """Whether some way to it works."""
        parents = self.nodes[target].parents
        return not parents or any(self.answers(parent, at_ms) for parent in parents)

    def run(self, until_ms: int) -> None:
        """Simulate on to a moment, a commit a second."""
        for second in range(self.second + 1, until_ms // 1_000 + 1):
            self.second = second
            seen: list[tuple[int, str]] = [(at, target) for target, at in self.asked.items()]
            self.asked = {}
            for key, node in self.nodes.items():
                first = (second - 1) * 1_000
                first += (node.phase_ms - first) % node.interval_ms
                seen += [(at, key) for at in range(first, second * 1_000, node.interval_ms)]
            judged = [self._judged(target, at) for at, target in sorted(seen)]
            proposal = self.book.propose(judged, self.sights, second * S)
            self._accept(proposal, second * 1_000)

    def _judged(self, target: str, at_ms: int) -> Judged:
        good = self.answers(target, at_ms)
        state = State.AVAILABLE if good else State.UNAVAILABLE
        self.sights.note(target, crc32(target.encode()), state, at_ms * MS)
        return Judged(
            subject=Subject(crc32(target.encode()), "base", "answers"),
            target=target,
            check="icmp",
            family=4,
            severity=Severity.CRITICAL,
            confirm=CONFIRM,
            violated=not good,
            reasons=() if good else ("loss 1.00 > 0.05",),
            at_us=at_ms * MS,
        )

    def _accept(self, proposal: Proposal, now_ms: int) -> None:
        ids = {}
        for subject, step in proposal.steps:
            if step.act is Act.OPENED:
                self.ids += 1
                ids[subject] = self.ids
                self.opened.append((step.target, step.since_us // MS, now_ms))
            else:
                self.closed.append((step.target, now_ms))
        self.book.accept(proposal, ids)
        self.asked = dict.fromkeys(proposal.asks, now_ms + 50)

    def told(self) -> list[str]:
        """Targets of the alerts, in order."""
        return [target for target, _, _ in self.opened]


END_MS = 90_000
PHASES = st.integers(0, 999)
INTERVALS = st.sampled_from([200, 300, 500, 1_000])
OUTAGES = st.lists(st.tuples(st.integers(4_000, 20_000), st.integers(4_000, 20_000)), max_size=2)


@st.composite
def networks(draw: st.DrawFn) -> dict[str, Node]:
    """Up to seven targets, each behind any of the earlier ones; outages of at least 4 s."""
    nodes: dict[str, Node] = {}
    for n in range(draw(st.integers(1, 7))):
        earlier = sorted(nodes)
        parents = draw(st.sets(st.sampled_from(earlier), max_size=3)) if earlier else set()
        dead, at_ms = [], 0
        for pause_ms, length_ms in draw(OUTAGES):
            dead.append((at_ms + pause_ms, at_ms + pause_ms + length_ms))
            at_ms += pause_ms + length_ms
        nodes[f"t{n}"] = Node(
            parents=tuple(sorted(parents)),
            interval_ms=draw(INTERVALS),
            phase_ms=draw(PHASES),
            dead_ms=tuple(dead),
        )
    return nodes


@settings(max_examples=60, deadline=None)
@given(networks())
def test_nobody_is_accused_for_what_stands_before_it(nodes: dict[str, Node]) -> None:
    """(a) Whoever is told of did not work itself while a way to it did."""
    world = World(nodes)
    world.run(END_MS)
    for target, since_ms, now_ms in world.opened:
        guilty = [at for at in range(since_ms, now_ms + 1, 10) if not nodes[target].works(at)]
        assert guilty, f"{target} worked all the time"
        assert any(world.reachable(target, at) for at in range(since_ms, now_ms + 1, 10))


@settings(max_examples=60, deadline=None)
@given(networks())
def test_every_failure_with_a_way_to_it_is_told_in_time(nodes: dict[str, Node]) -> None:
    """(b) Dead for `BOUND_MS` while a way stays clear: it is told by then."""
    world = World(nodes)
    world.run(END_MS)
    for key, node in nodes.items():
        for since_ms, until_ms in node.dead_ms:
            run_ms = 0
            for at_ms in range(since_ms, min(until_ms, END_MS - 1_000), 50):
                steady = (
                    any(world.answers(p, at_ms) for p in node.parents) if node.parents else True
                )
                run_ms = run_ms + 50 if steady else 0
                if run_ms >= BOUND_MS and _one_way(world, node, at_ms - BOUND_MS, at_ms):
                    assert _stands(world, key, at_ms), f"{key} at {at_ms}"


@settings(max_examples=60, deadline=None)
@given(networks())
def test_there_are_no_more_alerts_than_causes(nodes: dict[str, Node]) -> None:
    """(c) Each outage of a target's own is told at most once while it is not cut off meanwhile."""
    world = World(nodes)
    world.run(END_MS)
    causes = sum(len(node.dead_ms) for node in nodes.values())
    assert len(world.opened) <= causes
    assert {label for label, _ in world.book.labels} <= {UNREACHABLE}


@settings(max_examples=40, deadline=None)
@given(networks())
def test_when_everything_works_again_nothing_stands(nodes: dict[str, Node]) -> None:
    """No label and no incident is left over."""
    world = World(nodes)
    world.run(END_MS + HOLD_LIMIT_US // MS)
    assert world.book.labels == {}
    assert all(standing.window.bit_count() < 2 for standing in world.book.standings.values())
    assert sorted(world.told()) == sorted(target for target, _ in world.closed)


def _one_way(world: World, node: Node, since_ms: int, until_ms: int) -> bool:
    """Whether one and the same parent answered all the time."""
    return not node.parents or any(
        all(world.answers(parent, at) for at in range(since_ms, until_ms, 50))
        for parent in node.parents
    )


def _stands(world: World, target: str, at_ms: int) -> bool:
    """Whether an incident of a target is open at a moment."""
    begun = sum(key == target and now <= at_ms for key, _, now in world.opened)
    return begun > sum(key == target and now <= at_ms for key, now in world.closed)


def city(cores: int, interval_ms: int, *, step_ms: int, **dead: tuple[int, int]) -> World:
    """Sixty targets behind `cores` redundant ones: ten lines, five services behind each."""

    def node(key: str, *parents: str, phase_ms: int) -> Node:
        gone = (dead[key],) if key in dead else ()
        return Node(parents, interval_ms, phase_ms % interval_ms, gone)

    heads = tuple(f"core{n}" for n in range(cores))
    nodes = {key: node(key, phase_ms=n * step_ms) for n, key in enumerate(heads)}
    for n in range(10):
        nodes[f"line{n}"] = node(f"line{n}", *heads, phase_ms=(n + 3) * step_ms)
        for m in range(5):
            key = f"web{n}{m}"
            nodes[key] = node(key, f"line{n}", phase_ms=(5 * n + m + 7) * step_ms)
    return World(nodes)


@settings(max_examples=10, deadline=None)
@given(INTERVALS, st.integers(0, 97), st.integers(3_000, 5_000))
def test_one_core_over_sixty_is_one_alert(interval_ms: int, step_ms: int, at_ms: int) -> None:
    """At any interval and in any order of phases, also where all are probed at one moment."""
    world = city(1, interval_ms, step_ms=step_ms, core0=(at_ms, at_ms + 15_000))
    world.run(12_000 + 2 * interval_ms)
    assert len(world.book.labels) == 60
    assert {label.cause for label in world.book.labels.values()} == {"core0"}
    world.run(40_000)
    assert world.told() == ["core0"]
    assert world.closed[0][0] == "core0"
    assert world.book.labels == {}


@settings(max_examples=10, deadline=None)
@given(INTERVALS, st.integers(0, 97))
def test_a_redundant_core_cuts_off_nothing_until_both_fail(interval_ms: int, step_ms: int) -> None:
    """One alert for each of the two, sixty labels only behind both."""
    world = city(2, interval_ms, step_ms=step_ms, core0=(4_000, 40_000), core1=(15_000, 30_000))
    world.run(14_000)
    assert world.told() == ["core0"]
    assert world.book.labels == {}
    world.run(25_000)
    assert world.told() == ["core0", "core1"]
    assert {label.cause for label in world.book.labels.values()} == {"core0,core1"}
    assert len(world.book.labels) == 60
    world.run(50_000)
    assert world.told() == ["core0", "core1"]
    assert world.book.labels == {}


@settings(max_examples=10, deadline=None)
@given(INTERVALS, st.integers(0, 97), st.integers(0, 5))
def test_what_died_with_its_parent_is_told_after_the_parents_return(
    interval_ms: int, step_ms: int, number: int
) -> None:
    """Phase-locked, faster than the parent, whatever: within the bound, once."""
    world = city(
        1, interval_ms, step_ms=step_ms, core0=(4_000, 20_000), **{f"web{number}0": (4_000, 60_000)}
    )
    world.run(20_000)
    assert world.told() == ["core0"]
    world.run(20_000 + BOUND_MS)
    assert world.told() == ["core0", f"web{number}0"]


@settings(max_examples=10, deadline=None)
@given(INTERVALS, st.integers(0, 97), st.integers(1, 3_000), st.integers(400, 3_000))
def test_a_core_that_flaps_accuses_none_behind_it(
    interval_ms: int, step_ms: int, longer_ms: int, up_ms: int
) -> None:
    """However often it goes and comes, while each outage is as long as its own interval."""
    world = city(1, interval_ms, step_ms=step_ms)
    down_ms = interval_ms + longer_ms
    dead = tuple((at, at + down_ms) for at in range(3_000, 40_000, down_ms + up_ms))
    world.nodes = {**world.nodes, "core0": Node((), interval_ms, 0, dead)}
    world.run(60_000)
    assert set(world.told()) <= {"core0"}
