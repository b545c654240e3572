"""throughput: how fast does a download go? Bounded in bytes and time, and only where asked for."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import ClassVar, Final

from checks.address import families_of
from checks.attempt import ConnectionProber
from checks.base import (
    CheckKind,
    Done,
    Duration,
    Evidence,
    FactValue,
    Net,
    Outcome,
    Probe,
    Prober,
    Settings,
    measure,
    option,
    posture,
)
from checks.http_evidence import HttpSettings
from checks.http_exchange import HttpAttempt
from checks.http_reply import Reply
from checks.http_request import place
from monitor.model import Family, Fault, FaultKind

_LARGEST: Final = 50_000_000
_SHORTEST_INTERVAL_US: Final = 300_000_000
_LONGEST_TIMEOUT_US: Final = 60_000_000
_WAITING: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputSettings(Settings):
    """What to download, and how much of it at most."""

    interval: Duration = option(  # noqa: RUF009 - it is field()
        3_600_000_000, "Time between two observations of a series; at least 5m."
    )
    timeout: Duration = option(10_000_000, "Time for one download, at most 60s.")  # noqa: RUF009
    url: str = option(MISSING, "What to download, http:// or https://; of your own, near or far.")
    bytes: int = option(1_000_000, "Bytes of content taken at most, up to 50000000.")
    verify: bool = option(True, "An https URL needs a trusted certificate with the right name.")

    def __post_init__(self) -> None:
        place(self.url)
        if not 1 <= self.bytes <= _LARGEST:
            raise ValueError(f"bytes is not between 1 and {_LARGEST}")
        if self.interval < _SHORTEST_INTERVAL_US:
            raise ValueError(
                "interval is shorter than 5m: a download loads the link that it measures"
            )
        if self.timeout > _LONGEST_TIMEOUT_US:
            raise ValueError("timeout is longer than 60s")


@dataclass(frozen=True, slots=True, kw_only=True)
class ThroughputEvidence(Evidence):
    """How much came, and how long it took from the request to the last byte.

    `outcome`: ok (all of it, or as much as is taken), timeout, status (a reply without success),
    dns, refused, unreachable, tls, reset, malformed. The content is not kept.
    """

    FACTS: ClassVar[Mapping[str, str]] = {
        "outcome": "string",
        "reason": "string",
        "status": "int",
        "bytes": "int",
        "elapsed_ms": "double",
        "bits_per_second": "int",
        "capped": "bool",
        "server_address": "string",
    }

    bytes: int | None = measure("bytes")
    elapsed_us: int | None = measure("us")
    outcome: str = posture()
    reason: str | None = posture()
    status: int | None = posture()
    capped: bool | None = posture()
    server_address: str | None = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact; there is no rate where no content came or the transfer broke."""
        facts: dict[str, FactValue] = {"outcome": self.outcome}
        for name in ("bytes", "reason", "status", "capped", "server_address"):
            value = getattr(self, name)
            if value is not None:
                facts[name] = value
        if self.elapsed_us is not None:
            facts["elapsed_ms"] = self.elapsed_us / 1_000
        if self.bytes and self.elapsed_us:
            facts["bits_per_second"] = self.bytes * 8_000_000 // self.elapsed_us
        return facts


class ThroughputAttempt(HttpAttempt):
    """One download. Redirects are not followed: they would lead to what nobody asked for."""

    __slots__ = ("asked_ns", "last_ns")

    def begin_exchange(self) -> None:
        """Ask for the URL of the settings."""
        settings = self.probe.assignment.settings
        assert isinstance(settings, ThroughputSettings)
        self.asked_ns = self.last_ns = 0
        self.start(
            HttpSettings(
                url=settings.url,
                timeout=settings.timeout,
                max_body=settings.bytes,
                max_redirects=0,
                verify=settings.verify,
                filter_hosts=(),
            )
        )

    def ask(self) -> None:
        """The clock runs from the request."""
        self.asked_ns = self.desk.net.boottime_ns()
        super().ask()

    def request(self) -> bytes:
        """For no more bytes than are taken: a server that knows ranges sends no others."""
        return self.at.request("GET", self.settings.max_body)

    def received(self, chunk: bytes, now_ns: int) -> None:
        """Some of it came."""
        self.last_ns = now_ns
        super().received(chunk, now_ns)

    def evidence(
        self, outcome: str, reason: str, now_ns: int, reply: Reply | None = None
    ) -> Evidence:
        """The bytes and their time, as far as they say something about the way."""
        reply = reply or self.reader.reply()
        success = reply.status is not None and 200 <= reply.status <= 299
        # The bound of the bytes and that of the time end a download; its rate is known.
        enough, late = outcome == "too-large", outcome == "timeout" and self.phase == "body"
        measured = success and (enough or late or outcome == "ok")
        if outcome in ("ok", "too-large"):
            outcome = "ok" if success else "status"
        end_ns = now_ns if late else self.last_ns
        return ThroughputEvidence(
            bytes=reply.size if measured else None,
            elapsed_us=max(0, end_ns - self.asked_ns) // 1_000 if measured else None,
            outcome=outcome,
            reason=reason if outcome not in ("ok", "status") and reason else None,
            status=reply.status,
            capped=(late or reply.size >= self.settings.max_body) if measured else None,
            server_address=self.address or None,
        )


class ThroughputProber(ConnectionProber):
    """One download at a time: two would halve each other."""

    def __init__(self, net: Net) -> None:
        super().__init__(net, ThroughputAttempt, needs_roots=True)
        self._boottime_ns = net.boottime_ns
        self._waiting: deque[tuple[Probe, Done]] = deque()
        self._busy = False

    def begin(self, batch: Sequence[Probe], done: Done) -> None:
        """Start the first and keep the others in order."""
        for probe in batch:
            if len(self._waiting) < _WAITING:
                self._waiting.append((probe, done))
            else:
                fault = Fault(kind=FaultKind.OVERLOAD, message="too many downloads wait")
                done(
                    probe.slot,
                    Outcome(started_ns=self._boottime_ns(), elapsed_us=0, fault=fault),
                )
        self._next()

    async def close(self) -> None:
        """Forget what waits, and end what is under way."""
        self._waiting.clear()
        await super().close()

    def _next(self) -> None:
        if self._busy or not self._waiting:
            return
        probe, done = self._waiting.popleft()
        self._busy = True

        def ended(slot: int, outcome: Outcome) -> None:
            self._busy = False
            done(slot, outcome)
            # In a turn of its own: the attempt that has just ended still holds the stage.
            asyncio.get_running_loop().call_soon(self._next)

        super().begin([probe], ended)


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return ThroughputProber(net)


def families(settings: Settings) -> tuple[Family, ...]:
    """A literal's own family, both of a name."""
    assert isinstance(settings, ThroughputSettings)
    return families_of(place(settings.url).host)


KIND = CheckKind(
    name="throughput",
    settings=ThroughputSettings,
    evidence=ThroughputEvidence,
    prober=prober,
    families=families,
)
