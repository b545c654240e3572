"""Evidence of the tls check: the posture of one server, as far as it was conclusive."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from checks.base import Evidence, FactValue, measure, posture

_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsEvidence(Evidence):
    """What the server showed. A bad certificate is seen, not refused: outcome stays ok.

    `outcome`: ok (some hello of ours was accepted), tls (none was; `reason` says why), dns,
    refused, timeout, unreachable, reset. What was not asked, or not answered conclusively, is
    undefined. A list of found bad things (`outside`, `protocols_seen`, …) is defined as soon as
    one is found, and empty only when everything was answered.
    """

    FACTS: ClassVar[Mapping[str, str]] = {
        "outcome": "string",
        "reason": "string",
        "mode": "string",
        "protocol": "string",
        "cipher": "string",
        "protocols": "list<string>",
        "protocols_seen": "list<string>",
        "cipher_suites": "map<string,list<string>>",
        "suite_preference": "map<string,string>",
        "outside": "map<string,list<string>>",
        "outside_searched": "map<string,bool>",
        "groups": "list<string>",
        "groups_outside": "map<string,list<string>>",
        "post_quantum": "bool",
        "dhe": "bool",
        "dh_bits": "int",
        "chain": "list<map<string,string>>",
        "chain_problems": "list<string>",
        "trusted": "bool",
        "trust_error": "string",
        "trust_by": "string",
        "hostname_matches": "bool",
        "not_before": "timestamp",
        "not_after": "timestamp",
        "days_left": "double",
        "lifetime_days": "double",
        "lifetime_limit_days": "double",
        "names": "list<string>",
        "key_type": "string",
        "key_bits": "int",
        "ocsp": "string",
        "ocsp_expected": "bool",
        "ocsp_next_update": "timestamp",
        "must_staple": "bool",
        "sct_count": "int",
        "alpn": "list<string>",
        "client_certificate": "string",
        "compression": "bool",
        "renegotiation": "string",
        "client_renegotiation": "bool",
        "early_data": "bool",
        "sni_missing": "string",
        "sni_wrong": "string",
        "inconclusive": "list<string>",
        "addresses_differ": "list<string>",
        "server_address": "string",
        "server_name": "string",
        "connect_ms": "double",
        "handshake_ms": "double",
        "connections": "int",
    }

    observed_at_us: int | None = measure("UTC us")
    connect_us: int | None = measure("us")
    handshake_us: int | None = measure("us")
    connections: int | None = measure("connections")
    ocsp_next_update_s: int | None = measure("UTC s")
    """No posture: a responder renews it every few hours, and nothing has changed then."""
    outcome: str = posture()
    reason: str | None = posture()
    mode: str | None = posture()
    protocol: str | None = posture()
    cipher: str | None = posture()
    protocols: tuple[str, ...] | None = posture()
    protocols_seen: tuple[str, ...] | None = posture()
    cipher_suites: dict[str, tuple[str, ...]] | None = posture()  # noqa: RUF009 - it is field()
    suite_preference: dict[str, str] | None = posture()  # noqa: RUF009 - it is field()
    outside: dict[str, tuple[str, ...]] | None = posture()  # noqa: RUF009 - it is field()
    outside_searched: dict[str, bool] | None = posture()  # noqa: RUF009 - it is field()
    groups: tuple[str, ...] | None = posture()
    groups_outside: dict[str, tuple[str, ...]] | None = posture()  # noqa: RUF009 - it is field()
    post_quantum: bool | None = posture()
    dhe: bool | None = posture()
    dh_bits: int | None = posture()
    chain: tuple[dict[str, str], ...] | None = posture()
    chain_problems: tuple[str, ...] | None = posture()
    trusted: bool | None = posture()
    trust_error: str | None = posture()
    trust_by: str | None = posture()
    hostname_matches: bool | None = posture()
    not_before_s: int | None = posture()
    not_after_s: int | None = posture()
    lifetime_limit_days: int | None = posture()
    names: tuple[str, ...] | None = posture()
    key_type: str | None = posture()
    key_bits: int | None = posture()
    ocsp: str | None = posture()
    ocsp_expected: bool | None = posture()
    must_staple: bool | None = posture()
    sct_count: int | None = posture()
    alpn: tuple[str, ...] | None = posture()
    client_certificate: str | None = posture()
    compression: bool | None = posture()
    renegotiation: str | None = posture()
    client_renegotiation: bool | None = posture()
    early_data: bool | None = posture()
    sni_missing: str | None = posture()
    sni_wrong: str | None = posture()
    inconclusive: tuple[str, ...] | None = posture()
    addresses_differ: tuple[str, ...] | None = posture()
    server_address: str | None = posture()
    server_name: str = posture()

    @classmethod
    def of(cls, **seen: Any) -> "TlsEvidence":
        """The evidence of these fields; every other one is undefined."""
        return cls(**{**dict.fromkeys((*cls.measures(), *cls.postures())), **seen})

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact; `days_left` is counted from the moment of this observation."""
        found = self.facts_of(_EVERY)
        return {name: found[name] for name in self.FACTS if name in found}

    def facts_of(self, names: frozenset[str]) -> dict[str, FactValue]:
        """The defined facts among `names`."""
        facts: dict[str, FactValue] = {}
        for name in names & _AS_THEY_ARE:
            value: Any = getattr(self, name)
            if value is not None:
                facts[name] = _plain(value)
        for name in names & _TIMES:
            microseconds = getattr(self, f"{name[:-3]}_us")
            if microseconds is not None:
                facts[name] = microseconds / 1_000
        for name in names & _MOMENTS:
            seconds = getattr(self, f"{name}_s")
            if seconds is not None:
                facts[name] = _rfc3339(seconds)
        facts.update((name, days) for name, days in self._days() if name in names)
        return facts

    def _days(self) -> list[tuple[str, float]]:
        """Lengths of time of the certificate, in days."""
        found: list[tuple[str, float]] = []
        if self.not_after_s is not None:
            if self.not_before_s is not None:
                lifetime_s = self.not_after_s - self.not_before_s
                found.append(("lifetime_days", lifetime_s / _DAY_S))
            if self.observed_at_us is not None:
                left_s = self.not_after_s - self.observed_at_us / 1e6
                found.append(("days_left", left_s / _DAY_S))
        if self.lifetime_limit_days is not None:
            found.append(("lifetime_limit_days", float(self.lifetime_limit_days)))
        return found


_EVERY = frozenset(TlsEvidence.FACTS)
_TIMES = frozenset({"connect_ms", "handshake_ms"})
_MOMENTS = frozenset({"not_before", "not_after", "ocsp_next_update"})
_DAYS = frozenset({"days_left", "lifetime_days", "lifetime_limit_days"})
_AS_THEY_ARE = _EVERY - _TIMES - _MOMENTS - _DAYS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _plain(value: Any) -> FactValue:
    """Tuples as lists, also inside a mapping."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, dict):
        return {key: list(one) if isinstance(one, tuple) else one for key, one in value.items()}
    fact: FactValue = value
    return fact


def _rfc3339(seconds: int) -> str:
    """A moment as text; one beyond the calendar's end is its end."""
    try:
        moment = _EPOCH + timedelta(seconds=seconds)
    except OverflowError:
        moment = datetime(9999 if seconds > 0 else 1, 12, 31, tzinfo=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
