"""What a server can answer to a hello. "Could not be asked" has a type of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from checks.tls.hello import ALPN, RENEGOTIATION
from checks.tls.parsing import alpn
from checks.tls.records import MalformedError
from checks.tls.registry import Version, alert_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The server would go on with this version and this suite.

    What was not sent, or not read, is None. `trouble` says why the flight was not read to its
    end though it was wanted ("timeout", "malformed: certificate"); the ServerHello stands.
    `group`: of the key share in TLS 1.3, of the ServerKeyExchange before. `share`: the server's
    public key (TLS 1.3). `client_certificate` and `chain` are known before TLS 1.3 alone.
    `suites_offered`: of SSL 2.0, where the client chooses. `raw`: the handshake messages.
    """

    version: Version
    suite: int
    group: int | None = None
    compression: int = 0
    extensions: Mapping[int, bytes] = field(default_factory=dict)
    chain: tuple[bytes, ...] | None = None
    ocsp: bytes | None = None
    dh_bits: int | None = None
    client_certificate: bool | None = None
    share: bytes = b""
    random: bytes = b""
    session_id: bytes = b""
    suites_offered: tuple[int, ...] = ()
    raw: bytes = b""
    trouble: str = ""

    @property
    def alpn(self) -> str | None:
        """The protocol that was chosen in the ServerHello (before TLS 1.3), if it can be read."""
        try:
            return alpn(self.extensions[ALPN]) if ALPN in self.extensions else None
        except MalformedError:
            return None

    @property
    def secure_renegotiation(self) -> bool:
        """Whether the server knows RFC 5746 (its 3.4: an empty renegotiated_connection)."""
        return self.extensions.get(RENEGOTIATION) == b"\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A HelloRetryRequest: the server takes this suite, and this group when it sends a key.

    `group` is None when the server wants its cookie back and nothing else.
    """

    suite: int
    group: int | None
    cookie: bytes
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The server said no to what was asked.

    By a fatal alert out of `REFUSALS`, or, with `alert` None, by answering something else than
    the only thing that was offered (`note`: "answered TLSv1.0").
    """

    alert: int | None
    note: str = ""

    @property
    def word(self) -> str:
        """Such as "handshake_failure"."""
        return self.note if self.alert is None else alert_name(self.alert)


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """Nothing follows from this; ask again.

    `why`: closed, reset, timeout, too-much, unfinished (it was not read to its end), "alert NAME",
    "alert NAME after hello", "malformed: PART", "not-tls", "not-tls: http", and of SSL 2.0
    "error CODE".
    """

    why: str


Answer = Accepted | Retry | Refused | Inconclusive

REFUSALS: Mapping[int, str] = {
    40: "handshake_failure: no acceptable set of parameters (RFC 8446, 6.2)",
    47: "illegal_parameter: what we offered, or its combination, is wrong there (RFC 8446, 6.2)",
    60: "export_restriction: only an export suite, or none (RFC 2246, 7.2.2)",
    70: "protocol_version: recognised, but not supported (RFC 8446, 6.2)",
    71: "insufficient_security: more secure parameters are wanted (RFC 8446, 6.2)",
    86: "inappropriate_fallback: a better version is there (RFC 7507, 3)",
    109: "missing_extension: it wants one that was not sent, such as a name (RFC 8446, 9.2)",
    110: "unsupported_extension (RFC 8446, 6.2)",
    112: "unrecognized_name: not this server name, whatever the parameters (RFC 6066, 3)",
    115: "unknown_psk_identity: a suite with a secret that we do not have (RFC 4279, 2)",
    120: "no_application_protocol: none of the ALPN names (RFC 7301, 3.2)",
}
"""Fatal alerts that mean "not with these parameters"; 112 and 120 speak of names, not of TLS.

Not here: what a server in trouble says (internal_error, user_canceled, access_denied), what it
says of bytes that it could not read (decode_error, unexpected_message, bad_record_mac), and
what concerns certificates of clients.
"""
