"""A document as PDF/A-2a and PDF/UA-1, set by typst with its own fonts and a fixed date (shell).

Everything that typst reads lies in a directory made for it: the template, the blocks as JSON, the
pictures. Neither the system's fonts nor the time of day reach the file, so that the same document
gives the same bytes on every machine.
"""

import json
import tempfile
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from monitor.ledger.errors import LedgerError
from monitor.report.blocks import Block, Document, Facts, Heading, Paragraph, Plot, Table, Verbatim
from monitor.report.letters import breakable, in_print

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HEADING, FACT, CELL = 56, 72, 18
"""Letters in a row that fit into a heading, a line of facts (a hash), and a cell of a table."""


class PdfError(LedgerError):
    """typst could not set the document."""


def to_pdf(document: Document) -> bytes:
    """The file; PdfError says what typst says."""
    import typst  # 40 MB of machine code that only this needs

    dated = (_EPOCH + timedelta(microseconds=document.dated_us)).replace(microsecond=0)
    with tempfile.TemporaryDirectory(prefix="sasando-report-") as name:
        folder = Path(name)
        _lay_out(document, dated, folder)
        try:
            compiler = typst.Compiler(root=name, ignore_system_fonts=True)
            made = compiler.compile(
                str(folder / "report.typ"),
                format="pdf",
                pdf_standards=["a-2a", "ua-1"],
                timestamp=dated,
            )
        except (typst.TypstError, RuntimeError) as error:
            raise PdfError("report.pdf-failed", why=str(error)[:500]) from error
    assert isinstance(made, bytes)
    return made


def _lay_out(document: Document, dated: datetime, folder: Path) -> None:
    template = files("monitor.report").joinpath("report.typ").read_bytes()
    (folder / "report.typ").write_bytes(template)
    blocks = []
    for place, block in enumerate(document.blocks):
        if isinstance(block, Plot):
            (folder / f"{place}.svg").write_text(block.svg, encoding="utf-8")
        blocks.append(_block(block, place))
    view = {
        "lang": document.lang,
        "title": in_print(document.title),
        "subtitle": in_print(document.subtitle),
        "origin": in_print(document.origin),
        "date": list(dated.timetuple()[:6]),
        "blocks": blocks,
    }
    (folder / "view.json").write_text(json.dumps(view), encoding="utf-8")


def _broken(text: str, longest: int) -> str:
    return breakable(in_print(text), longest)


def _block(block: Block, place: int) -> dict[str, Any]:
    match block:
        case Heading(text=text, level=level, fresh=fresh):
            shown = _broken(text, HEADING)
            return {"kind": "heading", "text": shown, "level": level, "fresh": fresh}
        case Paragraph(text=text, note=note):
            return {"kind": "paragraph", "text": _broken(text, FACT), "note": note}
        case Facts(pairs=pairs):
            return {
                "kind": "facts",
                "pairs": [[in_print(name), _broken(value, FACT)] for name, value in pairs],
            }
        case Table():
            return {
                "kind": "table",
                "heads": list(map(in_print, block.heads)),
                "rows": [[_broken(cell, CELL) for cell in row] for row in block.rows],
                "widths": list(block.widths),
                "numeric": sorted(block.numeric),
            }
        case Plot(alt=alt, caption=caption, share=share):
            return {
                "kind": "plot",
                "file": f"{place}.svg",
                "alt": in_print(alt),
                "caption": _broken(caption, CELL),
                "share": share,
            }
        case Verbatim(text=text):
            return {"kind": "verbatim", "text": in_print(text).rstrip("\n")}
