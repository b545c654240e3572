"""tls: what certificate and what protocol does a server show? One handshake, nothing is sent."""

import _ssl
import ssl
from datetime import UTC, datetime
from typing import Any
from urllib.parse import SplitResult

from checks import trust
from checks.address import ascii_host, families_of, literal_family
from checks.attempt import Attempt, ConnectionProber
from checks.base import CheckKind, Net, Prober, Settings
from checks.failure import Failure
from checks.tls.chain import certificate_facts
from checks.tls.evidence import TlsEvidence
from checks.tls.path import CHAIN_BOUND
from checks.tls.roots import roots_of
from checks.tls.settings import TlsSettings, in_full, needing
from monitor.model import Family, Fault


class TlsAttempt(Attempt):
    """One handshake. The certificate is not verified while it lasts, only afterwards."""

    __slots__ = ("mark", "settings", "spent")

    def begin_exchange(self) -> None:
        """Go to the server."""
        settings = self.probe.assignment.settings
        assert isinstance(settings, TlsSettings)
        self.settings = settings
        self.mark = self.since
        self.spent: dict[str, int] = {}
        context = self.desk.context(verify=False)
        if isinstance(context, Fault):
            self.end(context)
            return
        # An address has no server name indication (RFC 6066, 3).
        name = "" if literal_family(settings.asked_name) else settings.asked_name
        self.go(ascii_host(settings.host), settings.port, context, name)

    def located(self, now_ns: int) -> None:
        """The connection's time starts with its SYN."""
        self.mark = now_ns

    def connected(self, now_ns: int) -> None:
        """The handshake follows."""
        self._spend("connect_us", now_ns)
        self.phase = "tls"

    def secured(self, now_ns: int) -> None:
        """Look at what was shown, and leave."""
        self._spend("handshake_us", self.desk.net.boottime_ns())
        assert self.connection is not None
        shown = self.connection.tls
        assert shown is not None
        self.end(self._evidence("ok", "", **self._shown(shown)), now_ns)

    def nameless(self, now_ns: int) -> None:
        """The name has no address."""
        self.end(self._evidence("dns", "no such name"), now_ns)

    def concluded(self, failure: Failure, now_ns: int) -> TlsEvidence:  # noqa: ARG002
        """No handshake."""
        return self._evidence(failure.outcome, failure.reason)

    def _spend(self, phase: str, now_ns: int) -> None:
        self.spent[phase] = max(0, now_ns - self.mark) // 1_000
        self.mark = now_ns

    def _shown(self, session: ssl.SSLSocket) -> dict[str, Any]:
        cipher = session.cipher()
        return {
            "protocol": session.version(),
            "cipher": None if cipher is None else cipher[0],
            **self._certificates(sent_chain(session)),
        }

    def _certificates(self, chain: tuple[bytes, ...]) -> dict[str, Any]:
        """What they say, and whether they are believed now. Python's ssl hides what is stapled."""
        own = self.desk.net.ca_file
        system = trust.system_bundle()
        return certificate_facts(
            chain,
            name=self.settings.asked_name,
            roots=roots_of((system,)) if system else None,
            own_roots=roots_of((own,)) if own else None,
            now=datetime.fromtimestamp(self.desk.net.wall_us() // 1_000_000, UTC),
            ocsp=None,
            scts_by_handshake=None,
            staple_asked=False,
        )

    def _evidence(self, outcome: str, reason: str, **shown: Any) -> TlsEvidence:
        return TlsEvidence.of(
            **self.spent,
            **shown,
            observed_at_us=self.desk.net.wall_us(),
            outcome=outcome,
            reason=reason or None,
            server_address=self.address or None,
            server_name=self.settings.asked_name,
        )


def sent_chain(session: ssl.SSLSocket) -> tuple[bytes, ...]:
    """The certificates as the server sent them, leaf first, in DER, bounded.

    Python has this in public from 3.13; before that its own inner object has it.
    """
    public: Any = getattr(session, "get_unverified_chain", None)
    inner: Any = getattr(session._sslobj, "get_unverified_chain", None)  # type: ignore[attr-defined]
    if public is not None:
        chain = public() or ()
    elif inner is not None:
        chain = [item.public_bytes(_ssl.ENCODING_DER) for item in inner() or ()]
    else:
        chain = [session.getpeercert(binary_form=True)]
    return tuple(bytes(encoded) for encoded in list(chain)[:CHAIN_BOUND] if encoded)


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return ConnectionProber(net, TlsAttempt, needs_roots=True)


def from_url(url: SplitResult) -> TlsSettings:
    """Settings of `tls://host:port`, port 443 if it is left out."""
    if url.hostname is None or url.path not in ("", "/") or url.query:
        raise ValueError("write tls://host or tls://host:port")
    return TlsSettings(host=url.hostname, port=443 if url.port is None else url.port)


def families(settings: Settings) -> tuple[Family, ...]:
    """A literal's own family, both of a name."""
    assert isinstance(settings, TlsSettings)
    return families_of(settings.host)


KIND = CheckKind(
    name="tls",
    settings=TlsSettings,
    evidence=TlsEvidence,
    prober=prober,
    available='evidence.outcome == "ok"',
    from_url=from_url,
    families=families,
    needing=needing,
    full=in_full,
)
