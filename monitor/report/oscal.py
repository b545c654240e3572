"""The verdicts as OSCAL assessment results, version 1.2 (NIST). Pure.

Each aspect is an observation; only an aspect that was met or was not met is a finding too, because
OSCAL's findings are satisfied or not satisfied and know nothing in between. A control of a rule
book is a finding where it was not met; it never is satisfied. Identifiers follow
from log, tree and period, so that the same report has the same ones.
"""

import json
import re
import uuid
from typing import Any

from monitor.figures_shown import rfc3339
from monitor.report.model import AspectLine, BookLine, ControlLine, Report
from policies.aspects import AspectOutcome

OSCAL_JSON = "report.oscal.json"
VERSION = "1.2.1"
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:sasando:oscal")
_OURS = "urn:sasando:report"
"""Namespace of our own properties."""
_FOUND = {
    AspectOutcome.MET: ("satisfied", "pass"),
    AspectOutcome.NOT_MET: ("not-satisfied", "fail"),
}
_BOOKS = {
    "iso27001": "iso-27001-2022",
    "nist-800-53": "",
    "cis-8": "cis-8",
    "bssn-4-2021": "bssn-4-2021",
}
"""What stands before a control's id; those of NIST SP 800-53 r5 are OSCAL's own."""


def to_oscal(report: Report) -> bytes:
    """The file; the same report gives the same bytes."""
    plain = {"assessment-results": _results(report)}
    return (json.dumps(plain, ensure_ascii=False, indent=1) + "\n").encode()


def control_id(control: str) -> str:
    """OSCAL's token of a control: `nist-800-53:CP-8(2)` is `cp-8.2`."""
    book, _, name = control.partition(":")
    told = re.sub(r"\((\d+)\)", r".\1", name).lower()
    prefix = _BOOKS.get(book, book)
    return f"{prefix}-{told}" if prefix else told


def _results(report: Report) -> dict[str, Any]:
    asked = report.asked
    zone = asked.period.zone
    start, end = asked.window
    return {
        "uuid": _uuid(report, "results"),
        "metadata": {
            "title": f"Evidence report of {report.origin}, {asked.period.text}",
            "last-modified": rfc3339(end, zone),
            "version": f"{asked.period.text}@{report.size}",
            "oscal-version": VERSION,
            "props": [
                _property("origin", report.origin),
                _property("tree-size", str(report.size)),
                _property("root", report.root),
                _property("accounting-sha256", report.accounting_sha256),
                _property("rules-sha256", report.rules_sha256),
            ],
        },
        "import-ap": {
            "href": "#continuous-observation",
            "remarks": "No assessment plan: the agent observes all the time by its configuration.",
        },
        "results": [
            {
                "uuid": _uuid(report, "result"),
                "title": asked.period.text,
                "description": "Verdicts of the aspects from signed observations of the network.",
                "start": rfc3339(start, zone),
                "end": rfc3339(end, zone),
                "reviewed-controls": {"control-selections": [_selection(report)]},
                "observations": [
                    _observation(report, place, one) for place, one in enumerate(report.aspects)
                ],
                **_findings(report),
            }
        ],
    }


def _selection(report: Report) -> dict[str, Any]:
    """Every control of an aspect that something measured; all of them where nothing did."""
    measured = [
        one for one in report.aspects if one.outcome is not AspectOutcome.NOT_MEASURABLE
    ] or report.aspects
    controls = {control_id(control) for one in measured for control in one.aspect.controls}
    controls |= {
        control_id(f"{book.terms.book}:{one.terms.id}")
        for book in report.books
        for one in book.controls
        if one.outcome is not AspectOutcome.NOT_MEASURABLE
    }
    return {"include-controls": [{"control-id": name} for name in sorted(controls)]}


def _observation(report: Report, place: int, line: AspectLine) -> dict[str, Any]:
    measured = line.outcome is not AspectOutcome.NOT_MEASURABLE
    decided = sum(one.decided for one in line.sums)
    return {
        "uuid": _uuid(report, f"observation/{line.aspect.id}"),
        "title": line.aspect.title["en"],
        "description": (
            f"Verdict: {line.outcome}. Class: {line.aspect.evidence}. "
            f"{decided} observations decided, {len(line.objectives)} objectives, "
            f"{line.drills} drills."
        ),
        "props": [
            _property("aspect", line.aspect.id),
            _property("outcome", line.outcome.value),
            _property("class", line.aspect.evidence.value),
        ],
        "methods": ["TEST" if measured else "UNKNOWN"],
        "relevant-evidence": [
            {
                "href": f"report.json#/aspects/{place}",
                "description": "Rules, objectives and counts behind the verdict.",
            },
            {
                "href": "audit-bundle.zip",
                "description": "The signed log from which `sasando verify` computes it again.",
            },
        ],
        "collected": rfc3339(report.asked.window[1], report.asked.period.zone),
    }


def _findings(report: Report) -> dict[str, Any]:
    found = [_finding(report, one) for one in report.aspects if one.outcome in _FOUND]
    for book in report.books:
        broken = [one for one in book.controls if one.outcome is AspectOutcome.NOT_MET]
        found += [_broken(report, book, one) for one in broken]
    return {"findings": found} if found else {}


def _finding(report: Report, line: AspectLine) -> dict[str, Any]:
    state, reason = _FOUND[line.outcome]
    return {
        "uuid": _uuid(report, f"finding/{line.aspect.id}"),
        "title": line.aspect.title["en"],
        "description": f"Verdict: {line.outcome}.",
        "target": {
            "type": "objective-id",
            "target-id": line.aspect.id,
            "status": {"state": state, "reason": reason},
        },
        "related-observations": [
            {"observation-uuid": _uuid(report, f"observation/{line.aspect.id}")}
        ],
    }


def _broken(report: Report, book: BookLine, line: ControlLine) -> dict[str, Any]:
    """The finding of a control that was not met."""
    state, reason = _FOUND[AspectOutcome.NOT_MET]
    name = f"{book.terms.book}:{line.terms.id}"
    rules = ", ".join(line.rules) or "–"
    return {
        "uuid": _uuid(report, f"finding/{book.terms.policy}/{name}"),
        "title": f"{name} ({book.terms.policy} {book.terms.version})",
        "description": f"Verdict: {line.outcome}. Rules: {rules}.",
        "target": {
            "type": "objective-id",
            "target-id": control_id(name),
            "status": {"state": state, "reason": reason},
        },
    }


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": _OURS, "value": value}


def _uuid(report: Report, name: str) -> str:
    about = f"{report.origin}\n{report.size}\n{report.root}\n{report.asked.period.text}\n{name}"
    return str(uuid.uuid5(_NAMESPACE, about))
