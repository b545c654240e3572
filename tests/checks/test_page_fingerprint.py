"""The fingerprint of a text: steady where dates change, and close to the exact distance."""

import random
import string

from hypothesis import given
from hypothesis import strategies as st

from checks.page.fingerprint import (
    BUCKETS,
    distance,
    is_sketch,
    shingles,
    sketch,
    sketch_distance,
    title_hash,
)
from checks.page.normal import steady

hashes = st.sets(st.integers(0, 2**64 - 1), max_size=300)


@given(hashes, hashes)
def test_distances_are_distances(one: set[int], other: set[int]) -> None:
    """Between 0 and 1, the same both ways, 0 of a set to itself; so for the sketches."""
    a, b = sketch(one), sketch(other)
    for near, far in ((distance(one, other), distance(other, one)),
                      (sketch_distance(a, b), sketch_distance(b, a))):  # fmt: skip
        assert 0 <= near == far <= 1
    assert distance(one, one) == sketch_distance(a, a) == 0
    assert is_sketch(a)


@given(st.integers(300, 3_000), st.floats(0, 1), st.integers(0, 2**32))
def test_a_sketch_estimates_the_exact_distance(size: int, share: float, seed: int) -> None:
    """Within five standard errors, for texts that fill the buckets."""
    draw = random.Random(seed)
    one = {draw.getrandbits(64) for _ in range(size)}
    kept = int(size * share)
    other = {*draw.sample(sorted(one), kept), *(draw.getrandbits(64) for _ in range(size - kept))}
    exact = distance(one, other)
    assert abs(sketch_distance(sketch(one), sketch(other)) - exact) < 5 * 0.05


def test_texts_with_nothing_in_common_are_as_far_as_can_be() -> None:
    """That unequal texts agree in one bucket of 15 by chance is taken into account."""
    draw = random.Random(7)
    far = [
        sketch_distance(*(sketch(draw.getrandbits(64) for _ in range(1_000)) for _ in range(2)))
        for _ in range(40)
    ]
    assert sum(far) / len(far) > 0.97


def test_the_sketch_is_what_its_documentation_says() -> None:
    """One hash: its bucket holds a digit from 1 to 15, every other one 0."""
    number = 77 + BUCKETS * 31
    digits = sketch([number]).removeprefix("s1-")
    assert digits[77] == f"{1 + 31 % 15:x}"
    assert set(digits[:77] + digits[78:]) == {"0"}
    assert sketch([]) == "s1-" + "0" * BUCKETS
    assert sketch_distance(sketch([]), sketch([number])) == 1


def test_numbers_and_spelling_do_not_move_a_page() -> None:
    """Dates, counters and case are no drift; other words are."""
    one = "Pengunjung 1.520 hari ini 14-11-2026 pukul 08.15"
    two = "PENGUNJUNG 99.730 hari  ini 1-1-2027 pukul 17.00"
    assert list(shingles(list(steady(one)))) == list(shingles(list(steady(two))))
    assert title_hash("Kota (3)") == title_hash("KOTA (12)") != title_hash("Hacked")


@given(st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=5), min_size=40, max_size=200))
def test_a_changed_word_moves_a_page_a_little(text: list[str]) -> None:
    """It touches three shingles and no more."""
    changed = [*text[:20], "ZZZ", *text[21:]]
    one, other = set(shingles(text)), set(shingles(changed))
    assert len(one - other) <= 3
    assert len(other - one) <= 3


@given(st.lists(st.text(max_size=8), max_size=2))
def test_a_short_text_is_one_shingle(text: list[str]) -> None:
    """Of no words there is none."""
    assert len(list(shingles(text))) == min(1, len(text))
