"""The canonical encoding of everything that is hashed: one byte string for one value.

Type-tagged, length-prefixed, integers only; NULL differs from empty; map keys ascend. The
decoder accepts exactly what the encoder writes, so equal bytes mean equal values and the other
way round. Depth and lengths are bounded: what is decoded may be hostile.

| tag | value | then |
|---|---|---|
| 0 | null | - |
| 1 | integer | zigzag LEB128 |
| 2 | text | LEB128 length, UTF-8 |
| 3 | bytes | LEB128 length, bytes |
| 4 | list | LEB128 count, values |
| 5 | map | LEB128 count, then key (length, UTF-8) and value, keys ascending by their bytes |
| 6, 7 | false, true | - |
"""

from collections.abc import Mapping
from typing import Any

from monitor.ledger.errors import CodedError

MAX_DEPTH = 16
MAX_VARINT_BYTES = 19
"""Enough for 128 bits: far above any µs, ns or count that is stored."""
_VARINT_LIMIT = 1 << (7 * MAX_VARINT_BYTES)


class WireError(CodedError, ValueError):
    """The bytes are not the canonical encoding of any value."""


def encode(value: Any) -> bytes:
    """The canonical bytes of None, bool, int, str, bytes, list/tuple or str-keyed mapping.

    WireError for whatever could not be read back: another type, a lone surrogate, 133 bits.
    """
    out = bytearray()
    _write(out, value, 0)
    return bytes(out)


def decode(raw: bytes) -> Any:
    """The value of canonical bytes; lists come back as tuples. WireError for anything else."""
    value, end = _read(raw, 0, 0)
    if end != len(raw):
        raise WireError("entry.wire-follow", bytes=len(raw) - end)
    return value


def varint(number: int) -> bytes:
    """Unsigned LEB128; WireError for a number that `read_varint` would refuse."""
    if not 0 <= number < _VARINT_LIMIT:
        raise WireError("entry.wire-large")
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(raw: bytes, at: int) -> tuple[int, int]:
    """(number, offset behind it); overlong forms are refused."""
    number = 0
    for length in range(MAX_VARINT_BYTES):
        if at + length >= len(raw):
            raise WireError("entry.wire-number-cut")
        byte = raw[at + length]
        number |= (byte & 0x7F) << (7 * length)
        if byte < 0x80:
            if byte == 0 and length:
                raise WireError("entry.wire-overlong")
            return number, at + length + 1
    raise WireError("entry.wire-long")


def _write(out: bytearray, value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise WireError("entry.wire-deep")
    match value:
        case None:
            out.append(0)
        case bool():
            out.append(7 if value else 6)
        case int():
            out.append(1)
            out += varint(value << 1 if value >= 0 else (-value << 1) - 1)
        case str():
            text = _utf8(value)
            out.append(2)
            out += varint(len(text)) + text
        case bytes():
            out.append(3)
            out += varint(len(value)) + value
        case list() | tuple():
            out.append(4)
            out += varint(len(value))
            for item in value:
                _write(out, item, depth + 1)
        case Mapping():
            _write_map(out, value, depth)
        case _:
            raise WireError("entry.wire-kind", kind=type(value).__name__)


def _write_map(out: bytearray, value: Mapping[str, Any], depth: int) -> None:
    out.append(5)
    out += varint(len(value))
    for key, name in sorted((_utf8(name), name) for name in value):
        out += varint(len(key)) + key
        _write(out, value[name], depth + 1)


def _utf8(text: object) -> bytes:
    if not isinstance(text, str):
        raise WireError("entry.wire-key", kind=type(text).__name__)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise WireError("entry.wire-unicode") from error


def _read(raw: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth > MAX_DEPTH:
        raise WireError("entry.wire-deep")
    if at >= len(raw):
        raise WireError("entry.wire-cut")
    tag, at = raw[at], at + 1
    if tag == 0:
        return None, at
    if tag in (6, 7):
        return tag == 7, at
    number, at = read_varint(raw, at)
    if tag == 1:
        return (number >> 1) if not number & 1 else -((number + 1) >> 1), at
    if tag == 2:
        return _text(raw, at, number), at + number
    if tag == 3:
        return _slice(raw, at, number), at + number
    if tag == 4:
        return _read_list(raw, at, number, depth)
    if tag == 5:
        return _read_map(raw, at, number, depth)
    raise WireError("entry.wire-tag", tag=tag)


def _slice(raw: bytes, at: int, length: int) -> bytes:
    if at + length > len(raw):
        raise WireError("entry.wire-value-cut")
    return raw[at : at + length]


def _text(raw: bytes, at: int, length: int) -> str:
    try:
        return _slice(raw, at, length).decode()
    except UnicodeDecodeError as error:
        raise WireError("entry.wire-utf8") from error


def _read_list(raw: bytes, at: int, count: int, depth: int) -> tuple[tuple[Any, ...], int]:
    if count > len(raw) - at:
        raise WireError("entry.wire-list")
    values = []
    for _ in range(count):
        value, at = _read(raw, at, depth + 1)
        values.append(value)
    return tuple(values), at


def _read_map(raw: bytes, at: int, count: int, depth: int) -> tuple[dict[str, Any], int]:
    if count > len(raw) - at:
        raise WireError("entry.wire-map")
    values: dict[str, Any] = {}
    before = None
    for _ in range(count):
        length, at = read_varint(raw, at)
        key, at = _text(raw, at, length), at + length
        if before is not None and key.encode() <= before:
            raise WireError("entry.wire-order")
        before = key.encode()
        values[key], at = _read(raw, at, depth + 1)
    return values, at
