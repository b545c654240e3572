"""Settings of the tls check: which server, how much is asked, and how politely."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, replace
from typing import Literal

from checks.address import ascii_host, checked_port, literal_family
from checks.base import Duration, Settings, derived, option
from checks.tls.profiles import PROFILES
from checks.tls.registry import codes_of
from checks.tls.wishes import Wishes, asked_for, profiles_for

AT_ONCE_MOST = 32
PER_MINUTE_LEAST = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSettings(Settings):
    """Which server to look at, and how closely."""

    interval: Duration = option(3_600_000_000, "Time between observations.")  # noqa: RUF009
    timeout: Duration = option(10_000_000, "Time for a verdict, all its connections together.")  # noqa: RUF009
    full_timeout: Duration = option(30_000_000, "The same for a full survey.")  # noqa: RUF009
    host: str = option(MISSING, "Name or address to connect to.")
    port: int = option(443, "Port, 1 to 65535; TLS starts at once, there is no STARTTLS yet.")
    server_name: str = option("", "Name to ask for and to check (SNI); empty: the host.")
    mode: Literal["verdict", "full"] = option(
        "verdict",
        "verdict asks what the rules need, and everything when something changed; full always.",
    )
    addresses: Literal["first", "all"] = option(
        "first", "Look at the first address of a name, or compare all of them (8 at most)."
    )
    at_once: int = option(10, "Connections to one address at once, at most.")
    per_minute: int = option(1_200, "Connections to one address in a minute, at most.")
    profiles: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict,
        metadata={"doc": "Your own lists of allowed cipher suites (IANA names), by name."},
    )
    needs: frozenset[str] | None = derived(None)
    """Facts that the rules of this series speak of, see `CheckKind.needing`; None: nobody said."""

    def __post_init__(self) -> None:
        ascii_host(self.host)
        checked_port(self.port)
        if self.server_name:
            ascii_host(self.server_name)
        if not 1 <= self.at_once <= AT_ONCE_MOST:
            raise ValueError(f"at_once is not between 1 and {AT_ONCE_MOST}")
        if self.per_minute < PER_MINUTE_LEAST:
            raise ValueError(f"per_minute is below {PER_MINUTE_LEAST}")
        for suites in self.profiles.values():
            codes_of(suites)

    @property
    def asked_name(self) -> str:
        """The name the certificate must be for, as it goes on the wire."""
        return ascii_host(self.server_name or self.host).partition("%")[0].rstrip(".")


def wishes_of(settings: TlsSettings, full: bool) -> Wishes:
    """What a survey by these settings is to find out."""
    own = {name: frozenset(codes_of(suites)) for name, suites in settings.profiles.items()}
    suites = {**{name: one.suite_codes for name, one in PROFILES.items()}, **own}
    groups = {name: one.group_codes for name, one in PROFILES.items()}
    needs = settings.needs
    # One's own profiles are asked for without a rule too: they are few, and were written down.
    wanted = {*profiles_for(needs, "outside", tuple(suites)), *own}
    named = profiles_for(needs, "groups_outside", tuple(groups))
    facts = asked_for(needs, full=full)
    # An address has no server name indication (RFC 6066, 3).
    name = settings.asked_name
    return Wishes(
        facts=facts | {"outside"} if own else facts,
        name="" if literal_family(name) else name,
        full=full,
        profiles={name: codes for name, codes in suites.items() if name in wanted},
        group_profiles={name: codes for name, codes in groups.items() if name in named},
    )


def needing(settings: Settings, mentioned: frozenset[str]) -> Settings:
    """The settings of a series whose rules speak of these facts."""
    assert isinstance(settings, TlsSettings)
    return replace(settings, needs=mentioned)


def in_full(settings: Settings) -> Settings:
    """The settings with everything to be found out."""
    assert isinstance(settings, TlsSettings)
    return replace(settings, mode="full")
