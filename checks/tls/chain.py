"""The certificates that a server sent, as facts of evidence. Pure.

What one certificate says is read in `certificate`, trust is judged in `path`, order and
weakness in `problems`, revocation in `ocsp`, allowed lifetime in `lifetimes`; here they become
facts, and an unchanged chain is not worked out twice.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import chain as joined
from typing import Any

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from checks.tls.certificate import (
    UNREADABLE,
    embedded_scts,
    key_of,
    may_be_issued,
    must_staple,
    points_to,
    read,
    readable_extensions,
)
from checks.tls.lifetimes import limit_days
from checks.tls.memory import Memory
from checks.tls.names import names_of
from checks.tls.ocsp import Stapled, stapled
from checks.tls.path import CHAIN_BOUND, untrusted
from checks.tls.problems import problems_of
from checks.tls.roots import Roots
from checks.tls.wording import described

_Span = tuple[float, float]
_KNOWN: Memory[tuple[Any, ...], tuple[_Span, dict[str, Any]]] = Memory(512)
"""Facts by what they were worked out from, with the time in which they hold."""


def certificate_facts(
    chain: tuple[bytes, ...],
    *,
    name: str,
    roots: Roots | None,
    own_roots: Roots | None,
    now: datetime,
    ocsp: bytes | None,
    scts_by_handshake: int | None,
    staple_asked: bool = True,
) -> dict[str, Any]:
    """Every fact that the certificates give, by the names of the evidence's fields.

    `chain`: DER, leaf first, as sent. `name`: what the certificate must be for. `roots` are
    the system's, `own_roots` the operator's; both None: nothing is said of trust. `ocsp`: the
    stapled response, None where there was none (absent, where one was to be expected);
    `staple_asked` False: it was not asked for.
    `scts_by_handshake`: timestamps in the TLS extension, None where that was not seen. A key
    is missing where nothing can be said. Empty for an empty chain.
    """
    every = hashlib.sha256(b"".join(hashlib.sha256(item).digest() for item in chain)).digest()
    stapled_hash = None if ocsp is None else hashlib.sha256(ocsp).digest()
    key = (every, name, roots, own_roots, stapled_hash, scts_by_handshake, staple_asked)
    known = _KNOWN.get(key)
    if known is not None and known[0][0] <= now.timestamp() < known[0][1]:
        return dict(known[1])
    work = _Work(chain[:CHAIN_BOUND], roots, own_roots, now)
    facts = work.facts(name, ocsp, scts_by_handshake, staple_asked=staple_asked)
    _KNOWN.keep(key, (work.span(), facts))
    return dict(facts)


class _Work:
    """One chain, worked out once; collects when its facts may become others."""

    def __init__(
        self,
        chain: Sequence[bytes],
        roots: Roots | None,
        own_roots: Roots | None,
        now: datetime,
    ) -> None:
        self.chain = chain
        self.roots = roots
        self.own_roots = own_roots
        self.known = tuple(item for item in (roots, own_roots) if item is not None)
        self.now = now
        self.sent = [item for item in map(read, chain) if item is not None]
        self.leaf = read(chain[0]) if chain else None
        self.turns = [turn for item in self.sent for turn in _turns(item)]

    def span(self) -> _Span:
        """The time around `now` in which no certificate begins or ends to be valid."""
        now = self.now.timestamp()
        spans = [known.span(self.now) for known in self.known]
        turns = [turn.timestamp() for turn in self.turns]
        since = [turn for turn in turns if turn <= now]
        until = [turn for turn in turns if turn > now]
        return (
            max([*since, *(span[0] for span in spans)], default=float("-inf")),
            min([*until, *(span[1] for span in spans)], default=float("inf")),
        )

    def facts(
        self,
        name: str,
        ocsp: bytes | None,
        scts: int | None,
        *,
        staple_asked: bool,
    ) -> dict[str, Any]:
        """Without a leaf that can be read only the chain and what is wrong with it."""
        if not self.chain:
            return {}
        facts: dict[str, Any] = {
            "chain": tuple(described(item) for item in self.chain),
            "chain_problems": problems_of(self.chain, self.known),
        }
        if self.leaf is None:
            return {**facts, **self._trust()}
        facts |= self._of_leaf(self.leaf, name) | self._trust()
        return facts | self._revocation(self.leaf, ocsp, scts, staple_asked=staple_asked)

    def _of_leaf(self, leaf: x509.Certificate, name: str) -> dict[str, Any]:
        key_type, key_bits = key_of(leaf)
        facts: dict[str, Any] = {"key_type": key_type}
        if readable_extensions(leaf):  # else its names are not known, and not said to be others
            names = names_of(leaf)
            facts["hostname_matches"] = names.match(name)
            facts["names"] = names.shown()
            facts["must_staple"] = must_staple(leaf)
        if key_bits is not None:
            facts["key_bits"] = key_bits
        try:
            facts["not_before_s"] = int(leaf.not_valid_before_utc.timestamp())
            facts["not_after_s"] = int(leaf.not_valid_after_utc.timestamp())
        except UNREADABLE:
            facts.pop("not_before_s", None)
        return facts

    def _trust(self) -> dict[str, Any]:
        """Trusted by whom, or why not; the limit of the public web holds for its roots alone."""
        whys = {
            word: untrusted(self.chain, roots, self.now)
            for word, roots in (("system", self.roots), ("own", self.own_roots))
            if roots is not None
        }
        if not whys:
            return {}
        by = next((word for word, why in whys.items() if not why), None)
        if by is None:
            # The more telling one: an authority that one of the two knows.
            reasons = sorted(whys.values(), key=lambda why: why == "unknown-authority")
            return {"trusted": False, "trust_error": reasons[0]}
        facts: dict[str, Any] = {"trusted": True, "trust_by": by}
        if by == "system" and self.leaf is not None:
            days = limit_days(self.leaf.not_valid_before_utc)
            if days is not None:
                facts["lifetime_limit_days"] = days
        return facts

    def _revocation(
        self,
        leaf: x509.Certificate,
        ocsp: bytes | None,
        scts: int | None,
        *,
        staple_asked: bool,
    ) -> dict[str, Any]:
        responder = points_to(leaf, AuthorityInformationAccessOID.OCSP)
        expected = responder or must_staple(leaf)
        facts: dict[str, Any] = {}
        if readable_extensions(leaf):
            facts["ocsp_expected"] = expected
        judged = Stapled(word="absent" if staple_asked and expected else None)
        if ocsp is not None:
            judged = stapled(ocsp, leaf, next(self._issuers(leaf), None), self.now)
            self.turns.extend(judged.turns)
        if judged.word is not None:
            facts["ocsp"] = judged.word
        if judged.next_update is not None:
            facts["ocsp_next_update_s"] = int(judged.next_update.timestamp())
        counts = (embedded_scts(leaf), judged.scts, scts)
        seen = sum(count for count in counts if count is not None)
        if seen or None not in counts:
            facts["sct_count"] = seen
        return facts

    def _issuers(self, leaf: x509.Certificate) -> Iterator[x509.Certificate]:
        """Those that signed the leaf: sent with it, or roots."""
        try:
            wanted = leaf.issuer
        except UNREADABLE:
            return
        anchors = (known.by_subject.get(wanted, ()) for known in self.known)
        for item in (*self.sent[1:], *joined.from_iterable(anchors)):
            if may_be_issued(item, leaf):
                yield item


def _turns(certificate: x509.Certificate) -> tuple[datetime, ...]:
    """When it begins to be valid, and the first moment at which it no longer is."""
    try:
        return (
            certificate.not_valid_before_utc,
            certificate.not_valid_after_utc + timedelta(microseconds=1),
        )
    except UNREADABLE:
        return ()
