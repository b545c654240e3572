"""What the bundle tells an auditor who does not trust this program. Pure but for package data."""

from importlib.resources import files

from monitor.ledger.signer import Verifier, encode_base64
from monitor.report.model import Report
from monitor.text import LANGUAGES, Language


def readmes(report: Report, verifier: Verifier) -> dict[str, bytes]:
    """README in both languages, and the checker in Go."""
    made = {
        f"README{'' if lang == 'en' else f'.{lang}'}.md": _readme(report, verifier, lang)
        for lang in LANGUAGES
    }
    return {**made, "checklog.go": files("monitor.report").joinpath("checklog.go").read_bytes()}


def _readme(report: Report, verifier: Verifier, lang: Language) -> bytes:
    template = files("monitor.report").joinpath(f"README.{lang}.md").read_text(encoding="utf-8")
    values = {
        "@ORIGIN@": report.origin,
        "@PERIOD@": report.asked.period.text,
        "@SIZE@": str(report.size),
        "@ROOT@": report.root,
        "@SPKI@": encode_base64(verifier.spki),
        "@ACCOUNTING@": report.accounting_sha256,
    }
    for name, value in values.items():
        template = template.replace(name, value)
    return template.encode()
