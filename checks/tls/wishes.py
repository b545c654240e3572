"""What a survey is to find out: from the facts that rules speak of, or everything. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

LEGACY = frozenset({"protocols", "protocols_seen"})
SUITES = frozenset({"cipher_suites", "suite_preference"})
CLIENTS = frozenset({"client_certificate"})
USUAL = LEGACY | {"outside", "post_quantum", "dhe", "dh_bits"}
"""What is asked where nobody says which facts rules speak of; a certificate always is."""
USUAL_PROFILES = ("mozilla-intermediate-6.0", "rfc9325")
"""Whose outsiders are asked for where nobody says which profiles rules speak of."""
_CONNECTING = (
    LEGACY
    | SUITES
    | CLIENTS
    | {"outside", "groups", "groups_outside", "post_quantum", "dhe", "dh_bits", "alpn"}
    | {"client_renegotiation", "early_data", "sni_missing", "sni_wrong"}
)
"""Facts that cost connections of their own; the others come with what is asked anyway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """One survey. `facts`: those of `_CONNECTING` that are wanted; `name`: of the server (SNI).

    `profiles` are the allowed suites by profile, `group_profiles` the allowed groups.
    """

    facts: frozenset[str]
    name: str = ""
    full: bool = False
    profiles: Mapping[str, frozenset[int]] = field(default_factory=dict)
    group_profiles: Mapping[str, frozenset[int]] = field(default_factory=dict)

    def wants(self, facts: frozenset[str]) -> bool:
        """Whether any of these facts is wanted."""
        return not self.facts.isdisjoint(facts)


@lru_cache(maxsize=256)
def asked_for(needs: frozenset[str] | None, *, full: bool) -> frozenset[str]:
    """The facts that have to be asked for."""
    if full:
        return _CONNECTING
    return USUAL if needs is None else frozenset(n.partition("[")[0] for n in needs) & _CONNECTING


@lru_cache(maxsize=256)
def profiles_for(
    needs: frozenset[str] | None, fact: str, known: tuple[str, ...]
) -> tuple[str, ...]:
    """The profiles whose outsiders are wanted: those that rules name, as in "outside[rfc9325]".

    A rule that speaks of the whole map wants them all.
    """
    if needs is None:
        return tuple(name for name in known if name in USUAL_PROFILES)
    named = {name[len(fact) + 1 : -1] for name in needs if name.startswith(f"{fact}[")}
    whole = fact in needs and f"{fact}[]" in needs
    return known if whole else tuple(name for name in known if name in named)
