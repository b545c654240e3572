"""Settings and evidence of the http check."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import ClassVar, Literal

from checks.base import Duration, Evidence, FactValue, Settings, measure, option, posture
from checks.http_request import place, status_ranges
from checks.national_filter import FILTER_HOSTS, filter_of

_MAX_BODY_BOUND = 64 * 1_024 * 1_024


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings(Settings):
    """What to ask for, and what a good reply looks like."""

    timeout: Duration = option(  # noqa: RUF009 - it is field()
        10_000_000, "Time for everything together, redirects included."
    )
    url: str = option(MISSING, "Address of the page, http:// or https://.")
    method: Literal["GET", "HEAD"] = option("GET", "GET or HEAD.")
    expect_status: tuple[int | str, ...] = option(
        ("200-399",), 'Status codes that are expected: numbers and ranges such as "200-299".'
    )
    body: str = option("", "Text that the page must contain (bytes of UTF-8); empty: any page.")
    max_body: int = option(1_048_576, "Bytes of the page read at most; a longer one is too-large.")
    max_redirects: int = option(
        5, "Redirects followed at most; 0: a redirect is the reply, and is not followed."
    )
    verify: bool = option(True, "An https page needs a trusted certificate with the right name.")
    filter_hosts: tuple[str, ...] = option(
        FILTER_HOSTS,
        "Landing hosts, addresses and networks of the national filter; empty: not looked for.",
    )

    def __post_init__(self) -> None:
        place(self.url)
        status_ranges(self.expect_status)
        filter_of(self.filter_hosts)
        if not 0 <= self.max_body <= _MAX_BODY_BOUND:
            raise ValueError(f"max_body is not between 0 and {_MAX_BODY_BOUND}")
        if not 0 <= self.max_redirects <= 20:
            raise ValueError("max_redirects is not between 0 and 20")
        if self.body and self.method == "HEAD":
            raise ValueError("a reply to HEAD has no body: use GET, or leave body out")

    def expects(self, status: int) -> bool:
        """Whether this status is one of the expected."""
        return any(low <= status <= high for low, high in status_ranges(self.expect_status))


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpEvidence(Evidence):
    """How the page was got, or why not.

    `outcome`: ok (a whole reply was read), dns (the name has no address), refused, timeout,
    unreachable, tls, reset, too-large, too-many-redirects, malformed, blocked (the
    national filter answered in its place). `reason` says more: the phase of a timeout, OpenSSL's
    words, what was malformed. Phases are summed over all hops.
    """

    FACTS: ClassVar[Mapping[str, str]] = {
        "outcome": "string",
        "reason": "string",
        "status": "int",
        "as_expected": "bool",
        "body_matches": "bool",
        "size": "int",
        "encoding": "string",
        "blocked": "bool",
        "blocked_by": "string",
        "location": "string",
        "redirects": "list<string>",
        "final_url": "string",
        "server_address": "string",
        "dns_ms": "double",
        "connect_ms": "double",
        "tls_ms": "double",
        "first_byte_ms": "double",
        "total_ms": "double",
    }

    dns_us: int | None = measure("us")
    connect_us: int | None = measure("us")
    tls_us: int | None = measure("us")
    first_byte_us: int | None = measure("us")
    total_us: int | None = measure("us")
    size: int | None = measure("bytes")
    outcome: str = posture()
    reason: str | None = posture()
    status: int | None = posture()
    as_expected: bool | None = posture()
    body_matches: bool | None = posture()
    encoding: str | None = posture()
    location: str | None = posture()
    redirects: tuple[str, ...] = posture()
    final_url: str = posture()
    server_address: str | None = posture()
    blocked: bool | None = posture()
    blocked_by: str | None = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact; a phase that was not finished has no time."""
        facts: dict[str, FactValue] = {"redirects": list(self.redirects)}
        for phase in ("dns", "connect", "tls", "first_byte", "total"):
            microseconds = getattr(self, f"{phase}_us")
            if microseconds is not None:
                facts[f"{phase}_ms"] = microseconds / 1_000
        for name in ("size", *self.postures()):
            value = getattr(self, name)
            if value is not None and name != "redirects":
                facts[name] = value
        return facts
