"""What an outbox row carries, and its id. Pure.

The payload is JSON and is stored with the row, so that a message can be composed again after a
restart, when the configuration may already be another one.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from monitor.model import IncidentStep, OutboxRow, Target

VERSION = 1
NAMED = 10
"""Consequences that a message names; the others are counted."""
NO_INCIDENT = -1
"""The `incident` of a row that belongs to none: a test, or an emergency of the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What held back a message: a silence or maintenance, the entry that declared it, and why."""

    cause: str
    by: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceOver:
    """What a silence came to at its end."""

    id: int
    author: str
    reason: str
    since_us: int
    ended_us: int
    counts: Mapping[str, int]
    """Messages `held` back, and of how many the incident is `standing`, `over` or `held-on`."""
    standing: Sequence[Mapping[str, object]]
    """What it was about and still stands: incident, target, rule, titles."""


def silence_payload(over: SilenceOver) -> str:
    """JSON with everything that the message at a silence's end needs beside its row."""
    told = {**asdict(over), "standing": list(over.standing[:NAMED]), "more": len(over.standing)}
    return canonical({"version": VERSION, "silence": told})


def alert_id(origin: str, incident: int, step: int, route: str) -> str:
    """SHA-256 in hex of the four fields, each as u32be length and UTF-8 bytes.

    Integers are in decimal. The length prefix keeps different alerts from hashing equal bytes.
    """
    digest = hashlib.sha256()
    for text in (origin, str(incident), str(step), route):
        raw = text.encode("utf-8")
        digest.update(len(raw).to_bytes(4, "big") + raw)
    return digest.hexdigest()


def payload_of(
    step: IncidentStep,
    target_name: str,
    site_name: str,
    titles: Mapping[str, str],
    *,
    opened_us: int | None = None,
    consequences: Sequence[Target] = (),
    held: "Held | None" = None,
) -> str:
    """JSON with everything a message about `step` needs beside its row.

    `titles`: the rule's title by language. `opened_us`: `since_us` of the opening, for the steps
    after it; without it a recovery cannot say how long the incident lasted. `consequences`: what
    hangs on the target, in the order of importance; only the first `NAMED` are named. `held`:
    what held the message back until now.
    """
    return canonical(
        {
            "version": VERSION,
            "act": step.act.value,
            "target": step.target,
            "target_name": target_name,
            "site_name": site_name,
            "check": step.check,
            "family": step.family,
            "policy": step.policy,
            "rule": step.rule,
            "titles": dict(titles),
            "severity": step.severity.word,
            "reasons": list(step.reasons),
            "since_us": step.since_us,
            "at_us": step.at_us,
            "author": step.author,
            "opened_us": opened_us,
            "consequences": _counted(consequences),
            **({} if held is None else {"held": asdict(held)}),
        }
    )


def _counted(targets: Sequence[Target]) -> Mapping[str, object] | None:
    """Names and counts by kind; None where nothing hangs on it."""
    if not targets:
        return None
    kinds: dict[str, int] = {}
    for target in targets:
        kinds[target.kind.value] = kinds.get(target.kind.value, 0) + 1
    names = [target.name or target.key for target in targets[:NAMED]]
    return {"count": len(targets), "kinds": kinds, "names": names}


def emergency_row(
    origin: str, code: str, values: Mapping[str, object], route: str, at_us: int
) -> OutboxRow:
    """The row of an alert about the agent itself; it lives in memory only.

    A value may be a reason: the `code` of a text with its `values`.
    """
    told = {n: value if isinstance(value, dict) else str(value) for n, value in values.items()}
    payload = {"version": VERSION, "emergency": code, "values": told, "origin": origin}
    return OutboxRow(
        id=alert_id(f"{origin} emergency {code}", at_us, 0, route),
        incident=NO_INCIDENT,
        step=0,
        route=route,
        payload=canonical({**payload, "at_us": at_us}),
        created_us=at_us,
    )


def canonical(value: Mapping[str, object]) -> str:
    """JSON with sorted keys and without spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
