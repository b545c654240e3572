"""The fields of the evidence that follow from a survey's findings. Pure.

A fact is defined when it is certain: found, or asked for and conclusively not there.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from checks.tls.findings import Findings
from checks.tls.outcomes import Accepted, Inconclusive, Refused
from checks.tls.plan import HELLOS, OLD
from checks.tls.question import Lost, portions
from checks.tls.registry import SUITES, Version, group_name, suite_name
from checks.tls.wishes import SUITES as SUITE_FACTS
from checks.tls.wishes import Wishes

EVERY = (Version.SSL2, *HELLOS)
_ORDER = (Version.TLS12.word, Version.TLS13.word, "small hello")


def fields_of(found: Findings, wishes: Wishes) -> dict[str, Any]:
    """Every field but those of the certificate, the connection and the moment."""
    outcome, reason = outcome_of(found)
    fields: dict[str, Any] = {
        "outcome": outcome,
        "reason": reason or None,
        "mode": "full" if wishes.full else "verdict",
    }
    if not found.accepted:
        return fields
    fields |= _versions(found)
    fields |= _suites(found, wishes)
    fields |= _groups(found, wishes)
    fields |= _handshake(found)
    fields |= found.sni
    fields["inconclusive"] = _doubts(found)
    return fields


def _doubts(found: Findings) -> tuple[str, ...]:
    """What found no answer, without rare suites that were asked while their version was decided."""
    decided = {f"{version.word} rare" for version in found.versions}
    doubts = found.inconclusive.items()
    return tuple(sorted(f"{name}: {why}" for name, why in doubts if name not in decided))


def outcome_of(found: Findings) -> tuple[str, str]:
    """(outcome, reason). Of several refusals that of the newest versions tells most."""
    if found.accepted:
        return "ok", ""
    names = (*_ORDER, *found.reasons)
    answers = [found.reasons[name] for name in names if name in found.reasons]
    for kind in (Refused, Inconclusive, Lost):
        for answer in answers:
            if isinstance(answer, kind):
                return _worded(answer)
    return "timeout", "tls"


def _worded(answer: Refused | Inconclusive | Lost) -> tuple[str, str]:
    match answer:
        case Refused():
            return "tls", answer.note or f"alert {answer.word}"
        case Lost():
            return answer.outcome, answer.reason
        case Inconclusive(why="reset"):
            return "reset", ""
        case Inconclusive(why="timeout"):
            return "timeout", "tls"
        case Inconclusive(why="closed"):
            return "tls", "closed without an answer"
    return "tls", answer.why


def _words(versions: Iterable[Version]) -> tuple[str, ...]:
    return tuple(version.word for version in versions)


def _known(found: Findings, versions: Iterable[Version]) -> bool:
    """Whether each of these was conclusively accepted or refused."""
    return all(version in found.versions for version in versions)


def _versions(found: Findings) -> dict[str, Any]:
    newest = found.newest
    assert newest is not None
    fields: dict[str, Any] = {"protocols_seen": _words(found.accepted)}
    if _known(found, EVERY):
        fields["protocols"] = fields["protocols_seen"]
    if _known(found, (version for version in EVERY if version > newest)):
        fields["protocol"] = newest.word
        usual = found.hellos.get(newest)
        if usual is not None and not found.frail:  # a small hello offers few suites
            fields["cipher"] = suite_name(usual.suite)
    return fields


def _suites(found: Findings, wishes: Wishes) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    accepted = found.accepted
    whole = _known(found, EVERY) and all(version in found.order for version in accepted)
    if wishes.wants(SUITE_FACTS) and whole:
        fields["cipher_suites"] = {
            version.word: tuple(map(suite_name, found.order[version])) for version in accepted
        }
        fields["suite_preference"] = {
            version.word: found.preference[version]
            for version in accepted
            if version in found.preference
        }
    if "outside" in wishes.facts:
        searched = _searched(found, wishes)
        fields["outside"] = _outside(found, wishes, searched)
        fields["outside_searched"] = dict.fromkeys(searched, True)
    dhe = [code for seen in found.seen.values() for code in seen if _exchange(code) == "DHE"]
    fields["dhe"] = True if dhe else _no_dhe(found)
    # Who lists no field of RFC 7919 may get a weaker one: that counts, unless he gets none.
    fields["dh_bits"] = found.bits_in_fields if found.dhe is False else found.dh_bits
    return fields


def _no_dhe(found: Findings) -> bool | None:
    """False where the newest version that could have DHE certainly has none for anybody."""
    newest = found.newest_old
    if not _known(found, (v for v in (*OLD, Version.TLS12) if v > (newest or Version.SSL2))):
        return None
    refused = newest in (None, Version.SSL3) or found.dhe_in_fields.get(newest) is False
    return False if refused and found.dhe is False else None


def _exchange(code: int) -> str:
    return SUITES[code].exchange if code in SUITES else ""


def _searched(found: Findings, wishes: Wishes) -> tuple[str, ...]:
    """The profiles of which everything outside is known, in every version."""
    if not _known(found, EVERY):
        return ()
    return tuple(
        name
        for name in wishes.profiles
        if all(_within(found, version, name) for version in found.accepted)
    )


def _outside(found: Findings, wishes: Wishes, searched: tuple[str, ...]) -> dict[str, Any]:
    """By profile what is outside of it; absent where nothing is found and not all is known."""
    seen = sorted({code for codes in found.seen.values() for code in codes})
    told = {}
    for name, allowed in wishes.profiles.items():
        bad = tuple(suite_name(code) for code in seen if code not in allowed)
        if bad or name in searched:
            told[name] = bad
    return told


def _within(found: Findings, version: Version, profile: str) -> bool:
    """Whether it is certain that a version accepts nothing else outside of the profile."""
    if version in found.order:
        return True
    places = range(len(portions(version)))
    return all((version, place, profile) in found.decided for place in places)


def _groups(found: Findings, wishes: Wishes) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    asked = (Version.TLS13, Version.TLS12)
    accepted = [version for version in asked if found.versions.get(version)]
    certain = _known(found, asked) and bool(accepted)
    if certain and found.groups_complete.issuperset(accepted):
        listed = (code for version in accepted for code in found.groups[version])
        fields["groups"] = tuple(dict.fromkeys(map(group_name, listed)))
    if "groups_outside" in wishes.facts:
        fields["groups_outside"] = _groups_outside(found, wishes, accepted if certain else None)
    if found.post_quantum is not None or found.versions.get(Version.TLS13) is False:
        fields["post_quantum"] = bool(found.post_quantum)
    return fields


def _groups_outside(
    found: Findings, wishes: Wishes, accepted: list[Version] | None
) -> dict[str, tuple[str, ...]]:
    seen = sorted({code for codes in found.groups_seen.values() for code in codes})
    decided: dict[str, tuple[str, ...]] = {}
    for name, allowed in wishes.group_profiles.items():
        bad = tuple(group_name(code) for code in seen if code not in allowed)
        if bad:
            decided[name] = bad
        elif accepted is not None and all(
            version in found.groups_complete or (version, name) in found.groups_decided
            for version in accepted
        ):
            decided[name] = ()
    return decided


def _handshake(found: Findings) -> dict[str, Any]:
    """What the hello of the newest old version showed, and what key exchanges did."""
    fields: dict[str, Any] = {
        "alpn": found.alpn,
        "client_certificate": found.client_certificate,
        "client_renegotiation": found.client_renegotiation,
        "early_data": False if found.versions.get(Version.TLS13) is False else found.early_data,
    }
    hellos: Mapping[Version, object] = found.hellos
    accepted = [version for version in (*OLD, Version.TLS12) if version in found.accepted]
    usual = [one for one in map(hellos.get, accepted) if isinstance(one, Accepted)]
    newest = hellos.get(found.newest_old) if found.newest_old else None
    if isinstance(newest, Accepted):
        fields["renegotiation"] = "secure" if newest.secure_renegotiation else "insecure"
    # A small hello does not offer it.
    packed = any(one.compression == 1 for one in usual)
    if packed or (accepted and len(usual) == len(accepted) and not found.frail):
        fields["compression"] = packed
    if not accepted and _known(found, (*OLD, Version.TLS12)):
        fields["renegotiation"] = "none"
        fields["compression"] = False
        fields["client_renegotiation"] = False
    return fields


_COMPARED = (
    "outcome",
    "protocols",
    "protocol",
    "cipher",
    "outside",
    "post_quantum",
    "dhe",
    "dh_bits",
    "chain",
    "trusted",
    "ocsp",
    "client_certificate",
    "compression",
    "renegotiation",
)


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields in which two addresses of a name certainly differ."""
    return tuple(
        name
        for name in _COMPARED
        if None not in (one.get(name), other.get(name)) and one[name] != other[name]
    )
