"""A document as one self-contained HTML file: no script, no reference to anything else. Pure."""

from collections.abc import Iterator
from html import escape as escaped

from monitor.report.blocks import Block, Document, Facts, Heading, Paragraph, Plot, Table, Verbatim
from monitor.report.letters import plain

_STYLE = """
body{font:15px/1.5 system-ui,"Noto Sans","DejaVu Sans",sans-serif;color:#1c1c1c;background:#fff;
margin:0 auto;max-width:62rem;padding:1.5rem}
h1{font-size:1.7rem;line-height:1.2;margin:0}h2,h3,p,figcaption{overflow-wrap:anywhere}
header p{margin:.2rem 0 1.5rem;color:#555;font-size:1.15rem}
h2{font-size:1.25rem;margin:2.2rem 0 .5rem;border-bottom:2px solid #1d4f91;padding-bottom:.2rem}
h3{font-size:1.05rem;margin:1.4rem 0 .4rem}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.87rem;margin:.6rem 0}
th{text-align:left;background:#eef2f7;border-bottom:1px solid #9db1c9}
th,td{padding:.28rem .5rem;vertical-align:top}td{overflow-wrap:anywhere}
td{border-bottom:1px solid #e3e3e3}
/* Of a head no letter is parted from its word: the column grows. */
th,td.n{overflow-wrap:normal}
.n{text-align:right;font-variant-numeric:tabular-nums}
dl{display:grid;grid-template-columns:minmax(9rem,max-content) 1fr;gap:.15rem 1rem;margin:.6rem 0}
dt{color:#555}dd{margin:0;overflow-wrap:anywhere}
figure{margin:1rem 0}figcaption{font-size:.85rem;color:#444}
figure svg{width:100%;height:auto;display:block}
.note{font-size:.85rem;color:#444}pre{background:#f4f4f4;padding:.7rem;overflow-x:auto;font-size:.82rem}
@media print{body{font-size:10pt;max-width:none;padding:0}h2,h3{break-after:avoid}
.fresh{break-before:page}tr,figure{break-inside:avoid}thead{display:table-header-group}pre{white-space:pre-wrap}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def escape(text: str) -> str:
    """A text that is neither markup nor unseen."""
    return escaped(plain(text))


def to_html(document: Document) -> bytes:
    """The file; the same document gives the same bytes."""
    return "".join(_page(document)).encode()


def _page(document: Document) -> Iterator[str]:
    title = escape(document.title)
    yield f'<!DOCTYPE html>\n<html lang="{document.lang}">\n<head>\n<meta charset="utf-8">\n'
    yield f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    yield f"<title>{title}: {escape(document.subtitle)}</title>\n<style>{_STYLE}</style>\n</head>\n"
    yield f"<body>\n<header>\n<h1>{title}</h1>\n<p>{escape(document.subtitle)}</p>\n"
    yield "</header>\n<main>\n"
    for block in document.blocks:
        yield _block(block)
        yield "\n"
    yield "</main>\n</body>\n</html>\n"


def _block(block: Block) -> str:
    match block:
        case Heading(text=text, level=level, fresh=fresh):
            page = " class=fresh" if fresh else ""
            return f"<h{level + 1}{page}>{escape(text)}</h{level + 1}>"
        case Paragraph(text=text, note=note):
            return f"<p{' class=note' if note else ''}>{escape(text)}</p>"
        case Facts(pairs=pairs):
            lines = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in pairs)
            return f"<dl>{''.join(lines)}</dl>"
        case Table():
            return _table(block)
        case Plot(svg=svg, caption=caption, share=share):
            style = f' style="max-width:{share}%"' if share != 100 else ""
            below = f"<figcaption>{escape(caption)}</figcaption>"
            return f"<figure><div{style}>{svg}</div>{below}</figure>"
        case Verbatim(text=text):
            return f"<pre>{escape(text)}</pre>"


def _table(table: Table) -> str:
    def row(cells: list[str], tag: str) -> str:
        made = (
            f"<{tag}{' class=n' if place in table.numeric else ''}>{escape(cell)}</{tag}>"
            for place, cell in enumerate(cells)
        )
        return f"<tr>{''.join(made)}</tr>"

    body = "\n".join(row(list(cells), "td") for cells in table.rows)
    head = row(list(table.heads), "th")
    return (
        f'<div class="wide"><table>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody></table></div>'
    )
