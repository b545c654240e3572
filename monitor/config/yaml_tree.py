"""A strict reading of one YAML file, with the place of every key and value.

The only importer of PyYAML. Enforced here: UTF-8, at most FILE_LIMIT bytes, DEPTH_LIMIT levels
and NODE_LIMIT values; one document; no anchors, aliases, merge keys or tags; no control
characters; keys are texts and stand once. Plain scalars mean what YAML 1.2's core schema says,
stricter still: `no`, `on`, `1:30`, `0812`, `0o17`, `0x1f`, dates and numbers of more than 18
digits stay texts. Left to others: what the values mean.

Events are read one by one, never composed recursively, so that a bomb ends at its bound.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from monitor.config.problem import ConfigurationError, Place, Problem, problem, shown

FILE_LIMIT = 1_000_000
DEPTH_LIMIT = 32
NODE_LIMIT = 200_000
PROBLEM_LIMIT = 100
"""Problems of one file after which the reading ends."""

Path = tuple[str | int, ...]
"""Keys and list positions from the root of a file down to a value."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]|\r(?!\n)"
)
_CONTROL_VALUE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(
    r"[-+]?(?:\.[0-9]{1,18}|(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{0,18})?)(?:[eE][-+]?[0-9]{1,2})?"
)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}


@dataclass(frozen=True, slots=True)
class Tree:
    """One file: its plain values (dict, list, str, int, float, bool, None) and their places."""

    file: str
    plain: object
    key_places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    value_places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    """What is wrong although the file could be read: what is repeated was left out."""

    def of_key(self, path: Path) -> Place:
        """Where the key at the end of the path stands; else the value; else what is around it."""
        if path in self.key_places:
            return Place(self.file, *self.key_places[path])
        return self.of_value(path)

    def of_value(self, path: Path) -> Place:
        """Where the value stands, or the nearest thing around it that stands in the file."""
        while path and path not in self.value_places:
            path = path[:-1]
        return Place(self.file, *self.value_places.get(path, (1, 1)))


def read_tree(raw: bytes, file: str) -> Tree:
    """The tree of a file's bytes; ConfigurationError when it cannot be read to its end."""
    text = decoded(raw, file)
    reading = _Reading(file)
    try:
        for event in _events(text):
            reading.take(event)
    except yaml.MarkedYAMLError as error:
        reading.refuse(error.problem_mark or error.context_mark, "yaml-syntax", reason=_why(error))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reading.refuse(None, "yaml-syntax", reason=type(error).__name__)
    except _EndReadingError:
        pass
    else:
        return reading.tree()
    raise ConfigurationError(reading.problems)


def _events(text: str) -> Iterator[Any]:
    events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
    return events


def _why(error: yaml.MarkedYAMLError) -> str:
    """The parser's own words; they name a character at most, never a value."""
    return ", ".join(part for part in (error.context, error.problem) if part)


def decoded(raw: bytes, file: str) -> str:
    """The text of a file: bounded, UTF-8, no control characters; else ConfigurationError."""
    if len(raw) > FILE_LIMIT:
        raise ConfigurationError([too_big(file)])
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        place = Place(file, *_line_and_column(before))
        byte = f"0x{raw[error.start]:02x}"
        raise ConfigurationError([problem(place, "not-utf8", byte=byte)]) from None
    if found := _CONTROL.search(text):
        place = Place(file, *_line_and_column(text[: found.start()]))
        code = f"U+{ord(found[0][0]):04X}"
        raise ConfigurationError([problem(place, "control-character", code=code)])
    return text


def too_big(file: str) -> Problem:
    """The problem of a file above FILE_LIMIT."""
    return problem(Place(file), "file-too-big", limit=f"{FILE_LIMIT:,}")


def _line_and_column(before: str) -> tuple[int, int]:
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


class _EndReadingError(Exception):
    """Nothing more of this file can be read."""


@dataclass(slots=True)
class _Frame:
    """A mapping or list under construction. `key` is set between a key and its value."""

    into: dict[str, object] | list[object]
    path: Path
    key: str | None = None
    duplicate: bool = False


class _Reading:
    """Builds the tree from events; one use."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.root: object = None
        self.documents = 0
        self.nodes = 0
        self.frames: list[_Frame] = []
        self.key_places: dict[Path, tuple[int, int]] = {}
        self.value_places: dict[Path, tuple[int, int]] = {}

    def tree(self) -> Tree:
        return Tree(self.file, self.root, self.key_places, self.value_places, tuple(self.problems))

    def refuse(self, mark: Any, key: str, **values: object) -> None:
        place = Place(self.file, *_spot(mark)) if mark else Place(self.file)
        self.problems.append(problem(place, key, **values))
        if len(self.problems) >= PROBLEM_LIMIT:
            raise _EndReadingError

    def end(self, mark: Any, key: str, **values: object) -> None:
        self.refuse(mark, key, **values)
        raise _EndReadingError

    def take(self, event: Any) -> None:
        """One event of the parser."""
        if isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                self.end(event.start_mark, "several-documents")
        elif isinstance(event, yaml.AliasEvent):
            self.refuse(event.start_mark, "alias", name=shown(f"*{event.anchor}"))
            if self.expects_key():
                raise _EndReadingError
            self.place(None, event.start_mark)
        elif isinstance(event, yaml.NodeEvent):
            self.node(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self.frames.pop()

    def node(self, event: Any) -> None:
        """The start of a value or of a key."""
        self.nodes += 1
        if self.nodes > NODE_LIMIT:
            self.end(event.start_mark, "too-many-values", limit=f"{NODE_LIMIT:,}")
        if event.anchor is not None:
            self.refuse(event.start_mark, "alias", name=shown(f"&{event.anchor}"))
        if event.tag is not None:
            self.refuse(event.start_mark, "tag", tag=shown(event.tag))
        if isinstance(event, yaml.ScalarEvent):
            self.scalar(event)
            return
        if len(self.frames) >= DEPTH_LIMIT:
            self.end(event.start_mark, "too-deep", limit=DEPTH_LIMIT)
        if self.expects_key():
            self.end(event.start_mark, "key-no-text", shown=shown("…"))
        into: dict[str, object] | list[object]
        into = {} if isinstance(event, yaml.MappingStartEvent) else []
        path = self.place(into, event.start_mark)
        self.frames.append(_Frame(into, path))

    def scalar(self, event: Any) -> None:
        if _CONTROL_VALUE.search(event.value):
            code = f"U+{ord(_CONTROL_VALUE.findall(event.value)[0]):04X}"
            self.refuse(event.start_mark, "control-character", code=code)
        value = resolved(event.value) if event.implicit[0] else event.value
        if self.expects_key():
            self.key(value, event)
        else:
            self.place(value, event.start_mark)

    def expects_key(self) -> bool:
        frame = self.frames[-1] if self.frames else None
        return frame is not None and isinstance(frame.into, dict) and frame.key is None

    def key(self, value: object, event: Any) -> None:
        frame = self.frames[-1]
        if not isinstance(value, str):
            self.refuse(event.start_mark, "key-no-text", shown=event.value or "null")
        elif value == "<<" and event.implicit[0]:
            self.refuse(event.start_mark, "merge")
        frame.key = event.value
        path = (*frame.path, event.value)
        frame.duplicate = path in self.key_places
        if frame.duplicate:
            first = self.key_places[path][0]
            self.refuse(event.start_mark, "key-twice", name=shown(event.value), line=first)
        else:
            self.key_places[path] = _spot(event.start_mark)

    def place(self, value: object, mark: Any) -> Path:
        """Put a value where it belongs; its path. A repeated key's value is dropped."""
        if not self.frames:
            self.root = value
            self.value_places[()] = _spot(mark)
            return ()
        frame = self.frames[-1]
        if isinstance(frame.into, list):
            path: Path = (*frame.path, len(frame.into))
            frame.into.append(value)
        else:
            path = (*frame.path, frame.key or "")
            frame.key = None
            if frame.duplicate:
                # Read on for its own mistakes, under a path that meets no other.
                return (*frame.path, f"{path[-1]}\0{len(self.value_places)}")
            frame.into[str(path[-1])] = value
        self.value_places[path] = _spot(mark)
        return path


def _spot(mark: Any) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


def resolved(text: str) -> object:
    """What a plain scalar means."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    return text
