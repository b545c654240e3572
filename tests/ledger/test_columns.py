"""Integer columns: round trips and one form only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger import columns as col
from monitor.ledger.columns import ColumnError

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
UINT64 = st.integers(0, (1 << 64) - 1) | st.integers(0, 300)


@given(st.lists(INT64))
def test_zigzag_is_undone(numbers: list[int]) -> None:
    """For every 64-bit number."""
    values = np.array(numbers, np.int64)
    assert col.unzigzag(col.zigzag(values)).tolist() == numbers


@given(st.lists(UINT64))
def test_a_column_comes_back_in_the_narrowest_width(numbers: list[int]) -> None:
    """1, 2, 4 or 8 bytes a number, and one byte for nothing but zeros."""
    raw = col.pack(np.array(numbers, np.uint64))
    assert col.unpack(raw, len(numbers)).tolist() == numbers
    width = next(w for w in (0, 1, 2, 4, 8) if max(numbers, default=0) < 1 << 8 * w)
    assert raw[0] == width
    assert len(raw) == 1 + width * len(numbers)


@given(st.binary(max_size=80), st.integers(0, 10))
def test_any_bytes_are_a_canonical_column_or_refused(raw: bytes, count: int) -> None:
    """What is accepted is written again in the same bytes."""
    try:
        values = col.unpack(raw, count)
    except ColumnError:
        return
    assert len(values) == count
    assert col.pack(values) == raw or count == 0


@pytest.mark.parametrize("raw", [b"", b"\3abc", b"\1", b"\1\0\0", b"\2a\0b\0"[:5], b"\1ab"])
def test_a_column_of_another_length_or_width_is_refused(raw: bytes) -> None:
    """Three numbers were expected."""
    with pytest.raises(ColumnError):
        col.unpack(raw, 3)


@pytest.mark.parametrize("raw", [b"\1\0\0", b"\2\1\2\0\0", b"\4" + b"\1" * 4 + b"\0" * 4])
def test_a_column_wider_than_its_numbers_is_refused(raw: bytes) -> None:
    """The same two numbers would have two forms."""
    with pytest.raises(ColumnError):
        col.unpack(raw, 2)


@given(st.lists(INT64))
def test_deltas_come_back_even_where_they_overflow(numbers: list[int]) -> None:
    """Differences are taken modulo 2^64."""
    raw = col.pack_deltas(np.array(numbers, np.int64))
    assert col.unpack_deltas(raw, len(numbers)).tolist() == numbers


@given(st.lists(st.none() | st.integers(1 - (1 << 63), (1 << 63) - 1)))
def test_undefined_is_never_zero(numbers: list[int | None]) -> None:
    """None comes back as None, and 0 as 0."""
    raw = col.pack_optional(*col.optional(numbers))
    values, present = col.unpack_optional(raw, len(numbers))
    back = [int(v) if p else None for v, p in zip(values, present, strict=True)]
    assert back == numbers


def test_the_one_number_without_room_is_refused() -> None:
    """-2^63 would wrap around to "undefined"."""
    with pytest.raises(ColumnError):
        col.pack_optional(*col.optional([-(1 << 63)]))
