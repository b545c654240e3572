"""What every entry has in common: its frame, its fields and their types, and why it is none.

An entry is `S`, a version byte, a kind byte, then a `wire` map of its fields (a batch has a form
of its own, see `monitor.ledger.batch`). A new field is a new version; old decoders stay for ever.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from monitor.ledger.errors import CodedError
from monitor.ledger.wire import WireError, encode
from monitor.text import Reason

MAGIC = b"S\x01"
MAX_ENTRY_BYTES = 65_535
"""An entry bundle gives each entry a 16-bit length (tlog-tiles)."""
MAX_TIME_US = 1 << 60
"""Wall times lie within this distance of the epoch (36,000 years): sums of times fit 64 bits."""
MAX_INTERVAL_US = 400 * 86_400_000_000


class EntryError(CodedError, ValueError):
    """The bytes are no entry of a version that this program knows, or it cannot follow.

    Its text (``entry.<name>``) is not a whole sentence but the reason in one.
    """


def reason_of(error: Exception) -> Reason:
    """Why something could not be read: its own reason, or what Python says, cut short."""
    if isinstance(error, CodedError):
        return error.reason
    return Reason("entry.misshapen", {"cause": str(error)[:200]})


def is_int64(value: object) -> bool:
    """Whether it is an integer (and no bool) that a column of the store can hold."""
    return type(value) is not bool and isinstance(value, int) and -(1 << 63) <= value < 1 << 63


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_map_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, Mapping) and all(map(fits, value.values()))


_FITS: Mapping[object, Callable[[Any], bool]] = {
    int: is_int64,
    str: _is_text,
    bytes: lambda value: isinstance(value, bytes),
    bool: lambda value: isinstance(value, bool),
    int | None: lambda value: value is None or is_int64(value),
    str | None: lambda value: value is None or _is_text(value),
    tuple[str, ...]: lambda value: isinstance(value, tuple | list) and all(map(_is_text, value)),
    Mapping[str, int]: _is_map_of(is_int64),
    Mapping[str, bytes]: _is_map_of(lambda value: isinstance(value, bytes)),
    Mapping[str, Any]: _is_map_of(lambda _: True),
}
"""Whether a value is of a field's type; what is decoded may be hostile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Base of the entries that are a map of fields."""

    CODE: ClassVar[int]

    def to_bytes(self) -> bytes:
        """The entry's bytes, as they are stored and hashed; EntryError where they would be none."""
        self.require_valid()
        try:
            body = encode({f.name: getattr(self, f.name) for f in fields(self)})
        except WireError as error:
            raise EntryError("entry.of", kind=type(self).__name__, why=error.reason) from error
        return frame(self.CODE, body)

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> Self:
        """The entry again; EntryError when a field is missing, unknown or of another type."""
        names = {f.name for f in fields(cls)}
        if set(values) != names:
            named = str(sorted(values))[:160]
            raise EntryError("entry.fields", kind=cls.__name__, fields=named)
        record = cls(**values)
        record.require_valid()
        return record

    def require_valid(self) -> None:
        """EntryError unless every field has its type and the fields agree with one another."""
        for f in fields(self):
            if not _FITS[f.type](getattr(self, f.name)):
                raise EntryError("entry.field-type", kind=type(self).__name__, field=f.name)
        wrong = self._contradiction()
        if wrong is not None:
            raise EntryError("entry.of", kind=type(self).__name__, why=wrong)

    def _contradiction(self) -> Reason | None:
        """What is wrong with the values, or nothing."""
        return None


def frame(code: int, body: bytes) -> bytes:
    """Prefix, kind and body; EntryError when it is too long for an entry bundle."""
    raw = MAGIC + bytes((code,)) + body
    if len(raw) > MAX_ENTRY_BYTES:
        raise EntryError("entry.long", bytes=len(raw), limit=MAX_ENTRY_BYTES)
    return raw


def code_of(raw: bytes) -> int:
    """The kind byte of an entry."""
    if raw[:2] != MAGIC or len(raw) < 4 or len(raw) > MAX_ENTRY_BYTES:
        raise EntryError("entry.version")
    return raw[2]
