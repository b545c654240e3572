"""How much two texts have in common, and a short fingerprint that tells it later. Pure.

A text is the set of its shingles: every three words in a row, hashed to 64 bits (BLAKE2b). The
distance of two texts is that of Jaccard, 1 - |A ∩ B| / |A ∪ B|: 0 the same, 1 nothing in common.

The fingerprint is a sketch by one permutation (Li, Owen and Zhang 2012): each of 128 buckets keeps
the smallest hash that fell into it, of which one of 15 digits remains, 0 where it is empty. Of two
sketches let n be the buckets that are not empty in both, e those empty in one of them, s those
with equal digits. Unequal texts agree in a bucket once in 15 times, so that
t = (15 s - (n - e)) / 14 estimates the buckets that truly agree, and the distance is 1 - t / n.
Its standard error is about 0.045 at a distance of one half, less at both ends; short texts fill
few buckets and have a larger one.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence, Set

from checks.page.normal import steady

SHINGLE = 3
BUCKETS = 128
WORDS_BOUND = 20_000
"""Words of a text that are looked at."""
_DIGITS = 15
_FORM = re.compile(r"s1-[0-9a-f]{128}")


def title_hash(title: str) -> str:
    """What stands for a title, whatever its numbers: "t1-" and 16 hexadecimal digits."""
    words = " ".join(steady(title)).encode("utf-8", "surrogatepass")
    return "t1-" + hashlib.blake2b(words, digest_size=8).hexdigest()


def shingles(text: Sequence[str]) -> Iterator[int]:
    """The hashes of every three words in a row; of a shorter text one of all its words."""
    for at in range(max(1, len(text) - SHINGLE + 1) if text else 0):
        joined = " ".join(text[at : at + SHINGLE]).encode("utf-8", "surrogatepass")
        yield int.from_bytes(hashlib.blake2b(joined, digest_size=8).digest())


def distance(one: Set[int], other: Set[int]) -> float:
    """The distance of two sets of shingles, exactly; of two empty ones 0."""
    both = len(one | other)
    return 1 - len(one & other) / both if both else 0.0


def sketch(hashes: Iterable[int]) -> str:
    """The fingerprint of a set of shingles: "s1-" and 128 hexadecimal digits."""
    smallest: list[int | None] = [None] * BUCKETS
    for number in hashes:
        bucket, rest = number % BUCKETS, number // BUCKETS
        known = smallest[bucket]
        if known is None or rest < known:
            smallest[bucket] = rest
    digits = (0 if rest is None else 1 + rest % _DIGITS for rest in smallest)
    return "s1-" + "".join(f"{digit:x}" for digit in digits)


def is_sketch(text: str) -> bool:
    """Whether a text is a fingerprint of this kind."""
    return _FORM.fullmatch(text) is not None


def sketch_distance(one: str, other: str) -> float:
    """The estimated distance of the texts of two fingerprints, 0 to 1; see the module."""
    pairs = [(a, b) for a, b in zip(one[3:], other[3:], strict=True) if a != "0" or b != "0"]
    if not pairs:
        return 0.0
    empty = sum("0" in pair for pair in pairs)
    same = sum(a == b for a, b in pairs)
    agreeing = (_DIGITS * same - (len(pairs) - empty)) / (_DIGITS - 1)
    return min(1.0, max(0.0, 1 - agreeing / len(pairs)))
