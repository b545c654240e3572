"""Certificates, the posture of TLS, and what was shown to somebody without a name. Pure."""

from collections.abc import Iterator, Sequence

from monitor.report.blocks import Block, Heading, Paragraph, Table
from monitor.report.model import AccessLine, CertificateLine, Report
from monitor.report.sections.common import MOST_ROWS, days_left, heads, more, told, truth, when
from monitor.spoken import number
from monitor.text import Language

SOON_DAYS = 30
"""A certificate that ends within so many days of the period's end ends soon."""
_DAY_US = 86_400_000_000
_MOST_PATHS = 3


def certificates(report: Report, lang: Language) -> Iterator[Block]:
    """What ends when, then which versions, key exchange and suites are accepted."""
    yield Heading(text=told("section-tls", lang))
    lines = report.certificates
    if not lines:
        yield Paragraph(text=told("tls-none", lang))
        return
    yield Paragraph(text=told("tls-intro", lang))
    yield Paragraph(text=_counts(report, lines, lang))
    first = sorted(lines, key=lambda one: (one.not_after_us is None, one.not_after_us or 0))
    yield Table(
        heads=heads(("target", "trusted", "named", "key", "expires", "left"), lang),
        rows=[_certificate(report, one, lang) for one in first[:MOST_ROWS]],
        widths=(26, 12, 13, 14, 21, 14),
        numeric=frozenset({5}),
    )
    yield from more(len(lines), "report.json", lang)
    yield Heading(text=told("section-posture", lang), level=2)
    yield Paragraph(text=told("posture-intro", lang))
    weak = sorted(lines, key=_strength)
    yield Table(
        heads=heads(("target", "protocol", "post-quantum", "outside"), lang),
        rows=[_posture(report, one, lang) for one in weak[:MOST_ROWS]],
        widths=(26, 22, 18, 34),
    )
    yield from more(len(lines), "report.json", lang)


def _counts(report: Report, lines: Sequence[CertificateLine], lang: Language) -> str:
    left = [_left_us(report, one) for one in lines]
    over = sum(one is not None and one < 0 for one in left)
    soon = sum(one is not None and 0 <= one < SOON_DAYS * _DAY_US for one in left)
    ready = [one.post_quantum for one in lines]
    counts = {
        "count": len(lines),
        "over": over,
        "soon": soon,
        "untrusted": sum(one.trusted is False for one in lines),
        "quantum": ready.count(True),
        "classical": ready.count(False),
        "unknown": ready.count(None),
    }
    shown = {name: number(count, lang) for name, count in counts.items()}
    return told("tls-counts", lang, days=SOON_DAYS, **shown)


def _left_us(report: Report, one: CertificateLine) -> int | None:
    return None if one.not_after_us is None else one.not_after_us - report.asked.window[1]


def _name(report: Report, target: str, family: int | None) -> str:
    return f"{report.name(target)} (IPv{family})" if family else report.name(target)


def _certificate(report: Report, one: CertificateLine, lang: Language) -> list[str]:
    left = _left_us(report, one)
    return [
        _name(report, one.target, one.family),
        truth(one.trusted, lang),
        truth(one.hostname_matches, lang),
        one.key or "–",
        when(report, one.not_after_us, lang),
        days_left(None if left is None else left // _DAY_US, lang),
    ]


def _strength(one: CertificateLine) -> tuple[int, int, str]:
    """Most suites outside of a profile first; of equals those without post-quantum exchange."""
    order = {False: 0, None: 1, True: 2}
    return -max(one.outside.values(), default=0), order[one.post_quantum], one.target


def _posture(report: Report, one: CertificateLine, lang: Language) -> list[str]:
    outside = [
        told("suites-outside", lang, profile=name, count=number(count, lang))
        for name, count in one.outside.items()
    ]
    return [
        _name(report, one.target, one.family),
        one.protocol or told("nothing-seen", lang),
        _unless(one.post_quantum, lang),
        "; ".join(outside) or told("unmeasured", lang),
    ]


def _unless(value: bool | None, lang: Language) -> str:
    """Yes or no; what nobody measured is said so."""
    return told("unmeasured", lang) if value is None else truth(value, lang)


def access(report: Report, lang: Language) -> Iterator[Block]:
    """What each service shows without a login; what nothing measured is said of each."""
    yield Heading(text=told("section-access", lang))
    yield Paragraph(text=told("access-intro", lang, vantage=report.vantage))
    if report.access:
        yield Table(
            heads=heads(("target", "closed-paths", "login", "client-certificate", "seen"), lang),
            rows=[
                [
                    _name(report, one.target, one.family),
                    _paths(one, lang),
                    _login(one, lang),
                    told(f"asked-{one.client_certificate}", lang)
                    if one.client_certificate
                    else told("unmeasured", lang),
                    when(report, one.seen_us, lang),
                ]
                for one in sorted(report.access, key=_worst)[:MOST_ROWS]
            ],
            widths=(24, 26, 18, 16, 16),
        )
        yield from more(len(report.access), "report.json", lang)
    else:
        yield Paragraph(text=told("access-none", lang))
    if not report.zones_measured:
        yield Paragraph(text=told("zones-none", lang))


def _worst(one: AccessLine) -> tuple[int, str, int]:
    """What is open first, then what is undecided or unknown, then what is closed."""
    if one.open or one.insecure_logins:
        return 0, one.target, one.family or 0
    return (1 if one.undecided or one.open is None else 2), one.target, one.family or 0


def _paths(one: AccessLine, lang: Language) -> str:
    parts = []
    if one.open:
        parts.append(told("paths-open", lang, paths=_some(one.open)))
    if one.undecided:
        parts.append(told("paths-undecided", lang, paths=_some(one.undecided)))
    if parts:
        return "; ".join(parts)
    return told("unmeasured" if one.open is None else "paths-closed", lang)


def _some(paths: Sequence[str]) -> str:
    shown = ", ".join(paths[:_MOST_PATHS])
    return shown if len(paths) <= _MOST_PATHS else f"{shown}, …"


def _login(one: AccessLine, lang: Language) -> str:
    if one.insecure_logins is None:
        return told("unmeasured", lang)
    return told("login-insecure" if one.insecure_logins else "login-secure", lang)
