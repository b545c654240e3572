"""Certificates as they were last seen in the period, from the evidence records. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from monitor.ledger.wire import WireError, decode
from monitor.report.gather import Gathered
from monitor.report.model import CertificateLine

Read = Callable[[bytes], bytes | None]
_TEXT = 80


def certificates(found: Gathered, record: Read) -> Iterator[CertificateLine]:
    """The newest posture of each series of tls; none where its record is absent (pruned)."""
    lines = []
    for number, (at_us, sha256) in found.postures.items():
        raw = record(sha256)
        values = _decoded(raw) if raw is not None else None
        if values is not None:
            series = found.series[number]
            lines.append(_line(series.target, series.family, at_us, values))
    yield from sorted(lines, key=lambda one: (one.target, one.family))


def _decoded(raw: bytes) -> Mapping[str, Any] | None:
    try:
        values = decode(raw)
    except WireError:
        return None
    return values if isinstance(values, Mapping) and values.get("check") == "tls" else None


def _line(target: str, family: int, at_us: int, values: Mapping[str, Any]) -> CertificateLine:
    not_after, bits = values.get("not_after_s"), values.get("key_bits")
    kind = _text(values.get("key_type"))
    return CertificateLine(
        target=target,
        family=family,
        seen_us=at_us,
        outcome=_text(values.get("outcome")) or "",
        protocol=_protocols(values),
        trusted=_truth(values.get("trusted")),
        hostname_matches=_truth(values.get("hostname_matches")),
        not_after_us=not_after * 1_000_000 if type(not_after) is int else None,
        key=None if kind is None else f"{kind} {bits}" if type(bits) is int else kind,
    )


def _protocols(values: Mapping[str, Any]) -> str | None:
    """Every version that the server was found to offer, else the one that was agreed on."""
    offered = values.get("protocols")
    if isinstance(offered, tuple) and offered and all(isinstance(one, str) for one in offered):
        return _text(", ".join(offered))
    return _text(values.get("protocol"))


def _text(value: Any) -> str | None:
    return value[:_TEXT] if isinstance(value, str) else None


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
