"""What is wrong with a chain as it was sent, whether or not clients forgive it. Pure.

Words (a chain may have several): `unreadable` (one is no certificate), `unreadable-extension`,
`duplicate`, `unordered` (one does not vouch for any before it; RFC 5246, 7.4.2), `extra`
(belongs to another chain), `root-sent` (of no use to a client), `missing-intermediate`,
`weak-key`, `unknown-key`, `weak-signature` (MD5 or SHA-1, but for a root, whose signature
nobody needs), `version-1`, `no-server-auth`, `wrong-key-usage`, `ca-as-leaf`, `not-a-ca`.
"""

from collections.abc import Iterator, Mapping, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from checks.tls.certificate import (
    UNREADABLE,
    extension_of,
    is_authority,
    key_of,
    may_be_issued,
    read,
    readable_extensions,
    signed_itself,
)
from checks.tls.path import CHAIN_BOUND
from checks.tls.roots import Roots

_LEAST_BITS: Mapping[str, int] = {"rsa": 2048, "dsa": 2048, "ec": 224}
"""RFC 9325, 4.5: RSA from 2,048 bits on, curves from 224 bits on."""
_BROKEN_HASHES = (hashes.MD5, hashes.SHA1)
_BROKEN_OIDS = frozenset({"1.2.840.113549.1.1.2"})
"""md2WithRSAEncryption, which the library does not know."""
_SERVER = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)


def problems_of(chain: Sequence[bytes], roots: Sequence[Roots]) -> tuple[str, ...]:
    """The words, in alphabetical order. Without roots a missing intermediate is not claimed."""
    sent = chain[:CHAIN_BOUND]
    found: set[str] = set()
    if len(set(sent)) < len(sent):
        found.add("duplicate")
    different = [read(encoded) for encoded in dict.fromkeys(sent)]
    readable = [item for item in different if item is not None]
    if len(readable) < len(different):
        found.add("unreadable")
    if readable and different[0] is readable[0]:
        found.update(_of_leaf(readable[0]))
        found.update(_of_order(readable, roots))
    for item in readable:
        found.update(_of_any(item))
    return tuple(sorted(found))


def _of_any(certificate: x509.Certificate) -> Iterator[str]:
    kind, bits = key_of(certificate)
    if kind == "unknown":
        yield "unknown-key"
    elif bits is not None and bits < _LEAST_BITS.get(kind, 0):
        yield "weak-key"
    try:
        if certificate.version is x509.Version.v1 and not signed_itself(certificate):
            yield "version-1"
    except UNREADABLE:
        yield "unreadable-extension"
    if not readable_extensions(certificate):
        yield "unreadable-extension"
    if _weakly_signed(certificate) and not signed_itself(certificate):
        yield "weak-signature"


def _weakly_signed(certificate: x509.Certificate) -> bool:
    try:
        if certificate.signature_algorithm_oid.dotted_string in _BROKEN_OIDS:
            return True
        return isinstance(certificate.signature_hash_algorithm, _BROKEN_HASHES)
    except UNREADABLE:
        return False


def _of_leaf(leaf: x509.Certificate) -> Iterator[str]:
    purposes = extension_of(leaf, x509.ExtendedKeyUsage)
    if purposes is not None and not any(purpose in purposes for purpose in _SERVER):
        yield "no-server-auth"
    usage = extension_of(leaf, x509.KeyUsage)
    if usage is not None and not (
        usage.digital_signature or usage.key_encipherment or usage.key_agreement
    ):
        yield "wrong-key-usage"
    if is_authority(leaf):
        yield "ca-as-leaf"


def _of_order(sent: Sequence[x509.Certificate], roots: Sequence[Roots]) -> Iterator[str]:
    """Who vouches for whom, from the leaf on."""
    above = {place: _issued_by(sent, place) for place in range(1, len(sent))}
    vouching = _reachable(above)
    for place in sorted(vouching):
        if not any(below < place for below in above[place]):
            yield "unordered"
        yield from _of_issuer(sent[place])
    if len(vouching) < len(sent) - 1:
        yield "extra"
    ends = [sent[0]] if not vouching else [sent[place] for place in vouching]
    leads = signed_itself(sent[0]) or any(_ends_well(item, roots) for item in ends)
    if roots and not vouching and not leads:
        yield "missing-intermediate"


def _issued_by(sent: Sequence[x509.Certificate], place: int) -> frozenset[int]:
    """The places of those that this certificate vouches for."""
    issuer = sent[place]
    return frozenset(
        other for other in range(len(sent)) if other != place and may_be_issued(issuer, sent[other])
    )


def _reachable(above: Mapping[int, frozenset[int]]) -> frozenset[int]:
    """The places of those that vouch for the leaf, directly or not."""
    found: frozenset[int] = frozenset({0})
    for _ in range(CHAIN_BOUND):
        found |= {place for place, below in above.items() if below & found}
    return found - {0}


def _of_issuer(certificate: x509.Certificate) -> Iterator[str]:
    if signed_itself(certificate):
        yield "root-sent"
    elif readable_extensions(certificate) and not is_authority(certificate):
        yield "not-a-ca"
    usage = extension_of(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        yield "wrong-key-usage"


def _ends_well(certificate: x509.Certificate, roots: Sequence[Roots]) -> bool:
    try:
        return any(certificate.issuer in known.by_subject for known in roots)
    except UNREADABLE:
        return False
