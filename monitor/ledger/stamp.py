"""Time stamps on checkpoints (RFC 3161), pure but for a request's random nonce and for roots.

Enforces: a reply has at most `MAX_REPLY_BYTES`; it is granted, stamps the SHA-256 of just these
bytes and carries the nonce that was asked for; it is signed by a certificate whose critical
purpose is time stamping (2.3) and that leads, at the time it states, to one of the caller's roots.
Leaves to others: how bytes travel, revocation (nobody is asked), what the time means for the log
(`monitor.stamped`).
"""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.ledger.der_order import in_order
from monitor.ledger.errors import LedgerError
from monitor.ledger.files import read_bounded

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampResponse

MAX_REPLY_BYTES = 65_536
MAX_ROOTS = 100
MAX_ROOT_BYTES = 1_000_000
REPLY, STAMPED = ".tsr", ".checkpoint"
"""Ends of the names of an exported reply, and of the checkpoint that it stamps."""
QUERY_TYPE = "application/timestamp-query"
NAME_LIMIT = 100
"""Characters of what an authority calls itself, or of why it refuses."""
_SHA256 = "2.16.840.1.101.3.4.2.1"
_GRANTED = 0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WORDS = {
    "PKIStatus is not GRANTED": "refused",
    "Nonce mismatch": "nonce",
    "Mismatch between messages": "imprint",
}


class StampError(LedgerError):
    """A reply that stamps nothing here, or roots that cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A request: its bytes (DER), and the nonce that the reply must repeat."""

    raw: bytes
    nonce: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """A checkpoint's note with an authority's reply that was verified; `time_us` is its time."""

    authority: str
    """As the agent calls it."""
    size: int
    time_us: int
    note: bytes
    reply: bytes

    @property
    def sha256(self) -> bytes:
        """Of the reply: what the entry names."""
        return hashlib.sha256(self.reply).digest()


def asking(note: bytes) -> Asking:
    """A request for a token over these bytes, with a nonce and with the certificates."""
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    builder = TimestampRequestBuilder().data(note).hash_algorithm(HashAlgorithm.SHA256)
    made = builder.nonce(nonce=True).cert_request(cert_request=True).build()
    assert made.nonce is not None
    return Asking(raw=made.as_bytes(), nonce=made.nonce)


def read_roots(pem: bytes) -> "tuple[Certificate, ...]":
    """The certificates of a PEM text; StampError where there is none, or one cannot be read."""
    from cryptography.x509 import load_pem_x509_certificates

    try:
        found = tuple(load_pem_x509_certificates(pem))
    except ValueError as error:
        raise StampError("stamp.roots-none", place="PEM") from error
    if len(found) > MAX_ROOTS:
        raise StampError("stamp.roots-many", place="PEM", count=len(found), limit=MAX_ROOTS)
    return found


def roots_in(file: Path) -> "tuple[Certificate, ...]":
    """The certificates of a PEM file; StampError where it cannot be read, or has none."""
    try:
        return read_roots(read_bounded(file, MAX_ROOT_BYTES))
    except OSError as error:
        why = error.strerror or str(error)
        raise StampError("stamp.roots", place=str(file), why=why) from error
    except StampError as error:
        raise StampError(error.code, **{**error.values, "place": str(file)}) from error


def stamped_us(
    reply: bytes, note: bytes, roots: "Sequence[Certificate]", nonce: int | None = None
) -> int:
    """The time (UTC µs) at which an authority under one of the roots stamped the note's bytes.

    `nonce`: what was asked for; None where the asking is long over. StampError says what is wrong.
    """
    from rfc3161_client import VerificationError, VerifierBuilder

    read = _read(reply)
    if not roots:
        raise StampError("stamp.no-roots")
    builder = VerifierBuilder(nonce=nonce, roots=list(roots))
    try:
        imprint = read.tst_info.message_imprint
        if imprint.hash_algorithm.dotted_string != _SHA256:
            raise StampError("stamp.imprint")
        with warnings.catch_warnings():  # serial numbers and names of other people's certificates
            warnings.simplefilter("ignore")
            builder.build().verify(read, hashlib.sha256(note).digest())
        return (read.tst_info.gen_time - _EPOCH) // timedelta(microseconds=1)
    except VerificationError as error:
        word = _WORDS.get(str(error))
        if word is not None:
            raise StampError(f"stamp.{word}") from error
        raise StampError("stamp.untrusted", why=_short(error)) from error
    except (ValueError, TypeError, OverflowError) as error:
        raise StampError("stamp.unreadable", why=_short(error)) from error


def claimed_us(reply: bytes) -> int:
    """The time that a reply states, whoever signed it; StampError where it states none."""
    read = _read(reply)
    try:
        return (read.tst_info.gen_time - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError, OverflowError) as error:
        raise StampError("stamp.unreadable", why=_short(error)) from error


def _read(reply: bytes) -> "TimeStampResponse":
    """The reply's form; StampError also where it refuses."""
    from rfc3161_client import decode_timestamp_response

    if len(reply) > MAX_REPLY_BYTES:
        raise StampError("stamp.too-long", limit=MAX_REPLY_BYTES)
    try:
        read = decode_timestamp_response(in_order(reply))
        granted, said = read.status, "; ".join(read.status_string)
    except (ValueError, TypeError, OverflowError) as error:
        raise StampError("stamp.unreadable", why=_short(error)) from error
    if granted != _GRANTED:
        raise StampError("stamp.refused", why=_short(f"{granted} {said}".strip()))
    return read


def _short(error: object) -> str:
    """Words that stem from a stranger's bytes: one line of ASCII, bounded."""
    return ascii(str(error).partition("\n")[0])[1:-1][:NAME_LIMIT]
