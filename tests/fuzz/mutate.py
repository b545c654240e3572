"""Bytes that a hostile peer might send: real ones, damaged in many ways, from a seed."""

import random
from collections.abc import Callable, Sequence

Damage = Callable[[random.Random, bytes, Sequence[bytes]], bytes]
_LENGTH_BOUND = 200_000


def mutated(dice: random.Random, samples: Sequence[bytes]) -> bytes:
    """One input: a sample with one to six damages, or now and then bytes out of nothing."""
    if dice.random() < 0.05:
        return dice.randbytes(dice.randrange(300))
    whole = dice.choice(samples)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        whole = dice.choice(_DAMAGES)(dice, whole, samples)[:_LENGTH_BOUND]
    return whole


def _place(dice: random.Random, whole: bytes) -> int:
    """Anywhere, but often near the beginning, where the headers are."""
    end = len(whole) if dice.random() < 0.5 else min(len(whole), 80)
    return dice.randrange(end + 1)


def _flip(dice: random.Random, whole: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(dice, whole)
    return (
        whole[:at]
        + bytes(byte ^ 1 << dice.randrange(8) for byte in whole[at : at + 1])
        + (whole[at + 1 :])
    )


def _overwrite(dice: random.Random, whole: bytes, _: Sequence[bytes]) -> bytes:
    """Put an extreme where a length or a type may be."""
    at = _place(dice, whole)
    extreme = dice.choice(
        (b"\x00", b"\xff", b"\x00\x00", b"\xff\xff", b"\x7f\xff", b"\xff\xff\xff")
    )
    return whole[:at] + extreme + whole[at + len(extreme) :]


def _step(dice: random.Random, whole: bytes, _: Sequence[bytes]) -> bytes:
    """A byte one more or one less: lengths that do not add up."""
    at = _place(dice, whole)
    step = dice.choice((-1, 1))
    return whole[:at] + bytes((byte + step) % 256 for byte in whole[at : at + 1]) + whole[at + 1 :]


def _truncate(dice: random.Random, whole: bytes, _: Sequence[bytes]) -> bytes:
    return whole[: _place(dice, whole)]


def _insert(dice: random.Random, whole: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(dice, whole)
    return whole[:at] + dice.randbytes(dice.randrange(1, 40)) + whole[at:]


def _remove(dice: random.Random, whole: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(dice, whole)
    return whole[:at] + whole[at + dice.randrange(1, 40) :]


def _repeat(dice: random.Random, whole: bytes, _: Sequence[bytes]) -> bytes:
    at = _place(dice, whole)
    end = at + dice.randrange(1, 80)
    return whole[:at] + whole[at:end] * dice.choice((2, 3, 20, 500)) + whole[end:]


def _splice(dice: random.Random, whole: bytes, samples: Sequence[bytes]) -> bytes:
    other = dice.choice(samples)
    return whole[: _place(dice, whole)] + other[_place(dice, other) :]


_DAMAGES: tuple[Damage, ...] = (
    _flip, _overwrite, _step, _truncate, _insert, _remove, _repeat, _splice,
)  # fmt: skip
