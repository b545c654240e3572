"""Observations, incidents and times as the JSON of the contract. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from checks.base import Outcome
from monitor.daemon.plan import Item, Judgement
from monitor.derive import IncidentRow
from monitor.model import VERDICT_WORDS, Indeterminate, Severity, Verdict, Violated
from policies.rule import Rule


def rfc3339(at_us: int) -> str:
    """UTC with microseconds: 2026-11-23T01:02:03.000004Z."""
    at = datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(microsecond=at_us % 1_000_000)
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def nested(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted facts as nested objects: `delay_ms.median` becomes `{"delay_ms": {"median": …}}`."""
    tree: dict[str, Any] = {}
    for name, value in facts.items():
        *path, leaf = name.split(".")
        place = tree
        for part in path:
            place = place.setdefault(part, {})
        place[leaf] = value.isoformat() if isinstance(value, datetime) else value
    return tree


def observation(
    item: Item, vantage: str, at_us: int, outcome: Outcome, judgement: Judgement, entry: int | None
) -> dict[str, Any]:
    """One observation with its verdicts, as `sasando check --json` prints it."""
    fault = outcome.fault
    return {
        "target": item.target.key,
        "check": item.kind.name,
        "family": int(item.assignment.family),
        "vantage": vantage,
        "started_at": rfc3339(at_us),
        "elapsed_ms": outcome.elapsed_us / 1_000,
        "evidence": None if outcome.evidence is None else nested(outcome.evidence.facts()),
        "fault": None if fault is None else {"kind": fault.kind.value, "message": fault.message},
        "state": judgement.state.word,
        "verdicts": [
            _verdict(rule, verdict)
            for rule, verdict in zip(item.rules, judgement.verdicts, strict=True)
            if rule is not None
        ],
        "entry": entry,
    }


def _verdict(rule: Rule, verdict: Verdict) -> dict[str, Any]:
    return {
        "policy": rule.policy,
        "rule": rule.id,
        "verdict": VERDICT_WORDS[type(verdict)],
        "severity": rule.severity.word,
        "reasons": _reasons(verdict),
        "controls": list(rule.controls),
    }


def _reasons(verdict: Verdict) -> list[str]:
    if isinstance(verdict, Violated):
        return list(verdict.reasons)
    if isinstance(verdict, Indeterminate):
        return [f"{verdict.why}: {verdict.detail}" if verdict.detail else verdict.why]
    return []


def incident(row: IncidentRow) -> dict[str, Any]:
    """One incident as `sasando incidents --json` prints it."""
    return {
        "id": row.id,
        "target": row.target,
        "check": row.check,
        "family": row.family,
        "policy": row.policy,
        "rule": row.rule,
        "severity": Severity(row.severity).word,
        "reasons": list(row.reasons),
        "since": rfc3339(row.since_us),
        "opened": rfc3339(row.opened_us),
        "ended_since": None if row.ended_since_us is None else rfc3339(row.ended_since_us),
        "ended": None if row.ended_us is None else rfc3339(row.ended_us),
        "act": row.act,
        "acknowledged_by": row.acknowledged_by or None,
    }


def exit_code(observations: list[dict[str, Any]]) -> int:
    """The monitoring-plugins convention: 2 critical, 3 anything unknown, 1 lesser, 0 fine."""
    verdicts = [verdict for one in observations for verdict in one["verdicts"]]
    violated = {v["severity"] for v in verdicts if v["verdict"] == "violated"}
    if Severity.CRITICAL.word in violated:
        return 2
    unknown = any(v["verdict"] == "indeterminate" for v in verdicts)
    if unknown or not observations or any(not one["verdicts"] for one in observations):
        return 3
    return 1 if violated else 0
