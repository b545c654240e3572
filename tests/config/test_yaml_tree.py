"""The strict reading of YAML."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.config.problem import ConfigurationError
from monitor.config.yaml_tree import Tree, read_tree

SNIPPETS = st.lists(
    st.sampled_from(
        [
            "a", "b", ": ", "- ", "\n", "  ", "[", "]", "{", "}", ",", "&x ", "*x", "!!str ",
            "!t ", "|\n", ">\n", "'", '"', "# c", "---\n", "...\n", "? ", "<<: ", "%YAML 1.1\n",
            "\\u0000", "\\ud800", "\ufeff", "é", "1e999", "0x1f", "\r\n", "\t", "~",
        ]
    ),
    max_size=40,
)  # fmt: skip


def _read(raw: bytes) -> Tree | None:
    try:
        return read_tree(raw, "f.yaml")
    except ConfigurationError:
        return None


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_raise_anything_else(raw: bytes) -> None:
    """Whatever the bytes, there is a tree or a ConfigurationError."""
    _read(raw)


@settings(max_examples=500)
@given(SNIPPETS)
def test_arbitrary_pieces_of_yaml_never_raise_anything_else(pieces: list[str]) -> None:
    """Whatever stands beside whatever, there is a tree or a ConfigurationError."""
    tree = _read("".join(pieces).encode())
    if tree is not None and not tree.problems:
        json.dumps(tree.plain, allow_nan=False)


REFUSED = "\u2028\u2029\ufeff\ufffe\uffff"
LETTERS = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=REFUSED)
TEXTS = st.text(LETTERS, max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_json_is_read_as_itself(value: object) -> None:
    """Every JSON text is a YAML text with the same meaning, and every value has its place."""
    text = json.dumps(value, ensure_ascii=False, indent=1)
    tree = read_tree(text.encode(), "f.yaml")
    assert tree.plain == value
    assert tree.problems == ()
    lines = text.split("\n")
    for line, column in [*tree.key_places.values(), *tree.value_places.values()]:
        assert 1 <= column <= len(lines[line - 1]) + 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("y", "y"), ("Off", "Off"), ("1:30", "1:30"),
        ("190:20:30", "190:20:30"), ("0812", "0812"), ("0o17", "0o17"), ("0x1f", "0x1f"),
        ("1_000", "1_000"), ("2026-11-23", "2026-11-23"), (".inf", ".inf"), (".nan", ".nan"),
        ("12345678901234567890", "12345678901234567890"), ("true", True), ("False", False),
        ("null", None), ("~", None), ("", None), ("7", 7), ("-7", -7), ("+7", 7), ("0.5", 0.5),
        ("1e3", 1000.0), ("'7'", "7"), ("'true'", "true"), ("=", "="),
    ],
)  # fmt: skip
def test_plain_scalars_mean_what_yaml_1_2_says(text: str, value: object) -> None:
    """None of YAML 1.1's surprises: a telephone number, a time and `no` stay texts."""
    plain = read_tree(f"a: {text}\n".encode(), "f.yaml").plain
    assert plain == {"a": value}
    assert isinstance(plain, dict)
    assert type(plain["a"]) is type(value)


def test_places_count_from_one_in_characters() -> None:
    """Line and column are those an editor shows, also behind letters of several bytes."""
    tree = read_tree("é:\n  kü: wert\n".encode(), "f.yaml")
    assert tree.key_places[("é", "kü")] == (2, 3)
    assert tree.value_places[("é", "kü")] == (2, 7)
    assert str(tree.of_value(("é", "kü", "gone"))) == "f.yaml:2:7"


def test_a_byte_order_mark_is_let_through() -> None:
    """A mark that Windows editors write is no part of the text."""
    assert read_tree(b"\xef\xbb\xbfa: 1\n", "f.yaml").plain == {"a": 1}


def test_reading_ends_at_a_bound_of_problems() -> None:
    """A file of nothing but mistakes gives a list that a person can read."""
    with pytest.raises(ConfigurationError) as caught:
        read_tree(b"".join(b"- *a%d\n" % n for n in range(5000)), "f.yaml")
    assert len(caught.value.problems) == 100
