"""The certificates that are believed without further proof, from PEM files."""

import contextlib
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.verification import Store

from checks.tls.certificate import UNREADABLE


@dataclass(frozen=True, slots=True, eq=False)
class Roots:
    """Compared by identity: a bundle that was read again is another one."""

    store: Store
    by_subject: Mapping[x509.Name, tuple[x509.Certificate, ...]]
    turns: tuple[float, ...]
    """Moments (seconds of UTC) at which a root begins or ends to be valid, in order."""

    def span(self, now: datetime) -> tuple[float, float]:
        """The time around `now` in which no root begins or ends to be valid."""
        place = bisect_right(self.turns, now.timestamp())
        before = self.turns[place - 1] if place else float("-inf")
        return before, self.turns[place] if place < len(self.turns) else float("inf")


def roots_among(certificates: Iterable[x509.Certificate]) -> Roots | None:
    """These certificates as roots; None when there are none."""
    by_subject: dict[x509.Name, tuple[x509.Certificate, ...]] = {}
    turns: set[float] = set()
    for root in certificates:
        with contextlib.suppress(*UNREADABLE):
            until = root.not_valid_after_utc.timestamp() + 1e-6  # that very moment is valid
            moments = (root.not_valid_before_utc.timestamp(), until)
            by_subject[root.subject] = (*by_subject.get(root.subject, ()), root)
            turns.update(moments)
    every = [root for same in by_subject.values() for root in same]
    return Roots(Store(every), by_subject, tuple(sorted(turns))) if every else None


def roots_of(paths: Iterable[str]) -> Roots | None:
    """The roots of PEM files, read again when a file changes; None when there are none."""
    try:
        return _read_roots(tuple((path, Path(path).stat().st_mtime_ns) for path in paths))
    except OSError:
        return None


@lru_cache(maxsize=8)
def _read_roots(files: tuple[tuple[str, int], ...]) -> Roots | None:
    return roots_among([root for path, _ in files for root in _pem(Path(path).read_bytes())])


def _pem(text: bytes) -> list[x509.Certificate]:
    """Each certificate by itself: one that cannot be read must not cost the others."""
    end = b"-----END CERTIFICATE-----"
    roots = []
    for block in text.split(end)[:-1]:
        start = block.find(b"-----BEGIN CERTIFICATE-----")
        with warnings.catch_warnings(), contextlib.suppress(*UNREADABLE):
            # Some old public roots have a serial number that RFC 5280 forbids.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            roots.append(x509.load_pem_x509_certificate(block[max(0, start) :] + end))
    return roots
