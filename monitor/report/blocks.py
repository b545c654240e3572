"""What a document consists of, for whichever medium: a renderer knows these kinds and no others.

Texts are plain: a renderer escapes them, whatever they hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from monitor.text import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """The beginning of a section (1) or of a part of it (2)."""

    text: str
    level: int = 1
    fresh: bool = False
    """It begins a new page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Some sentences; a note is set smaller."""

    text: str
    note: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Names and their values, a line each."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under heads; `widths` are shares of the line, `numeric` columns are set to the right."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[int]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A picture (SVG text), what it shows in words, and what stands below it."""

    svg: str
    alt: str
    caption: str
    share: int = 100
    """Width in percent of the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verbatim:
    """Lines to be set as they are, such as a checkpoint or a command."""

    text: str


Block = Heading | Paragraph | Facts | Table | Plot | Verbatim


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A whole document in one language."""

    lang: Language
    title: str
    subtitle: str
    origin: str
    dated_us: int
    """The date it bears; nothing in it depends on when it was rendered."""
    blocks: Sequence[Block] = field(default_factory=tuple)
