"""A table (CSV) of sites, links, hotspots and services into one inventory file: all or nothing.

Comma, semicolon (Indonesian Excel) or tab; a byte order mark; quotes as in RFC 4180. A problem's
column is the number of the cell in its line. References to other files are judged when the
configuration is loaded.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from monitor.config.inventory import Inventory, read_section
from monitor.config.problem import ConfigurationError, Place, Problem, problem, shown
from monitor.config.reading import unreadable
from monitor.config.yaml_tree import FILE_LIMIT, Tree, decoded, resolved, too_big
from monitor.config.yaml_tree import Path as YamlPath
from monitor.ledger.files import create_durably
from monitor.nearest import nearest
from monitor.text import Language, say

_SECTIONS = {"site": "sites", "link": "links", "hotspot": "hotspots", "service": "services"}
_EVERY = ("kind", "key", "name", "kecamatan", "labels", "parents", "formerly", "enabled")
_PROBED = ("site", "role", "provider", "medium")
_OWN: Mapping[str, tuple[str, ...]] = {
    "site": ("aliases",),
    "link": (*_PROBED, "address", "fee"),
    "hotspot": (*_PROBED, "ssid", "gateway", "portal", "bssids"),
    "service": (*_PROBED, "url", "dns", "login"),
}
COLUMNS = tuple(dict.fromkeys((*_EVERY, *(name for own in _OWN.values() for name in own))))
_LISTS = frozenset({"parents", "formerly", "bssids"})
"""Columns whose cells hold several values, separated by spaces."""
_TRUTH = {"true": True, "ya": True, "yes": True, "false": False, "tidak": False, "no": False}
_PLAIN_KEY = re.compile(r"[a-z][a-z0-9._-]*")


class ImportFailure(Exception):  # noqa: N818 - it is about the file to write, not the table
    """The inventory file cannot be written."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values

    def sentence(self, lang: Language) -> str:
        """What is wrong, and what to do."""
        return say(f"config.{self.key}", lang, **self.values)


@dataclass(frozen=True, slots=True)
class Row:
    """One line that is not empty; `line` is where it begins."""

    line: int
    cells: list[str]


def import_csv(file: Path, out: Path) -> int:
    """Write the inventory file `out`, which must not exist; the number of entries."""
    if out.exists():
        raise ImportFailure("import-exists", file=out)
    try:
        with file.open("rb") as opened:
            raw = opened.read(FILE_LIMIT + 1)
    except OSError as error:
        raise ConfigurationError([unreadable(file, error)]) from None
    plain = read_csv(raw, str(file))
    text = as_yaml(plain, file.name).encode()
    if len(text) > FILE_LIMIT:
        raise ConfigurationError([too_big(str(file))])
    try:
        create_durably(out, text, 0o644)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ImportFailure("import-unwritable", file=out, reason=reason) from None
    return sum(len(entries) for entries in plain.values())


def read_csv(raw: bytes, file: str) -> dict[str, dict[str, dict[str, object]]]:
    """The sections of the inventory; ConfigurationError with every problem by its line."""
    problems: list[Problem] = []
    rows = list(_rows(decoded(raw, file), file))
    if not rows:
        raise ConfigurationError([problem(Place(file), "csv-empty")])
    header = [cell.strip().lower() for cell in rows[0].cells]
    _check_header(header, rows[0].line, file, problems)
    if problems:
        raise ConfigurationError(problems)
    plain: dict[str, dict[str, dict[str, object]]] = {}
    inventory = Inventory()
    for row in rows[1:]:
        found = _entry(row, header, file, problems)
        if found is None:
            continue
        section, key, entry = found
        path: YamlPath = (section, key)
        at: dict[YamlPath, tuple[int, int]] = {
            (*path, name): (row.line, header.index(name) + 1) for name in entry
        }
        one = Tree(file, {section: {key: entry}}, {path: _key_spot(row, header)}, at)
        read_section(one, section, (section,), inventory, Path(), problems)
        plain.setdefault(section, {})[key] = entry
    if not plain and not problems:
        problems.append(problem(Place(file), "csv-empty"))
    if problems:
        raise ConfigurationError(problems)
    return plain


def _rows(text: str, file: str) -> Iterator[Row]:
    """The lines with anything in them."""
    head = text.lstrip("\r\n").split("\n", 1)[0]
    separator = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begin = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Row(begin, cells)
            begin = reader.line_num + 1
    except csv.Error:
        raise ConfigurationError([problem(Place(file, begin), "csv-quote")]) from None


def _check_header(header: list[str], line: int, file: str, problems: list[Problem]) -> None:
    known = ", ".join(COLUMNS)
    if not {"kind", "key"} <= set(header):
        problems.append(problem(Place(file, line), "csv-header", known=known))
        return
    for position, name in enumerate(header):
        place = Place(file, line, position + 1)
        if name in header[:position]:
            problems.append(problem(place, "csv-column-twice", name=shown(name)))
        elif name not in COLUMNS:
            near = nearest(name, COLUMNS)
            if near:
                values = {"name": shown(name), "near": shown(near)}
                problems.append(problem(place, "csv-column-near", **values))
            else:
                problems.append(problem(place, "csv-column", name=shown(name), known=known))


def _key_spot(row: Row, header: list[str]) -> tuple[int, int]:
    return row.line, header.index("key") + 1


def _entry(
    row: Row, header: list[str], file: str, problems: list[Problem]
) -> tuple[str, str, dict[str, object]] | None:
    """Section, key and plain entry of a line; None and a problem when it has no sense."""
    cells = [cell.strip() for cell in row.cells]
    if len(cells) > len(header) and not any(cells[len(header) :]):
        cells = cells[: len(header)]
    if len(cells) != len(header):
        values = {"count": len(cells), "expected": len(header)}
        problems.append(problem(Place(file, row.line), "csv-cells", **values))
        return None
    written = {name: cell for name, cell in zip(header, cells, strict=True) if cell}
    kind, key = written.pop("kind", "").lower(), written.pop("key", "")
    if kind not in _SECTIONS:
        place = Place(file, row.line, header.index("kind") + 1)
        problems.append(problem(place, "csv-kind", value=shown(kind)))
        return None
    allowed = (*_EVERY, *_OWN[kind])
    for name in list(written):
        if name not in allowed:
            place = Place(file, row.line, header.index(name) + 1)
            problems.append(problem(place, "csv-not-for", kind=kind, name=shown(name)))
            del written[name]
    return _SECTIONS[kind], key, {name: _typed(name, cell) for name, cell in written.items()}


def _typed(name: str, cell: str) -> object:
    """The value of a cell as YAML would have it; what fits nothing stays a text."""
    if name in _LISTS:
        return cell.split()
    if name == "aliases":
        return [part.strip() for part in cell.split("|") if part.strip()]
    if name == "address" and " " in cell:
        return cell.split()
    if name == "labels":
        return dict(part.partition("=")[::2] for part in cell.split())
    if name == "enabled":
        return _TRUTH.get(cell.lower(), cell)
    if name == "fee" and cell.isascii() and cell.isdigit() and len(cell) <= 18:
        return int(cell)
    return cell


def as_yaml(plain: Mapping[str, Mapping[str, Mapping[str, object]]], origin: str) -> str:
    """The sections as an inventory file, one entry a line; JSON texts are YAML texts."""
    lines = [f"# Imported from {json.dumps(origin, ensure_ascii=False)}."]
    for section, entries in plain.items():
        lines.append(f"{section}:")
        for key, entry in entries.items():
            fields = ", ".join(f"{name}: {_scalar(value)}" for name, value in entry.items())
            lines.append(f"  {_yaml_key(key)}: {{{fields}}}")
    return "\n".join(lines) + "\n"


def _yaml_key(key: str) -> str:
    plain = _PLAIN_KEY.fullmatch(key) and isinstance(resolved(key), str)
    return key if plain else json.dumps(key)


def _scalar(value: object) -> str:
    if isinstance(value, dict):
        pairs = (f"{json.dumps(k, ensure_ascii=False)}: {_scalar(v)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_scalar(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)
