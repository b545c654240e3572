"""A bundle's report computed again from the entries of its log, and compared. Pure.

After `monitor.verify` has proved the log itself: whatever report.json says must follow from it,
to the last digit. Differences are named by their place in the JSON, the first ones only.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from monitor.accounting import TEXT_NAME
from monitor.boundary import boundary_of, reached
from monitor.figures import Asked
from monitor.ledger.entry import EntryError
from monitor.ledger.errors import LedgerError
from monitor.ledger.signer import Verifier
from monitor.proof import Proof
from monitor.report.build import report_of
from monitor.report.bundle import KEY_NAME, Bundle
from monitor.report.gather import PrunedError, gather
from monitor.report.model import VERSION, Report
from monitor.report.oscal import OSCAL_JSON, to_oscal
from monitor.report.rows import to_csv
from monitor.report.shown import REPORT_JSON, shown
from monitor.rulebook import RULES_TEXT
from policies.period import PeriodError, parse_period

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ABSENT = "–"
_DEEPEST = 12


def audit(
    bundle: Bundle,
    proof: Proof,
    progress: Callable[[int, int], None] = lambda _done, _size: None,
    trusted: Sequence[Verifier] = (),
) -> None:
    """Add to the proof whatever the report says and the entries do not.

    `trusted`: the log's keys from elsewhere, to which the one in the bundle is compared.
    """
    if proof.findings or proof.unusable is not None:
        return
    try:
        plain = json.loads(bundle.files[REPORT_JSON])
        asked = _asked(plain)
    except (ValueError, KeyError, TypeError, RecursionError, OSError, PeriodError) as error:
        proof.add(None, "verify.report-unreadable", why=str(error)[:200])
        return
    try:
        report = _again(bundle, proof, asked, progress)
    except PrunedError:
        return  # the verdict stays incomplete: what the report is about was pruned
    except (LedgerError, EntryError) as error:
        proof.add(None, "verify.report-unreadable", why=error.reason)
        return
    for path, there, here in differences(plain, json.loads(json.dumps(shown(report)))):
        proof.add(None, "verify.report", path=path, there=_short(there), here=_short(here))
    for name, content in {**to_csv(report), OSCAL_JSON: to_oscal(report)}.items():
        if name in bundle.files and bundle.files[name] != content:
            proof.add(None, "verify.report-file", name=name)
    _beside(bundle, proof, report, trusted)
    proof.figures = proof.sufficient = True


def _beside(bundle: Bundle, proof: Proof, report: Report, trusted: Sequence[Verifier]) -> None:
    """What lies beside the report for people to read: the terms in force, and the keys."""
    terms = {TEXT_NAME: report.accounting_sha256, RULES_TEXT: report.rules_sha256}
    for name, digest in terms.items():
        content = bundle.beside.get(name)
        if content is not None and hashlib.sha256(content).hexdigest() != digest:
            proof.add(None, "verify.bundle-terms", name=name)
    keys = bundle.beside.get(KEY_NAME)
    known = {one.vkey for one in (*trusted, *(handed.next for handed in proof.followed))}
    if trusted and keys is not None and not _vkeys(keys) <= known:
        proof.add(None, "verify.bundle-key", name=KEY_NAME)


def _vkeys(raw: bytes) -> set[str]:
    """The verifier keys of the file, one a line, without its comments; "" where there is none."""
    lines = (line.strip() for line in raw.decode("utf-8", "replace").split("\n"))
    return {line for line in lines if line and line[0] != "#"} or {""}


def _again(
    bundle: Bundle, proof: Proof, asked: Asked, progress: Callable[[int, int], None]
) -> Report:
    found = gather(
        bundle.entries(proof.size),
        bundle.record,
        asked.window,
        lambda done: progress(done, proof.size),
        boundary_of(bundle),
    )
    known_us, ended_us = asked.window[1], asked.period.window[1]
    if known_us < min(ended_us, reached(found.fold)):
        # A report that stops before its own log does would hide what came after.
        proof.add(None, "verify.report-early")
    accounting = found.accounting
    if accounting is not None and accounting.timezone != asked.period.zone.key:
        zone = asked.period.zone.key
        proof.add(None, "verify.report", path="timezone", there=zone, here=accounting.timezone)
    return report_of(found, asked, proof.root, bundle.record, lambda: bundle.entries(proof.size))


def _asked(plain: Any) -> Asked:
    if plain["report"] != VERSION:
        raise ValueError(f"a report of version {plain['report']}")
    period = parse_period(plain["period"], ZoneInfo(plain["timezone"]))
    known = datetime.fromisoformat(plain["known_until"])
    return Asked(period=period, until_us=(known - _EPOCH) // timedelta(microseconds=1))


def differences(
    there: Any, here: Any, path: str = "", depth: int = 0
) -> Iterator[tuple[str, Any, Any]]:
    """(place, there, here) of everything that differs between two JSON values."""
    if depth > _DEEPEST or type(there) is not type(here):
        yield path, there, here
    elif isinstance(there, dict):
        for key in [*here, *(key for key in there if key not in here)]:
            below = f"{path}.{key}" if path else str(key)
            one, other = there.get(key, _ABSENT), here.get(key, _ABSENT)
            yield from differences(one, other, below, depth + 1)
    elif isinstance(there, list) and len(there) == len(here):
        for place, (one, other) in enumerate(zip(there, here, strict=True)):
            yield from differences(one, other, f"{path}[{place}]", depth + 1)
    elif there != here:
        yield path, there, here


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"
