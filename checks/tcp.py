"""tcp: does a port answer? One connection, closed as soon as it is open; nothing is sent."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import ClassVar
from urllib.parse import SplitResult

from checks.address import ascii_host, checked_port, families_of
from checks.attempt import Attempt, ConnectionProber
from checks.base import (
    CheckKind,
    Evidence,
    FactValue,
    Net,
    Prober,
    Settings,
    measure,
    option,
    posture,
)
from checks.failure import Failure
from monitor.model import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpSettings(Settings):
    """Which port to knock at."""

    address: str = option(MISSING, "Address or name to connect to.")
    port: int = option(MISSING, "Port, 1 to 65535.")

    def __post_init__(self) -> None:
        ascii_host(self.address)
        checked_port(self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpEvidence(Evidence):
    """How the connection ended.

    `outcome` is connected, refused (a RST), timeout (silence), unreachable (an ICMP error from
    the network, or no neighbour), reset, or dns (the name has no address at all).
    """

    FACTS: ClassVar[Mapping[str, str]] = {
        "outcome": "string",
        "reason": "string",
        "connect_ms": "double",
        "server_address": "string",
    }

    connect_us: int | None = measure("us")
    outcome: str = posture()
    reason: str | None = posture()
    server_address: str | None = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact; the delay is undefined unless the port accepted or refused."""
        facts: dict[str, FactValue] = {"outcome": self.outcome}
        if self.connect_us is not None:
            facts["connect_ms"] = self.connect_us / 1_000
        if self.reason is not None:
            facts["reason"] = self.reason
        if self.server_address is not None:
            facts["server_address"] = self.server_address
        return facts


class TcpAttempt(Attempt):
    """One connection of the tcp check."""

    __slots__ = ("sent_ns",)

    def begin_exchange(self) -> None:
        """Go to the port."""
        settings = self.probe.assignment.settings
        assert isinstance(settings, TcpSettings)
        self.sent_ns = 0
        self.go(ascii_host(settings.address), settings.port, None, "")

    def located(self, now_ns: int) -> None:
        """The delay is counted from the SYN, not from the name."""
        self.sent_ns = now_ns

    def connected(self, now_ns: int) -> None:
        """The port accepted."""
        self.end(self._evidence("connected", None, now_ns), now_ns)

    def nameless(self, now_ns: int) -> None:
        """The name has no address."""
        self.end(self._evidence("dns", "no such name", None), now_ns)

    def concluded(self, failure: Failure, now_ns: int) -> TcpEvidence:
        """A refusal is an answer and has a delay; silence and ICMP errors have none."""
        answered = now_ns if failure.outcome == "refused" else None
        reason = None if failure.outcome == "timeout" else failure.reason or None
        return self._evidence(failure.outcome, reason, answered)

    def _evidence(self, outcome: str, reason: str | None, answered_ns: int | None) -> TcpEvidence:
        return TcpEvidence(
            connect_us=None if answered_ns is None else max(0, answered_ns - self.sent_ns) // 1_000,
            outcome=outcome,
            reason=reason,
            server_address=self.address or None,
        )


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return ConnectionProber(net, TcpAttempt, needs_roots=False)


def from_url(url: SplitResult) -> TcpSettings:
    """Settings of `tcp://host:port`."""
    if url.hostname is None or url.port is None or url.path not in ("", "/") or url.query:
        raise ValueError("write tcp://host:port")
    return TcpSettings(address=url.hostname, port=url.port)


def families(settings: Settings) -> tuple[Family, ...]:
    """A literal's own family, both of a name."""
    assert isinstance(settings, TcpSettings)
    return families_of(settings.address)


KIND = CheckKind(
    name="tcp",
    settings=TcpSettings,
    evidence=TcpEvidence,
    prober=prober,
    available='evidence.outcome == "connected"',
    from_url=from_url,
    families=families,
)
