"""http: is a page served as people need it? HTTP/1.1 over TCP and TLS, redirects followed."""

from urllib.parse import SplitResult, urlunsplit

from checks.address import families_of
from checks.attempt import ConnectionProber
from checks.base import CheckKind, Net, Prober, Settings
from checks.http_evidence import HttpEvidence, HttpSettings
from checks.http_exchange import HttpAttempt
from checks.http_request import place
from monitor.model import Family


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return ConnectionProber(net, HttpAttempt, needs_roots=True)


def from_url(url: SplitResult) -> HttpSettings:
    """Settings of an http:// or https:// URL."""
    return HttpSettings(url=urlunsplit(url))


def families(settings: Settings) -> tuple[Family, ...]:
    """A literal's own family, both of a name."""
    assert isinstance(settings, HttpSettings)
    return families_of(place(settings.url).host)


KIND = CheckKind(
    name="http",
    settings=HttpSettings,
    evidence=HttpEvidence,
    prober=prober,
    available="evidence.as_expected",
    from_url=from_url,
    families=families,
    filtered=True,
)
