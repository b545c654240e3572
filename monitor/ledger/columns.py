"""Integer columns as bytes: zigzag, the narrowest width, byte planes. Pure.

A column is one width byte (0, 1, 2, 4 or 8) and then its planes: first the lowest byte of every
number, then the next. Neighbouring small numbers make long runs that zlib folds away. The width
is the narrowest that fits: equal columns have equal bytes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monitor.ledger.errors import CodedError

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
_WIDTHS = (1, 2, 4, 8)


class ColumnError(CodedError, ValueError):
    """The bytes are no column of the expected length."""


def zigzag(values: Ints) -> NDArray[np.uint64]:
    """Small magnitudes to small numbers: 0, -1, 1, -2 to 0, 1, 2, 3."""
    return ((values << 1) ^ (values >> 63)).view(np.uint64)


def unzigzag(values: NDArray[np.uint64]) -> Ints:
    """The inverse of `zigzag`."""
    return (values >> np.uint64(1)).view(np.int64) ^ -(values & np.uint64(1)).view(np.int64)


def pack(values: NDArray[np.uint64]) -> bytes:
    """The column of unsigned numbers."""
    top = int(values.max()) if values.size else 0
    if top == 0:
        return b"\0"
    width = next(w for w in _WIDTHS if top < 1 << (8 * w))
    planes = values.astype(f"<u{width}").view(np.uint8).reshape(-1, width)
    return bytes((width,)) + planes.T.tobytes()


def unpack(raw: bytes, count: int) -> NDArray[np.uint64]:
    """The numbers again; ColumnError unless there are exactly `count`."""
    if raw == b"\0":
        return np.zeros(count, np.uint64)
    if not raw or raw[0] not in _WIDTHS or len(raw) != 1 + count * raw[0]:
        raise ColumnError("entry.column-length", bytes=len(raw), count=count)
    width = raw[0]
    planes = np.frombuffer(raw, np.uint8, offset=1).reshape(width, count)
    if not planes[width // 2 :].any():
        raise ColumnError("entry.column-wide")
    return np.ascontiguousarray(planes.T).view(f"<u{width}").reshape(count).astype(np.uint64)


def pack_deltas(values: Ints) -> bytes:
    """A column of signed numbers, each as its difference from the one before."""
    return pack(zigzag(np.diff(values, prepend=np.int64(0))))


def unpack_deltas(raw: bytes, count: int) -> Ints:
    """The inverse of `pack_deltas`."""
    return np.cumsum(unzigzag(unpack(raw, count)), dtype=np.int64)


def pack_optional(values: Ints, present: Bools) -> bytes:
    """A column in which some numbers are undefined: 0, else zigzag + 1.

    ColumnError for -2^63, which would be 2^64 then.
    """
    if bool((values[present] == np.iinfo(np.int64).min).any()):
        raise ColumnError("entry.column-least")
    shifted = zigzag(values) + np.uint64(1)
    shifted[~present] = 0
    return pack(shifted)


def unpack_optional(raw: bytes, count: int) -> tuple[Ints, Bools]:
    """(values, present); an undefined value reads 0 and must not be used."""
    shifted = unpack(raw, count)
    present = shifted != 0
    values = unzigzag(np.where(present, shifted - np.uint64(1), np.uint64(0)))
    return values, present


def optional(values: Sequence[int | None]) -> tuple[Ints, Bools]:
    """Python values as (values, present)."""
    present = np.fromiter((v is not None for v in values), np.bool_, len(values))
    return np.fromiter((v or 0 for v in values), np.int64, len(values)), present
