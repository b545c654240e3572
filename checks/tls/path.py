"""Whether a chain leads to a root. Pure.

The rules of the public web are those of `cryptography`'s verifier. It is stricter than many
clients (no Ed25519 keys, no SHA-1): a chain whose signatures hold and that breaks such a rule
has a word of its own (`web-pki`), apart from one that is forged (`invalid`).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    VerificationError,
)

from checks.tls.certificate import (
    UNREADABLE,
    affordable,
    extension_of,
    is_authority,
    may_be_issued,
    read,
    readable_extensions,
    signed_itself,
)
from checks.tls.names import Names, names_of
from checks.tls.roots import Roots

CHAIN_BOUND = 10
"""Certificates of a chain that are looked at."""
_TEXT_BOUND = 255
_MOST_COMPARISONS = 65_536
"""Of names with constraints (RFC 5280, 4.2.1.10), each some 100 ns: a leaf of 100 names below
an authority with 600."""


def _may_sign(_: Policy, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("an authority whose key may not sign certificates")


# The rules of the public web (CA/Browser Forum) but for three extensions that authorities of
# one's own, such as one made by `openssl req -x509`, leave out and that browsers do not miss.
_CA_POLICY = ExtensionPolicy.webpki_defaults_ca().may_be_present(
    x509.KeyUsage, Criticality.AGNOSTIC, _may_sign
)
_LEAF_POLICY = ExtensionPolicy.webpki_defaults_ee().may_be_present(
    x509.AuthorityKeyIdentifier, Criticality.AGNOSTIC, None
)
for _extension in (x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier):
    _CA_POLICY = _CA_POLICY.may_be_present(_extension, Criticality.AGNOSTIC, None)
_POLICY = PolicyBuilder().extension_policies(ca_policy=_CA_POLICY, ee_policy=_LEAF_POLICY)


def untrusted(chain: Sequence[bytes], roots: Roots, now: datetime) -> str:
    """Why the chain is not to be believed at `now`; empty: it is.

    The name is judged apart (`Names.match`): here the chain is verified for a name that the
    certificate itself has. Words: unreadable, not-yet-valid, expired, no-names, self-signed,
    chain-expired, unknown-authority, or web-pki: (the signatures lead to a root, a rule of the
    public web is broken) or invalid: with the verifier's sentence.
    """
    leaf, *others = [read(encoded) for encoded in chain[:CHAIN_BOUND]] or [None]
    if leaf is None:
        return "unreadable"
    try:
        if now < leaf.not_valid_before_utc:
            return "not-yet-valid"
        if now > leaf.not_valid_after_utc:
            return "expired"
        subject = _own_subject(names_of(leaf))
    except UNREADABLE:
        return "unreadable"
    if not readable_extensions(leaf):
        return "unreadable"
    if subject is None:
        return "self-signed" if signed_itself(leaf) else "no-names"
    return _refusal(leaf, [item for item in others if item is not None], subject, roots, now)


def _refusal(
    leaf: x509.Certificate,
    between: Sequence[x509.Certificate],
    subject: x509.DNSName | x509.IPAddress,
    roots: Roots,
    now: datetime,
) -> str:
    try:
        verifier = _POLICY.store(roots.store).time(now).build_server_verifier(subject)
        verifier.verify(leaf, list(_affordable(leaf, between)))
    except (VerificationError, *UNREADABLE) as error:
        why = _why(leaf, between, roots, now)
        return why if why in _PLAIN else f"{why}: {error}"[:_TEXT_BOUND]
    return ""


def _affordable(
    leaf: x509.Certificate, between: Sequence[x509.Certificate]
) -> Iterator[x509.Certificate]:
    """Those that a verifier may be given: keys and comparisons of names are bounded."""
    names = sum(map(_names_in, (leaf, *between)))
    left = _MOST_COMPARISONS
    for item in between:
        limits = extension_of(item, x509.NameConstraints)
        subtrees = (limits.permitted_subtrees, limits.excluded_subtrees) if limits else ()
        cost = names * sum(len(some or ()) for some in subtrees)
        if affordable(item) and cost <= left:
            left -= cost
            yield item


def _names_in(certificate: x509.Certificate) -> int:
    found = extension_of(certificate, x509.SubjectAlternativeName)
    return 0 if found is None else len(list(found))


def _own_subject(names: Names) -> x509.DNSName | x509.IPAddress | None:
    """A name that this certificate covers; of a wildcard one of its names."""
    for name in names.dns:
        try:
            return x509.DNSName(name.replace("*.", "any.", 1) if name[:2] == "*." else name)
        except ValueError:
            continue
    return x509.IPAddress(names.addresses[0]) if names.addresses else None


_PLAIN = frozenset({"self-signed", "chain-expired", "unknown-authority"})


def _why(
    leaf: x509.Certificate, between: Sequence[x509.Certificate], roots: Roots, now: datetime
) -> str:
    """The plain reason for a chain that was not believed: one of `_PLAIN`, web-pki or invalid."""
    try:
        if signed_itself(leaf):
            return "self-signed"
        if any(now > item.not_valid_after_utc for item in between):
            return "chain-expired"
        if not _named(leaf, between, roots):
            return "unknown-authority"
        return _by_signatures(leaf, between, roots, now)
    except UNREADABLE:  # a name that cannot be read is the name of no authority
        return "unknown-authority"


def _named(leaf: x509.Certificate, between: Sequence[x509.Certificate], roots: Roots) -> bool:
    """Whether the names lead to a root."""
    issuers = {item.subject: item.issuer for item in between}
    wanted = leaf.issuer
    for _ in range(CHAIN_BOUND):
        if wanted in roots.by_subject:
            return True
        wanted = issuers.get(wanted, wanted)
    return False


def _by_signatures(
    leaf: x509.Certificate, between: Sequence[x509.Certificate], roots: Roots, now: datetime
) -> str:
    """web-pki when signatures of authorities lead to a root, whatever else is wrong with them.

    chain-expired when that root is no longer valid; invalid when they lead nowhere. Each
    certificate is passed once: the work is bounded by the square of `CHAIN_BOUND`.
    """
    current, left = leaf, list(between)
    for _ in range(CHAIN_BOUND):
        anchors = roots.by_subject.get(current.issuer, ())
        above = [root for root in anchors if may_be_issued(root, current)]
        if above:
            return "web-pki" if any(_valid(root, now) for root in above) else "chain-expired"
        above = [item for item in left if _may_issue(item, now) and may_be_issued(item, current)]
        if not above:
            return "invalid"
        current = above[0]
        left.remove(current)
    return "invalid"


def _may_issue(certificate: x509.Certificate, now: datetime) -> bool:
    usage = extension_of(certificate, x509.KeyUsage)
    may_sign = usage is None or usage.key_cert_sign
    return may_sign and is_authority(certificate) and _valid(certificate, now)


def _valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
