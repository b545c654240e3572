"""Observations, incidents and times as the JSON of the contract. Pure."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from alerts.outbox import RouteRecord
from alerts.payload import NAMED
from checks.base import Outcome
from monitor.caused import Caused, HasCause
from monitor.daemon.plan import Item, Judgement
from monitor.derive import IncidentRow
from monitor.holds import HeldRow
from monitor.model import VERDICT_WORDS, Indeterminate, Severity, Target, Verdict, Violated
from policies.rule import Rule
from policies.selection import waiver_of


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
            _verdict(rule, verdict, _waiver(item, rule, verdict, at_us))
            for rule, verdict in zip(item.rules, judgement.verdicts, strict=True)
            if rule is not None
        ],
        "entry": entry,
    }


def _waiver(item: Item, rule: Rule, verdict: Verdict, at_us: int) -> dict[str, str] | None:
    """Who accepts a violation, why and until which day (UTC); None where nobody does."""
    found = waiver_of(rule, item.target_facts, at_us) if isinstance(verdict, Violated) else None
    if found is None:
        return None
    return {
        "justification": found.justification,
        "until": found.until.isoformat(),
        "author": found.author,
    }


def _verdict(rule: Rule, verdict: Verdict, waiver: dict[str, str] | None) -> dict[str, Any]:
    return {
        "policy": rule.policy,
        "rule": rule.id,
        "verdict": VERDICT_WORDS[type(verdict)],
        "severity": rule.severity.word,
        "reasons": _reasons(verdict),
        "controls": list(rule.controls),
        "waiver": waiver,
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
        "acknowledged": None if row.acknowledged_us is None else rfc3339(row.acknowledged_us),
        "acknowledged_by": row.acknowledged_by or None,
        "acknowledgement": row.acknowledged_reason or None,
    }


def incidents(
    rows: Iterable[IncidentRow],
    labels: Iterable[HasCause],
    targets: Mapping[str, Target],
    held: Mapping[int, HeldRow],
) -> list[dict[str, Any]]:
    """Incidents, each under its target's present name, with what it made unreachable.

    `held`: the messages that are or were held back, by incident.
    """
    renamed = {old: key for key, target in targets.items() for old in target.formerly}
    caused = Caused(labels)
    shown = []
    for row in rows:
        cut = caused.by(row)
        kinds = [targets[key].kind.value for key in cut if key in targets]
        one = incident(row)
        one["target"] = renamed.get(row.target, row.target)
        one["held"] = _held(held.get(row.id))
        one["consequences"] = {
            "count": len(cut),
            "kinds": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
            "names": list(cut[:NAMED]),
        }
        shown.append(one)
    return shown


def _held(row: HeldRow | None) -> dict[str, Any] | None:
    """What holds back the message about it, or did until `released`."""
    if row is None:
        return None
    released = None if row.released_us is None else rfc3339(row.released_us)
    return {"cause": row.cause, "by": row.by, "since": rfc3339(row.at_us), "released": released}


def route(record: RouteRecord) -> dict[str, Any]:
    """How a route has fared since the agent started."""

    def moment(at_us: int | None) -> str | None:
        return None if at_us is None else rfc3339(at_us)

    failure = {"at": moment(record.failed_us), "receipt": record.receipt}
    return {
        "name": record.route,
        "failing": record.failing,
        "waiting": record.waiting,
        "waiting_since": moment(record.oldest_us),
        "last_delivery": moment(record.delivered_us),
        "last_failure": None if record.failed_us is None else failure,
    }


def exit_code(observations: list[dict[str, Any]]) -> int:
    """The monitoring-plugins convention: 2 critical, 3 anything unknown, 1 lesser, 0 fine.

    A waived violation shows, and counts as accepted.
    """
    verdicts = [verdict for one in observations for verdict in one["verdicts"]]
    violated = {v["severity"] for v in verdicts if v["verdict"] == "violated" and not v["waiver"]}
    if Severity.CRITICAL.word in violated:
        return 2
    unknown = any(v["verdict"] == "indeterminate" for v in verdicts)
    if unknown or not observations or any(not one["verdicts"] for one in observations):
        return 3
    return 1 if violated else 0
