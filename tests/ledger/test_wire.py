"""The canonical encoding: round trips, one form only, hostile bytes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from monitor.ledger.wire import MAX_DEPTH, WireError, decode, encode, read_varint, varint

INTEGERS = st.integers(-(1 << 127), (1 << 127) - 1)
TEXTS = st.text(st.characters(blacklist_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | INTEGERS | TEXTS | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=5).map(tuple) | st.dictionaries(TEXTS, inner, max_size=5)
    ),
    max_leaves=25,
)


def typed(value: object) -> object:
    """The value with its types, so that True is not 1; a map's order does not matter."""
    if isinstance(value, dict):
        return {key: typed(item) for key, item in value.items()}
    return [typed(item) for item in value] if isinstance(value, tuple) else repr(value)


@given(VALUES)
def test_a_value_comes_back(value: object) -> None:
    """Decoding what was encoded gives the value; a list comes back as a tuple."""
    assert typed(decode(encode(value))) == typed(value)
    if isinstance(value, tuple):
        assert encode(list(value)) == encode(value)


@given(st.binary(max_size=200))
@example(b"\x01\x80\x00")
@example(b"\x05\x02\x01b\x00\x01a\x00")
@example(b"\x05\x02\x01a\x00\x01a\x00")
def test_bytes_are_canonical_or_refused(raw: bytes) -> None:
    """Whatever the decoder accepts, the encoder writes in exactly these bytes."""
    try:
        value = decode(raw)
    except WireError:
        return
    assert encode(value) == raw


@given(VALUES, st.data())
def test_damaged_bytes_are_refused_or_mean_something_else(
    value: object, data: st.DataObject
) -> None:
    """No flipped byte decodes to the same value, and nothing but WireError is raised."""
    raw = bytearray(encode(value))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        changed = decode(bytes(raw))
    except WireError:
        return
    assert encode(changed) == bytes(raw) != encode(value)


@given(VALUES, st.binary(min_size=1, max_size=3))
def test_nothing_may_follow_or_be_missing(value: object, more: bytes) -> None:
    """A value ends where its bytes end."""
    raw = encode(value)
    with pytest.raises(WireError):
        decode(raw + more)
    with pytest.raises(WireError):
        decode(raw[:-1])


@given(st.dictionaries(TEXTS, st.integers(0, 9), min_size=2))
def test_the_order_of_a_map_is_its_keys_bytes(values: dict[str, int]) -> None:
    """However a map was made, its bytes are the same."""
    assert encode(dict(reversed(values.items()))) == encode(values)


@pytest.mark.parametrize(
    "value", [1.5, object(), {1: 2}, {None: 1}, "\ud800", {"\udfff": 1}, 1 << 140, -(1 << 140)]
)
def test_what_could_not_be_read_back_is_not_written(value: object) -> None:
    """Floats, keys that are no texts, lone surrogates, 140 bits."""
    with pytest.raises(WireError):
        encode(value)


def test_depth_is_bounded_both_ways() -> None:
    """As deep as may be written may be read; one deeper is refused, as are a thousand."""
    value: object = None
    for _ in range(MAX_DEPTH):
        value = (value,)
    assert decode(encode(value)) == value
    with pytest.raises(WireError):
        encode((value,))
    with pytest.raises(WireError):
        decode(b"\x04\x01" * 100_000 + b"\x00")


@pytest.mark.parametrize("tag", [2, 3, 4, 5])
def test_a_claimed_length_costs_nothing(tag: int) -> None:
    """2^126 bytes or values are refused before anything is made for them."""
    with pytest.raises(WireError):
        decode(bytes((tag,)) + varint(1 << 126))


@given(st.integers(0, (1 << 133) - 1))
def test_a_varint_has_one_form(number: int) -> None:
    """It is read back, and padded with a zero it is refused."""
    raw = varint(number)
    assert read_varint(raw, 0) == (number, len(raw))
    with pytest.raises(WireError):
        read_varint(raw[:-1] + bytes((raw[-1] | 0x80, 0)), 0)


@pytest.mark.parametrize("number", [-1, 1 << 133])
def test_a_varint_out_of_range_is_refused(number: int) -> None:
    """What `read_varint` would refuse is not written."""
    with pytest.raises(WireError):
        varint(number)
