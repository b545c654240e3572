"""Settings and evidence of the tls check."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from checks.address import ascii_host, checked_port
from checks.base import Duration, Evidence, FactValue, Settings, measure, option, posture

_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings(Settings):
    """Which server to shake hands with."""

    interval: Duration = option(3_600_000_000, "Time between observations.")  # noqa: RUF009
    timeout: Duration = option(5_000_000, "Time for connection and handshake together.")  # noqa: RUF009
    host: str = option(MISSING, "Name or address to connect to.")
    port: int = option(443, "Port, 1 to 65535; TLS starts at once, there is no STARTTLS yet.")
    server_name: str = option("", "Name to ask for and to check (SNI); empty: the host.")

    def __post_init__(self) -> None:
        ascii_host(self.host)
        checked_port(self.port)
        if self.server_name:
            ascii_host(self.server_name)

    @property
    def asked_name(self) -> str:
        """The name the certificate must be for, as it goes on the wire."""
        return ascii_host(self.server_name or self.host).partition("%")[0].rstrip(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsEvidence(Evidence):
    """What the server showed. A bad certificate is seen, not refused: outcome stays ok.

    `outcome`: ok (the handshake was completed), tls (it was not; `reason` says why), dns,
    refused, timeout, unreachable, reset. `trusted` is undefined on a host without roots.
    """

    FACTS: ClassVar[Mapping[str, str]] = {
        "outcome": "string",
        "reason": "string",
        "protocol": "string",
        "cipher": "string",
        "trusted": "bool",
        "trust_error": "string",
        "hostname_matches": "bool",
        "not_before": "timestamp",
        "not_after": "timestamp",
        "days_left": "double",
        "lifetime_days": "double",
        "chain": "list<map<string,string>>",
        "names": "list<string>",
        "key_type": "string",
        "key_bits": "int",
        "server_address": "string",
        "server_name": "string",
        "connect_ms": "double",
        "handshake_ms": "double",
    }

    observed_at_us: int | None = measure("UTC us")
    connect_us: int | None = measure("us")
    handshake_us: int | None = measure("us")
    outcome: str = posture()
    reason: str | None = posture()
    protocol: str | None = posture()
    cipher: str | None = posture()
    trusted: bool | None = posture()
    trust_error: str | None = posture()
    hostname_matches: bool | None = posture()
    not_before_s: int | None = posture()
    not_after_s: int | None = posture()
    chain: tuple[dict[str, str], ...] | None = posture()
    names: tuple[str, ...] | None = posture()
    key_type: str | None = posture()
    key_bits: int | None = posture()
    server_address: str | None = posture()
    server_name: str = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact; `days_left` is counted from the moment of this observation."""
        facts: dict[str, FactValue] = {}
        for name in _AS_THEY_ARE:
            value: Any = getattr(self, name)
            if value is not None:
                facts[name] = list(value) if isinstance(value, tuple) else value
        for name in ("connect", "handshake"):
            microseconds = getattr(self, f"{name}_us")
            if microseconds is not None:
                facts[f"{name}_ms"] = microseconds / 1_000
        if self.not_before_s is not None and self.not_after_s is not None:
            facts["not_before"] = _rfc3339(self.not_before_s)
            facts["not_after"] = _rfc3339(self.not_after_s)
            facts["lifetime_days"] = (self.not_after_s - self.not_before_s) / _DAY_S
            if self.observed_at_us is not None:
                facts["days_left"] = (self.not_after_s - self.observed_at_us / 1e6) / _DAY_S
        return facts


_AS_THEY_ARE = (
    "outcome",
    "reason",
    "protocol",
    "cipher",
    "trusted",
    "trust_error",
    "hostname_matches",
    "chain",
    "names",
    "key_type",
    "key_bits",
    "server_address",
    "server_name",
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _rfc3339(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
