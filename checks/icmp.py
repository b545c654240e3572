"""Echo requests: does the target answer, how many singletons are lost, after what delay.

Round-trip delay is RFC 2681's, round-trip loss RFC 6673's, delay variation RFC 3393's ipdv. A
lost singleton has an undefined delay, never 0. Every singleton is kept; statistics are derived.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from statistics import median
from typing import Annotated, ClassVar
from urllib.parse import SplitResult, unquote

from annotated_types import Interval

from checks.address import ascii_host, families_of
from checks.base import (
    CheckKind,
    Duration,
    Evidence,
    FactValue,
    Net,
    Prober,
    Settings,
    measure,
    option,
)
from checks.ping.prober import IcmpProber
from checks.ping.statistics import ipdv, loss, percentile
from monitor.model import Family, format_duration

_COUNTED = frozenset({"sent", "received", "loss"})
MAX_COUNT = 100
MIN_SIZE, MAX_SIZE = 8, 1_472


@dataclass(frozen=True, slots=True, kw_only=True)
class IcmpSettings(Settings):
    """What an ICMP check can be told."""

    address: str = option(MISSING, "Address or name to probe.")
    count: Annotated[int, Interval(ge=1, le=MAX_COUNT)] = option(
        5, "How many echo requests one probe sends (1 to 100)."
    )
    spacing: Duration = option(  # noqa: RUF009 - it is field()
        200_000, "Time between two requests of one probe."
    )
    size: Annotated[int, Interval(ge=MIN_SIZE, le=MAX_SIZE)] = option(
        56, "Bytes of payload in each request (8 to 1472); the first 8 are a random cookie."
    )

    def __post_init__(self) -> None:
        """ValueError when a probe cannot be over before the next one is due."""
        if not 1 <= self.count <= MAX_COUNT:
            raise ValueError(f"count {self.count} is not between 1 and {MAX_COUNT}")
        if not MIN_SIZE <= self.size <= MAX_SIZE:
            raise ValueError(f"size {self.size} is not between {MIN_SIZE} and {MAX_SIZE}")
        longest = (self.count - 1) * self.spacing + self.timeout
        if longest > self.interval:
            raise ValueError(
                f"a probe can last {format_duration(longest)} ((count - 1) × spacing + timeout), "
                f"longer than its interval {format_duration(self.interval)}: "
                "lower one of them or raise the interval"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class IcmpEvidence(Evidence):
    """The delay of every singleton that left, None where no answer came in time."""

    delays_us: tuple[int | None, ...] = measure("us")

    FACTS: ClassVar[Mapping[str, str]] = {
        "sent": "int",
        "received": "int",
        "loss": "double",
        "delay_ms.min": "double",
        "delay_ms.median": "double",
        "delay_ms.p95": "double",
        "delay_ms.max": "double",
        "ipdv_ms": "double",
    }

    def facts_of(self, names: frozenset[str]) -> dict[str, FactValue]:
        """Counts and loss alone where nobody asks for delays: the usual case, and the fast one."""
        if not names <= _COUNTED:
            return self.facts()
        sent = len(self.delays_us)
        received = sent - self.delays_us.count(None)
        facts: dict[str, FactValue] = {"sent": sent, "received": received}
        if sent:
            facts["loss"] = (sent - received) / sent
        return facts

    def facts(self) -> dict[str, FactValue]:
        """Counts, loss as a fraction, delays and their variation in milliseconds."""
        ordered = sorted(delay for delay in self.delays_us if delay is not None)
        facts: dict[str, FactValue] = {"sent": len(self.delays_us), "received": len(ordered)}
        fraction, variation = loss(self.delays_us), ipdv(self.delays_us)
        if fraction is not None:
            facts["loss"] = fraction
        if ordered:
            facts["delay_ms.min"] = ordered[0] / 1_000
            facts["delay_ms.median"] = median(ordered) / 1_000
            facts["delay_ms.p95"] = percentile(ordered, 95) / 1_000
            facts["delay_ms.max"] = ordered[-1] / 1_000
        if variation is not None:
            facts["ipdv_ms"] = variation / 1_000
        return facts


def _prober(net: Net) -> Prober:
    return IcmpProber(net, IcmpEvidence)


def _from_url(url: SplitResult) -> Settings:
    """`icmp://host`, `icmp://192.0.2.1`, `icmp://[2001:db8::1]`, `icmp://[fe80::1%25eth0]`."""
    host = unquote(url.netloc).removeprefix("[").removesuffix("]")
    if not host or url.path.strip("/") or url.query or url.fragment or "@" in host:
        raise ValueError(f"{url.geturl()!r} is not icmp://HOST: a host name or an address alone")
    return IcmpSettings(address=ascii_host(host))


def _families(settings: Settings) -> tuple[Family, ...]:
    assert isinstance(settings, IcmpSettings)
    return families_of(settings.address)


KIND = CheckKind(
    name="icmp",
    settings=IcmpSettings,
    evidence=IcmpEvidence,
    prober=_prober,
    available="evidence.received > 0",
    from_url=_from_url,
    families=_families,
)
