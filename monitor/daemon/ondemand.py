"""Probing now, outside the schedule: what `sasando check` and confirmation do."""

import asyncio
import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from checks.base import Leg, Outcome, Probe, Prober, no_aliases
from monitor.clock import Anchor
from monitor.daemon import show
from monitor.daemon.control import ControlError
from monitor.daemon.net import FixedResolver, Probers, family_of
from monitor.daemon.plan import Item
from monitor.ledger.entry import OperatorAct
from monitor.ledger.wire import encode
from monitor.legs import routers_in
from monitor.model import Family, Fault, FaultKind
from monitor.redundancy import leg_state

TICK_S = 0.02
AT_ONCE = 256
"""Probes of one request under way at a time: the engine's own need descriptors too."""
REASON_LIMIT = 1_000
"""Characters of an operator's reason that are kept."""
_slots = itertools.count(1 << 40)
"""Far from the engine's own tokens: a prober may keep both by their slots."""


async def probe_at(
    items: Sequence[Item], probers: Probers, address: str | None, *, ticking: bool
) -> tuple[list[Item], list[Outcome]]:
    """The probed items and their outcomes; `address`: every name is taken to be there."""
    if not address:
        return list(items), await _probe_all(items, probers, ticking=ticking)
    try:
        family = family_of(address)
    except ValueError:
        raise ControlError("cli.address", address=address) from None
    items = [i for i in items if i.assignment.family in (family, Family.NONE)]
    own = Probers(replace(probers.net, resolver=FixedResolver(address), aliases=no_aliases))
    try:
        return items, await _probe_all(items, own, ticking=False)
    finally:
        await own.close()


async def _probe_all(items: Sequence[Item], probers: Probers, *, ticking: bool) -> list[Outcome]:
    """Derived checks come last, so that they see what the others saw just now."""
    first = [item for item in items if not item.kind.derived]
    outcomes = dict(zip(map(id, first), await probe(first, probers, ticking=ticking), strict=True))
    derived = [item for item in items if item.kind.derived]
    if derived:
        seen: dict[str, list[tuple[Item, Outcome]]] = {}
        for item in first:
            seen.setdefault(item.target.key, []).append((item, outcomes[id(item)]))
        net = replace(
            probers.net,
            legs=lambda site: [
                leg_after(leg, seen.get(leg.link, ())) for leg in probers.net.legs(site)
            ],
        )
        own = {item.kind.name: item.kind.prober(net) for item in derived}
        last = await probe(derived, own, ticking=False)
        outcomes.update(zip(map(id, derived), last, strict=True))
    return [outcomes[id(item)] for item in items]


def leg_after(leg: Leg, seen: Sequence[tuple[Item, Outcome]]) -> Leg:
    """The leg as these observations of its link show it; they are newer than its own."""
    own = [(item, outcome) for item, outcome in seen if not _absent(outcome)]
    states = [i.judge(o, blind=False).state for i, o in own if i.rules[0] is not None]
    if states:
        started_ns = min(outcome.started_ns for _, outcome in own)
        leg = replace(leg, state=leg_state(states), since_ns=started_ns)
    paths = [o.evidence for i, o in own if i.kind.name == "path" and o.evidence is not None]
    return replace(leg, routers=routers_in(paths)) if paths else leg


def _absent(outcome: Outcome) -> bool:
    return outcome.fault is not None and outcome.fault.kind is FaultKind.ABSENT


async def probe(
    items: Sequence[Item],
    probers: Mapping[str, Prober],
    *,
    ticking: bool,
    longest_s: float = 60,
) -> list[Outcome]:
    """One outcome for each item, in their order; `AT_ONCE` of them under way at a time.

    `ticking`: somebody else (the engine) ticks the probers. A probe that does not end in
    `longest_s` is a fault of the agent, never held against the target.
    """
    outcomes: list[Outcome] = []
    for at in range(0, len(items), AT_ONCE):
        outcomes += await _portion(items[at : at + AT_ONCE], probers, ticking, longest_s)
    return outcomes


async def _portion(
    items: Sequence[Item], probers: Mapping[str, Prober], ticking: bool, longest_s: float
) -> list[Outcome]:
    outcomes: dict[int, Outcome] = {}
    finished = asyncio.Event()

    def done(slot: int, outcome: Outcome) -> None:
        outcomes[slot] = outcome
        if len(outcomes) == len(items):
            finished.set()

    batches: dict[str, list[Probe]] = {}
    slots = [next(_slots) for _ in items]
    for slot, item in zip(slots, items, strict=True):
        batches.setdefault(item.kind.name, []).append(Probe(slot, item.assignment))
    for check, batch in batches.items():
        probers[check].begin(batch, done)
    await _finish(finished, [probers[check] for check in batches], ticking, longest_s)
    return [outcomes.get(slot, _unended(longest_s)) for slot in slots]


async def _finish(
    finished: asyncio.Event, probers: Sequence[Prober], ticking: bool, longest_s: float
) -> None:
    for _ in range(int(longest_s / TICK_S)):
        if finished.is_set():
            return
        if not ticking:
            for prober in probers:
                prober.tick()
        try:
            await asyncio.wait_for(finished.wait(), TICK_S)
        except TimeoutError:
            continue


def _unended(longest_s: float) -> Outcome:
    message = f"the probe did not end within {longest_s:.0f} s"
    return Outcome(
        started_ns=0,
        elapsed_us=int(longest_s * 1_000_000),
        fault=Fault(kind=FaultKind.INTERNAL, message=message),
    )


def detail_of(
    items: Sequence[Item], outcomes: Sequence[Outcome], starts_us: Sequence[int]
) -> tuple[dict[str, Any], Mapping[bytes, bytes]]:
    """What the `OperatorAct` entry says of these observations, and the records it names."""
    records: dict[bytes, bytes] = {}
    told = []
    for item, outcome, at_us in zip(items, outcomes, starts_us, strict=True):
        measures, posture = item.stored(outcome)
        digest = hashlib.sha256(posture).digest() if posture is not None else None
        if digest is not None and posture is not None:
            records[digest] = posture
        judgement = item.judge(outcome, blind=False)
        told.append(
            {
                "target": item.target.key,
                "check": item.kind.name,
                "family": int(item.assignment.family),
                "started_us": at_us,
                "elapsed_us": outcome.elapsed_us,
                "fault": outcome.fault.kind.value if outcome.fault else None,
                "measures": dict(zip(item.measures, measures, strict=True)),
                "record": digest,
                "rules": [f"{rule.policy}/{rule.id}" if rule else "" for rule in item.rules],
                "judgement": judgement.number,
            }
        )
    return {"observations": told}, records


def act_of(
    items: Sequence[Item],
    outcomes: Sequence[Outcome],
    anchor: Anchor,
    author: str,
    reason: str,
    at_us: int,
) -> tuple[OperatorAct, Mapping[bytes, bytes]]:
    """The entry of an on-demand check, and the records it names."""
    starts = [anchor.wall_at(outcome.started_ns) for outcome in outcomes]
    detail, records = detail_of(items, outcomes, starts)
    fitting = bounded(detail)
    act = OperatorAct(
        act="check", author=author, reason=reason[:REASON_LIMIT], at_us=at_us, detail=fitting
    )
    return act, records if fitting is detail else {}


def shown(
    items: Sequence[Item],
    outcomes: Sequence[Outcome],
    anchor: Anchor,
    vantage: str,
    entry: int | None,
) -> list[dict[str, Any]]:
    """The observations as JSON, with the index of the entry that holds them."""
    return [
        show.observation(
            item,
            vantage,
            anchor.wall_at(outcome.started_ns),
            outcome,
            item.judge(outcome, blind=False),
            entry,
        )
        for item, outcome in zip(items, outcomes, strict=True)
    ]


def bounded(detail: dict[str, Any], limit: int = 60_000) -> dict[str, Any]:
    """The detail, or how many observations there were when it would not fit into an entry."""
    if len(encode(detail)) <= limit:
        return detail
    return {"observations": None, "count": len(detail["observations"])}
