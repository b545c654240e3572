"""No bytes of a stranger bring a parser down. Short by default, `make fuzz` for ten minutes.

SASANDO_FUZZ_SECONDS says how long in all, SASANDO_FUZZ_SEED repeats a run; the seed is printed.
"""

import itertools
import os
import random
import time

import pytest

from tests.fuzz.mutate import mutated
from tests.fuzz.parsers import PARSERS, Parser

_SHORT = 400
_BLOCK = 500
_SEED = int(os.environ.get("SASANDO_FUZZ_SEED") or random.SystemRandom().randrange(2**32))
_SECONDS = float(os.environ.get("SASANDO_FUZZ_SECONDS") or 0)


def attempt(parser: Parser, seed: int, index: int) -> None:
    """One input; a failure says how to have it again."""
    wire = mutated(random.Random(f"{seed} {parser.name} {index}"), parser.samples)
    try:
        parser.run(wire)
    except parser.raises:
        pass
    except Exception as error:
        error.add_note(f"{parser.name}: seed {seed}, input {index}: {wire[:400].hex()}")
        raise


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_a_parser_comes_back_from_any_bytes(parser: Parser) -> None:
    """Whole samples are read as they are, and damaged ones raise nothing but what is allowed."""
    for sample in parser.samples:
        parser.run(sample)
    for index in range(_SHORT):
        attempt(parser, _SEED, index)


@pytest.mark.skipif(not _SECONDS, reason="SASANDO_FUZZ_SECONDS is not set (make fuzz)")
@pytest.mark.timeout(_SECONDS + 120)
def test_every_parser_for_a_long_time() -> None:
    """Every parser by turns until the time is over."""
    print(f"\nSASANDO_FUZZ_SEED={_SEED}, {len(PARSERS)} parsers, {_SECONDS:.0f} s")
    until = time.monotonic() + _SECONDS
    for block in itertools.count():
        for parser in PARSERS:
            for index in range(block * _BLOCK, (block + 1) * _BLOCK):
                attempt(parser, _SEED, index)
            if time.monotonic() >= until:
                print(f"{block * _BLOCK:,} inputs of each parser, and {parser.name} was the last")
                return


def test_names_are_unique() -> None:
    """A failure names one parser."""
    assert len({parser.name for parser in PARSERS}) == len(PARSERS)


def test_a_parser_that_breaks_is_caught() -> None:
    """The fuzzer finds a length that is believed, and says how to have it again."""

    def careless(wire: bytes) -> int:
        return wire[1 + wire[0]]

    def search(parser: Parser) -> None:
        for index in range(200):
            attempt(parser, 1, index)

    with pytest.raises(IndexError) as caught:
        search(Parser("careless", careless, (b"\x02abc",)))
    assert "careless: seed 1, input" in caught.value.__notes__[0]
