"""The files of an issued report, by format and language. Pure but for typst's directory."""

from collections.abc import Callable, Collection, Iterator, Sequence

from monitor.report.document import document_of
from monitor.report.html import to_html
from monitor.report.model import Report
from monitor.report.oscal import OSCAL_JSON, to_oscal
from monitor.report.pdf import to_pdf
from monitor.report.rows import to_csv
from monitor.report.shown import REPORT_JSON, to_bytes
from monitor.text import Language

FORMATS = ("pdf", "html", "json", "oscal", "csv", "bundle")
"""What `--format` may name; the bundle is written by `monitor.report.bundle`."""


def rendered(
    report: Report,
    note: bytes,
    formats: Collection[str],
    languages: Sequence[Language],
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of each file; a bundle always brings the JSON, which it is checked by."""
    if not {"json", "bundle"}.isdisjoint(formats):
        yield REPORT_JSON, to_bytes(report)
    if "csv" in formats:
        yield from to_csv(report).items()
    if "oscal" in formats:
        yield OSCAL_JSON, to_oscal(report)
    if {"html", "pdf"}.isdisjoint(formats):
        return
    for lang in languages:
        document = document_of(report, note, lang)
        if "html" in formats:
            progress(f"report.{lang}.html")
            yield f"report.{lang}.html", to_html(document)
        if "pdf" in formats:
            progress(f"report.{lang}.pdf")
            yield f"report.{lang}.pdf", to_pdf(document)
