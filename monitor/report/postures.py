"""What the newest evidence records of the period say of TLS and of access. Pure.

Of a record that somebody else wrote only what has its type is told, and only so much of it.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from monitor.ledger.wire import WireError, decode
from monitor.report.gather import Gathered
from monitor.report.model import AccessLine, CertificateLine

Read = Callable[[bytes], bytes | None]
Seen = tuple[str, int, int, Mapping[str, Any]]
"""Target, family, when, and the record."""
SERVICE = "service"
_TEXT = 80
_ITEMS = 16
_ASKED = ("no", "asked", "required")


def certificates(found: Gathered, record: Read) -> Iterator[CertificateLine]:
    """The newest posture of each series of tls; none where its record is absent (pruned)."""
    for target, family, at_us, values in _seen(found, record, "tls"):
        yield _certificate(target, family, at_us, values)


def access_lines(found: Gathered, record: Read, services: Iterator[str]) -> Iterator[AccessLine]:
    """Each service by address family, and those of which nothing was measured as well."""
    web = {seen[:2]: seen for seen in _seen(found, record, "web")}
    tls = {seen[:2]: seen for seen in _seen(found, record, "tls")}
    keys = {(target, family) for target, family in (*web, *tls)}
    measured = {target for target, _ in keys}
    keys |= {(target, 0) for target in services if target not in measured}
    for key in sorted(keys):
        yield _access(key, web.get(key), tls.get(key))


def _seen(found: Gathered, record: Read, check: str) -> list[Seen]:
    seen = []
    for number, (at_us, sha256) in found.postures.items():
        series = found.series[number]
        raw = record(sha256) if series.check == check else None
        values = _decoded(raw, check) if raw is not None else None
        if values is not None:
            seen.append((series.target, series.family, at_us, values))
    return sorted(seen, key=lambda one: one[:3])


def _decoded(raw: bytes, check: str) -> Mapping[str, Any] | None:
    try:
        values = decode(raw)
    except WireError:
        return None
    return values if isinstance(values, Mapping) and values.get("check") == check else None


def _certificate(
    target: str, family: int, at_us: int, values: Mapping[str, Any]
) -> CertificateLine:
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
        post_quantum=_truth(values.get("post_quantum")),
        client_certificate=_asked(values),
        outside=_outside(values.get("outside")),
    )


def _access(key: tuple[str, int], web: Seen | None, tls: Seen | None) -> AccessLine:
    page = web[3] if web is not None else {}
    return AccessLine(
        target=key[0],
        family=key[1] or None,
        seen_us=max((one[2] for one in (web, tls) if one is not None), default=None),
        open=_texts(page.get("closed_open")),
        undecided=_texts(page.get("closed_undecided")) or (),
        insecure_logins=_texts(page.get("login_insecure")),
        client_certificate=_asked(tls[3]) if tls is not None else None,
    )


def _asked(values: Mapping[str, Any]) -> str | None:
    asked = values.get("client_certificate")
    return asked if asked in _ASKED else None


def _outside(value: Any) -> Mapping[str, int]:
    """Found suites by profile; a profile of which nothing is known is not named."""
    if not isinstance(value, Mapping):
        return {}
    pairs = sorted(
        (str(name)[:_TEXT], len(found)) for name, found in value.items() if isinstance(found, tuple)
    )
    return dict(pairs[:_ITEMS])


def _protocols(values: Mapping[str, Any]) -> str | None:
    """Every version that the server was found to offer, else the one that was agreed on."""
    offered = values.get("protocols")
    if isinstance(offered, tuple) and offered and all(isinstance(one, str) for one in offered):
        return _text(", ".join(offered))
    return _text(values.get("protocol"))


def _text(value: Any) -> str | None:
    return value[:_TEXT] if isinstance(value, str) else None


def _texts(value: Any) -> tuple[str, ...] | None:
    """A list of texts, its first ones; None for anything else."""
    if not isinstance(value, tuple) or not all(isinstance(one, str) for one in value):
        return None
    return tuple(one[:_TEXT] for one in value[:_ITEMS])


def _truth(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None
