"""Typed messages as JSON texts, strictly: what does not fit its dataclass exactly is refused. Pure.

A dataclass is its own schema: bool, int, str, tuples and other dataclasses, `X | None`, and an
`Annotated` bound on every number, text and tuple. Missing, unknown and repeated keys, floats,
numbers beyond 64 bits, other types and deep nesting are a `WireError`, nothing else ever is.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

VERSION = 1
"""Stands in each message as `v`; another one is refused."""
MAX_BYTES = 65_536
"""A message is one datagram of at most so many bytes."""

Reader = Callable[[object], Any]


class WireError(ValueError):
    """The peer sent what is no message; nothing after it can be trusted."""


@dataclass(frozen=True, slots=True)
class Between:
    """Bounds of an int, both included."""

    low: int
    high: int

    def __call__(self, value: int) -> int:
        """The value itself, or WireError."""
        if not self.low <= value <= self.high:
            raise WireError(f"{value} is not between {self.low} and {self.high}")
        return value


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a text: `fits` says whether it has it."""

    fits: Callable[[str], bool]

    def __call__(self, value: str) -> str:
        """The value itself, or WireError."""
        if not self.fits(value):
            raise WireError("a text has a wrong form")
        return value


@dataclass(frozen=True, slots=True)
class AtMost:
    """The greatest length of a tuple."""

    count: int

    def __call__(self, value: tuple[Any, ...]) -> tuple[Any, ...]:
        """The value itself, or WireError."""
        if len(value) > self.count:
            raise WireError(f"{len(value)} items, more than {self.count}")
        return value


def encode(name: str, message: Any) -> bytes:
    """The datagram of a message; WireError when it would be longer than `MAX_BYTES`."""
    raw = json.dumps({"v": VERSION, "kind": name, **_plain(message)}, separators=(",", ":"))
    if len(raw) > MAX_BYTES:  # json.dumps escapes: one byte a character
        raise WireError(f"a message of {len(raw)} bytes")
    return raw.encode("ascii")


def decode(raw: bytes, kinds: Mapping[str, type]) -> Any:
    """The message in a datagram, of one of these kinds; WireError for anything else."""
    if len(raw) > MAX_BYTES:
        raise WireError(f"{len(raw)} bytes, more than {MAX_BYTES}")
    try:
        tree = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_table,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
    except WireError:
        raise
    except (ValueError, RecursionError) as error:
        raise WireError("no JSON text") from error
    version = tree.pop("v", None) if isinstance(tree, dict) else None
    if type(version) is not int or version != VERSION:
        raise WireError(f"no message of version {VERSION}")
    name = tree.pop("kind", None)
    if not isinstance(name, str) or name not in kinds:
        raise WireError("an unknown kind of message")
    return _reader(kinds[name])(tree)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _table(pairs: list[tuple[str, object]]) -> dict[str, object]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise WireError("a key twice")
    return table


def _no_number(text: str) -> None:
    raise WireError(f"{text[:20]} is no whole number")


@cache
def _reader(kind: Any) -> Reader:
    """What reads a value of this annotated type."""
    origin = get_origin(kind)
    if origin is Annotated:
        inner, *bounds = get_args(kind)
        return _bounded(_reader(inner), bounds)
    if origin in (Union, UnionType):
        (inner,) = (one for one in get_args(kind) if one is not NoneType)
        return _optional(_reader(inner))
    if origin is tuple:
        return _items(_reader(get_args(kind)[0]))
    return _message(kind) if is_dataclass(kind) else _exact(kind)


def _bounded(read: Reader, bounds: list[Reader]) -> Reader:
    def reader(value: object) -> Any:
        found = read(value)
        for bound in bounds:
            found = bound(found)
        return found

    return reader


def _optional(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _items(read: Reader) -> Reader:
    def reader(value: object) -> Any:
        if not isinstance(value, list):
            raise WireError("no list")
        return tuple(read(item) for item in value)

    return reader


def _exact(kind: type) -> Reader:
    def reader(value: object) -> Any:
        if type(value) is not kind:  # a bool is an int to isinstance
            raise WireError(f"no {kind.__name__}")
        return value

    return reader


def _message(kind: Any) -> Reader:
    hints = get_type_hints(kind, include_extras=True)
    readers = {one.name: _reader(hints[one.name]) for one in fields(kind)}

    def reader(value: object) -> Any:
        if not isinstance(value, dict) or set(value) != set(readers):
            raise WireError(f"no {kind.__name__}")
        return kind(**{name: read(value[name]) for name, read in readers.items()})

    return reader
