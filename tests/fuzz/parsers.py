"""Every parser that reads a stranger's bytes, in one list. A new one is one line more.

`run` must come back from any bytes, may raise what is in `raises` and nothing else, and may
assert whatever has to hold of its result.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.checks.tls import fuzz_certificates, fuzz_exchange, fuzz_wire


@dataclass(frozen=True, slots=True)
class Parser:
    """A parser, whole samples to damage, and the errors that it is allowed."""

    name: str
    run: Callable[[bytes], object]
    samples: Sequence[bytes]
    raises: tuple[type[Exception], ...] = ()


PARSERS = (
    *(Parser(f"tls answer {name}", run, samples) for name, run, samples in fuzz_wire.ANSWERS),
    *(Parser(f"tls exchange {name}", *rest) for name, *rest in fuzz_exchange.EXCHANGES),
    *(
        Parser(f"tls {name}", run, samples, (fuzz_wire.MalformedError,))
        for name, run, samples in (*fuzz_wire.PARTS, *fuzz_exchange.PARTS)
    ),
    *(Parser(f"certificate {n}", run, many) for n, run, many in fuzz_certificates.CERTIFICATES),
)
