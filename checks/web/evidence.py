"""Settings and evidence of the web check."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urljoin

from checks.base import Duration, Evidence, FactValue, Settings, measure, option, posture
from checks.http_request import Place, place
from checks.national_filter import FILTER_HOSTS, filter_of

_DAY_S: Final = 86_400
_CLOSED_BOUND: Final = 16
_PATH_BOUND: Final = 255
_SHORTEST_INTERVAL_US: Final = 60_000_000
_LONGEST_TIMEOUT_US: Final = 60_000_000
_LONGEST_PAUSE_US: Final = 5_000_000
_LARGEST_BODY: Final = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSettings(Settings):
    """Which page to look at, and which others of the same server."""

    interval: Duration = option(  # noqa: RUF009 - it is field()
        3_600_000_000, "Time between two observations of a series; at least 1m."
    )
    timeout: Duration = option(  # noqa: RUF009
        15_000_000, "Time for all requests together, at most 60s; none takes more than a third."
    )
    url: str = option(MISSING, "Address of the page, http:// or https://.")
    login: str = option("", "Login page: a path below the url, or a URL. Empty: none is asked for.")
    plain: str = option(
        "", "What is asked for over http://; empty: http://HOST/ of a url at its usual port."
    )
    closed: tuple[str, ...] = option(
        ("/.git/HEAD", "/.env"),
        'Paths that must show nothing without a login, such as "/backup/"; at most 16.',
    )
    verify: bool = option(True, "An https page needs a trusted certificate with the right name.")
    max_body: int = option(524_288, "Bytes of a page that are read, up to 1048576.")
    filter_hosts: tuple[str, ...] = option(
        FILTER_HOSTS,
        "Landing hosts, addresses and networks of the national filter; empty: not looked for.",
    )
    max_redirects: int = option(5, "Redirects followed at most from each page, up to 10.")
    pause: Duration = option(100_000, "Time between two requests, at most 5s.")  # noqa: RUF009

    def __post_init__(self) -> None:
        place(self.url)
        self.login_place()
        filter_of(self.filter_hosts)
        if self.plain and place(self.plain).tls:
            raise ValueError("plain is not an http:// URL")
        if len(self.closed) > _CLOSED_BOUND:
            raise ValueError(f"closed names more than {_CLOSED_BOUND} paths")
        for path in self.closed:
            if not path.startswith("/") or path.startswith("//") or len(path) > _PATH_BOUND:
                raise ValueError(f"{path!r} in closed is not a path such as /backup/")
            self.below(path)
        self._check_bounds()

    def _check_bounds(self) -> None:
        for name, low, value, high in (
            ("max_body", 1, self.max_body, _LARGEST_BODY),
            ("max_redirects", 0, self.max_redirects, 10),
        ):
            if not low <= value <= high:
                raise ValueError(f"{name} is not between {low} and {high}")
        if self.interval < _SHORTEST_INTERVAL_US:
            raise ValueError("interval is shorter than 1m: each observation is many requests")
        if self.timeout > _LONGEST_TIMEOUT_US:
            raise ValueError("timeout is longer than 60s")
        if self.pause > _LONGEST_PAUSE_US:
            raise ValueError("pause is longer than 5s")

    def below(self, path: str) -> Place:
        """A path of the server of the url."""
        return place(urljoin(place(self.url).url, path))

    def login_place(self) -> Place | None:
        """The login page, if one is named; ValueError says what is wrong with it."""
        return self.below(self.login) if self.login else None

    def plain_place(self) -> Place | None:
        """What to ask for without TLS; None: nothing is known to be there."""
        if self.plain:
            return place(self.plain)
        own = place(self.url)
        if not own.tls:
            return own
        host = f"[{own.host}]" if ":" in own.host else own.host
        return place(f"http://{host}/") if own.port == 443 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebEvidence(Evidence):
    """What a server shows to somebody without a name. A field that is None was not observed.

    `outcome` is that of the page: ok (a reply was read, at least as far as `max_body`), status (it
    is a server error, whose fields say nothing of the page), not-followed (this probe may or can
    not go there; `reason` says why), dns, refused, timeout, unreachable, tls,
    reset, malformed, too-many-redirects, blocked (the national filter answered in its place).
    """

    FACTS: ClassVar[Mapping[str, str]] = {
        "outcome": "string",
        "reason": "string",
        "status": "int",
        "final_url": "string",
        "redirects": "list<string>",
        "tls": "bool",
        "server_address": "string",
        "requests": "int",
        "plain.outcome": "string",
        "plain.status": "int",
        "plain.location": "string",
        "plain.leads_to_https": "bool",
        "hsts.valid": "bool",
        "hsts.error": "string",
        "hsts.max_age_s": "int",
        "hsts.include_subdomains": "bool",
        "hsts.preload": "bool",
        "csp.enforced": "bool",
        "csp.report_only": "bool",
        "csp.script_weaknesses": "list<string>",
        "csp.upgrades": "bool",
        "nosniff": "bool",
        "framing": "string",
        "referrer_policy": "string",
        "banner.products": "list<string>",
        "banner.shows_version": "bool",
        "cookies.names": "list<string>",
        "cookies.not_secure": "list<string>",
        "cookies.script_readable": "list<string>",
        "cookies.no_same_site": "list<string>",
        "cookies.refused": "list<string>",
        "login.outcome": "string",
        "login.status": "int",
        "login.pages": "list<string>",
        "login.insecure": "list<string>",
        "login.in_url": "list<string>",
        "mixed.active": "int",
        "mixed.passive": "int",
        "mixed.forms": "int",
        "mixed.hosts": "list<string>",
        "security_txt.found": "bool",
        "security_txt.valid": "bool",
        "security_txt.error": "string",
        "security_txt.contacts": "int",
        "security_txt.signed": "bool",
        "security_txt.expires": "timestamp",
        "security_txt.days_left": "double",
        "closed.open": "list<string>",
        "closed.undecided": "list<string>",
    }

    observed_at_us: int | None = measure("UTC us")
    requests: int | None = measure("count")
    mixed_active: int | None = measure("count")
    mixed_passive: int | None = measure("count")
    mixed_forms: int | None = measure("count")
    outcome: str = posture()
    reason: str | None = posture()
    status: int | None = posture()
    final_url: str | None = posture()
    redirects: tuple[str, ...] = posture()
    tls: bool | None = posture()
    server_address: str | None = posture()
    plain_outcome: str | None = posture()
    plain_status: int | None = posture()
    plain_location: str | None = posture()
    plain_leads_to_https: bool | None = posture()
    hsts_valid: bool | None = posture()
    hsts_error: str | None = posture()
    hsts_max_age_s: int | None = posture()
    hsts_include_subdomains: bool | None = posture()
    hsts_preload: bool | None = posture()
    csp_enforced: bool | None = posture()
    csp_report_only: bool | None = posture()
    csp_script_weaknesses: tuple[str, ...] | None = posture()
    csp_upgrades: bool | None = posture()
    nosniff: bool | None = posture()
    framing: str | None = posture()
    referrer_policy: str | None = posture()
    banner_products: tuple[str, ...] | None = posture()
    banner_shows_version: bool | None = posture()
    cookies_names: tuple[str, ...] | None = posture()
    cookies_not_secure: tuple[str, ...] | None = posture()
    cookies_script_readable: tuple[str, ...] | None = posture()
    cookies_no_same_site: tuple[str, ...] | None = posture()
    cookies_refused: tuple[str, ...] | None = posture()
    login_outcome: str | None = posture()
    login_status: int | None = posture()
    login_pages: tuple[str, ...] | None = posture()
    login_insecure: tuple[str, ...] | None = posture()
    login_in_url: tuple[str, ...] | None = posture()
    mixed_hosts: tuple[str, ...] | None = posture()
    security_txt_found: bool | None = posture()
    security_txt_valid: bool | None = posture()
    security_txt_error: str | None = posture()
    security_txt_contacts: int | None = posture()
    security_txt_signed: bool | None = posture()
    security_txt_expires_s: int | None = posture()
    closed_open: tuple[str, ...] | None = posture()
    closed_undecided: tuple[str, ...] | None = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact; `days_left` is counted from the moment of this observation."""
        facts: dict[str, FactValue] = {}
        for fact in self.FACTS:
            if fact in _OF_EXPIRY:
                continue
            value: Any = getattr(self, fact.replace(".", "_"))
            if value is not None:
                facts[fact] = list(value) if isinstance(value, tuple) else value
        expires_s = self.security_txt_expires_s
        if expires_s is not None:
            moment = _EPOCH + timedelta(seconds=expires_s)
            facts["security_txt.expires"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
            if self.observed_at_us is not None:
                left_s = expires_s - self.observed_at_us / 1e6
                facts["security_txt.days_left"] = left_s / _DAY_S
        return facts


_OF_EXPIRY: Final = ("security_txt.expires", "security_txt.days_left")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
