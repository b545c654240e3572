"""The report as JSON: stable keys, nothing in any language but titles, which come in both. Pure.

Times are RFC 3339 with the period's offset; lengths are µs (`_us`) or ms (`_ms`) by name.
`figures` are those of `sasando sla --json`, key by key.
"""

import json
from datetime import tzinfo
from typing import Any

from monitor.declared import DeclarationRow
from monitor.figures_shown import RATIO_DIGITS, figures_shown, rfc3339
from monitor.holds import HeldRow, SilenceRow
from monitor.model import Severity
from monitor.report.gather import Incident
from monitor.report.model import (
    VERSION,
    AccessLine,
    AspectLine,
    BookLine,
    CertificateLine,
    Coverage,
    DelayTrack,
    DrillLine,
    GapLine,
    Report,
    SiteLine,
)
from monitor.spoken import rounded
from policies.aspects import RuleSum

REPORT_JSON = "report.json"
"""Its name among the files of a report."""


def to_bytes(report: Report) -> bytes:
    """The text of report.json; the same report gives the same bytes."""
    return (json.dumps(shown(report), ensure_ascii=False, indent=1) + "\n").encode()


def shown(report: Report) -> dict[str, Any]:
    """The whole report."""
    zone = report.asked.period.zone
    return {
        "report": VERSION,
        "origin": report.origin,
        "vantage": report.vantage,
        "size": report.size,
        "root": report.root,
        **figures_shown(report.accounting, report.asked, list(report.figures)),
        "accounting_sha256": report.accounting_sha256,
        "rules_sha256": report.rules_sha256,
        "terms_changed": report.changed_terms,
        "configurations": [
            {
                "entry": one.entry,
                "at": rfc3339(one.at_us, zone),
                "program": one.program,
                "accounting_sha256": one.accounting_sha256 or None,
                "rules_sha256": one.rules_sha256 or None,
                "texts": dict(one.texts),
            }
            for one in report.configurations
        ],
        "aspects": [_aspect(one) for one in report.aspects],
        "books": [_book(one) for one in report.books],
        "coverage": [_coverage(report, one) for one in report.coverage],
        "delays": [_delays(one) for one in report.delays],
        "incidents": [_incident(one, zone) for one in report.incidents],
        "redundancy": [_site(one) for one in report.sites],
        "redundancy_objectives": [
            {
                "objective": f"{one.policy}/{one.objective}",
                "site": one.site,
                "goal": float(one.goal),
                "least": float(rounded(one.least, RATIO_DIGITS)),
                "most": float(rounded(one.most, RATIO_DIGITS)),
                "outcome": one.outcome.value,
            }
            for one in report.debts
        ],
        "drills": [_drill(one, zone) for one in report.drills],
        "certificates": [_certificate(one, zone) for one in report.certificates],
        "access": [_access(one, zone) for one in report.access],
        "zones_measured": report.zones_measured,
        "waivers": [
            {
                "policy": one.policy,
                "rule": one.rule,
                "target": one.target,
                "until": one.until,
                "author": one.author,
                "justification": one.justification,
            }
            for one in report.waivers
        ],
        "declarations": [_declaration(one, zone) for one in report.declarations],
        "silences": [_silence(one, zone) for one in report.silences],
        "agent_losses": dict(report.losses),
        **_pruned(report, zone),
    }


def _pruned(report: Report, zone: tzinfo) -> dict[str, Any]:
    """What is not there any more; no key where the log is whole."""
    at = report.boundary
    if at is None:
        return {}
    until = rfc3339(at.until_us, zone)
    return {"pruned": {"entries": at.entries, "told": at.told, "until": until}}


def _aspect(line: AspectLine) -> dict[str, Any]:
    return {
        "aspect": line.aspect.id,
        "title": dict(line.aspect.title),
        "class": line.aspect.evidence.value,
        "also_attested": line.aspect.also_attested,
        "outcome": line.outcome.value,
        "controls": list(line.aspect.controls),
        "drills": line.drills,
        "objectives": [
            {
                "objective": f"{one.policy}/{one.objective}",
                "target": one.target,
                "outcome": one.outcome,
            }
            for one in line.objectives
        ],
        "rules": [_sum(one) for one in line.sums],
        "rules_against": [_sum(one) for one in line.against],
    }


def _sum(one: RuleSum) -> dict[str, Any]:
    return {
        "rule": one.key,
        "target": one.target,
        "compliant": one.compliant,
        "violated": one.violated,
        "indeterminate": one.indeterminate,
        "incidents": one.incidents,
        "waived": one.waived,
        "judged_by_objective": one.by_objective,
    }


def _book(book: BookLine) -> dict[str, Any]:
    terms = book.terms
    return {
        "policy": terms.policy,
        "version": terms.version,
        "book": terms.book,
        "title": dict(terms.title),
        "controls": [
            {
                "control": one.terms.id,
                "title": dict(one.terms.title),
                "attested": one.terms.attested,
                "outcome": one.outcome.value,
                "rules": list(one.rules),
                "targets": one.targets,
                "decided": one.decided,
                "standing": one.standing,
                "objectives": one.objectives,
                "missed": one.missed,
                "drills": one.drills,
            }
            for one in book.controls
        ],
    }


def _coverage(report: Report, one: Coverage) -> dict[str, Any]:
    return {
        "target": one.target,
        "name": report.name(one.target),
        "watched": one.watched,
        "window_us": one.sums.window_us,
        "available_us": one.sums.available_us,
        "unavailable_us": one.sums.unavailable_us,
        "unobserved_by_cause_us": dict(one.sums.unobserved_us),
        "maintenance_us": one.sums.maintenance_us,
        "excluded_by_cause_us": dict(one.sums.excluded_us),
    }


def _delays(one: DelayTrack) -> dict[str, Any]:
    received = [bucket for bucket in one.buckets if bucket.received]
    return {
        "target": one.target,
        "check": one.check,
        "family": one.family,
        "sent": one.sent,
        "lost": one.lost,
        "delay_min_us": min((b.least_us for b in received if b.least_us is not None), default=None),
        "delay_max_us": max((b.most_us for b in received if b.most_us is not None), default=None),
    }


def _incident(one: Incident, zone: tzinfo) -> dict[str, Any]:
    row = one.row
    ended_us = row.ended_since_us if row.ended_us is not None else None
    return {
        "id": row.id,
        "target": row.target,
        "check": row.check,
        "rule": f"{row.policy}/{row.rule}",
        "severity": Severity(row.severity).word,
        "reasons": list(row.reasons),
        "since": rfc3339(row.since_us, zone),
        "opened": rfc3339(row.opened_us, zone),
        "told": _moment(one.told_us, zone),
        "acknowledged": _moment(one.acknowledged_us, zone),
        "acknowledged_by": row.acknowledged_by or None,
        "acknowledgement": row.acknowledged_reason or None,
        "held": _held(one.held, zone),
        "ended": _moment(ended_us, zone),
        "act": row.act,
    }


def _held(row: HeldRow | None, zone: tzinfo) -> dict[str, Any] | None:
    if row is None:
        return None
    since, released = rfc3339(row.at_us, zone), _moment(row.released_us, zone)
    return {"cause": row.cause, "by": row.by, "since": since, "released": released}


def _silence(row: SilenceRow, zone: tzinfo) -> dict[str, Any]:
    return {
        "id": row.id,
        "targets": list(row.targets),
        "tags": list(row.tags),
        "rules": list(row.rules),
        "since": rfc3339(row.at_us, zone),
        "until": rfc3339(row.until_us, zone),
        "author": row.author,
        "reason": row.reason,
        "ended": _moment(row.ended_us, zone),
        "ended_by": row.ended_by or None,
    }


def _site(one: SiteLine) -> dict[str, Any]:
    return {
        "site": one.site,
        "links": list(one.links),
        "debt_ms": one.time.debt_us / 1_000,
        "single_leg_ms": one.time.single_us / 1_000,
        "whole_ms": one.time.whole_us / 1_000,
        "outage_ms": one.time.outage_us / 1_000,
        "undecided_ms": one.time.undecided_us / 1_000,
    }


def _drill(one: DrillLine, zone: tzinfo) -> dict[str, Any]:
    before, during, after = (None if path is None else list(path) for path in one.paths)
    return {
        "entry": one.entry,
        "link": one.link,
        "address": one.address,
        "started": _moment(one.started_us, zone),
        "outcome": one.outcome,
        "ended": one.ended,
        "length_us": one.length_us,
        "sent": one.sent,
        "answered": one.answered,
        "lost": one.lost,
        "unmeasured": one.unmeasured,
        "gaps": [_gap(gap) for gap in one.gaps],
        "gap_count": one.gap_count,
        "longest_gap_least_us": one.longest_least_us,
        "longest_gap_most_us": one.longest_most_us,
        "allowed_us": one.allowed_us,
        "kept": one.kept,
        "path_before": before,
        "path_during": during,
        "path_after": after,
        "path_changed": one.path_changed,
        "path_returned": one.path_returned,
        "authorised_by": one.authorised_by,
        "letter": one.letter,
        "author": one.author,
        "reason": one.reason,
    }


def _gap(one: GapLine) -> dict[str, Any]:
    return {
        "since_us": one.since_us,
        "until_us": one.until_us,
        "least_us": one.least_us,
        "most_us": one.most_us,
        "lost": one.lost,
        "first_path": one.first_path,
    }


def _certificate(one: CertificateLine, zone: tzinfo) -> dict[str, Any]:
    return {
        "target": one.target,
        "family": one.family,
        "seen": rfc3339(one.seen_us, zone),
        "outcome": one.outcome,
        "protocol": one.protocol,
        "trusted": one.trusted,
        "hostname_matches": one.hostname_matches,
        "not_after": _moment(one.not_after_us, zone),
        "key": one.key,
        "post_quantum": one.post_quantum,
        "client_certificate": one.client_certificate,
        "suites_outside": dict(one.outside),
    }


def _access(one: AccessLine, zone: tzinfo) -> dict[str, Any]:
    return {
        "target": one.target,
        "family": one.family,
        "seen": _moment(one.seen_us, zone),
        "open_paths": None if one.open is None else list(one.open),
        "undecided_paths": list(one.undecided),
        "insecure_logins": None if one.insecure_logins is None else list(one.insecure_logins),
        "client_certificate": one.client_certificate,
    }


def _declaration(row: DeclarationRow, zone: tzinfo) -> dict[str, Any]:
    return {
        "id": row.id,
        "target": row.target,
        "kind": row.kind,
        "since": rfc3339(row.since_us, zone),
        "until": rfc3339(row.until_us, zone),
        "cause": row.cause or None,
        "incident": row.incident,
        "author": row.author,
        "reason": row.reason,
        "declared": rfc3339(row.at_us, zone),
        "standing": row.standing,
        "decided_by": row.decided_by or None,
        "decided": _moment(row.decided_us, zone),
        "counts": row.counts,
    }


def _moment(at_us: int | None, zone: tzinfo) -> str | None:
    return None if at_us is None else rfc3339(at_us, zone)
