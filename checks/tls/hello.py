"""ClientHellos: bytes that ask a server one question. Pure but for the default random.

RFC 8446 (4.1.2), RFC 5246 (7.4.1.2), RFC 6101 (5.6.1.2). What a hello offers is what is asked;
the rest looks like any client's, so that a server answers as it answers its users.
"""

import os
import struct
from dataclasses import dataclass, field
from functools import lru_cache

from checks.tls.registry import RENEGOTIATION_SCSV, Version

SUITES_BOUND = 120
# With more in one hello some servers and middleboxes hang up, which says nothing of the suites.

SERVER_NAME = 0
STATUS_REQUEST = 5
SUPPORTED_GROUPS = 10
POINT_FORMATS = 11
SIGNATURE_ALGORITHMS = 13
ALPN = 16
TIMESTAMPS = 18
PADDING = 21
MASTER_SECRET = 23
SUPPORTED_VERSIONS = 43
COOKIE = 44
PSK_MODES = 45
KEY_SHARE = 51
RENEGOTIATION = 0xFF01

SIGNATURES_OFFERED = (
    0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0603, 0x0806, 0x0601, 0x0807, 0x0808,
    0x0809, 0x080A, 0x080B, 0x081A, 0x081B, 0x081C, 0x0904, 0x0905, 0x0906,
    0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0302, 0x0202,
)  # fmt: skip
"""Everything a server may sign with, SHA-1 and DSA last: a hello without them asks about them."""

# Every curve of RFC 8422 and 7027, the common ones first. Not the finite fields of RFC 7919:
# a server that has them would show those in place of the weak ones it gives to old clients.
# Some (OpenSSL 4) have DHE for those alone who list them: see `suite_lines.named_fields`.
GROUPS_12 = (29, 23, 24, 25, 30, 26, 27, 28, 22, 21, 20, 19, 14, 13, 12, 11, 10, 9, 8, 7, 6,
             5, 4, 3, 2, 1, 18, 17, 16, 15)  # fmt: skip
FIELDS = (0x100, 0x101, 0x102, 0x103, 0x104)
"""The finite fields of RFC 7919."""
GROUPS_13 = (0x11EC, 29, 23, 24, 25, 30, 0x11EB, 0x11ED, 0x0201, 0x0202, 0x0200, 31, 32, 33,
             *FIELDS)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHello:
    """One question. Only `version` is offered; ValueError when there are more than 120 suites.

    Empty `groups`: a list that hides nothing of a server. In TLS 1.3 an empty `key_shares` asks
    for a HelloRetryRequest (RFC 8446, 4.2.8), which tells suite and group without cryptography;
    an empty `session_id` is sent there as the random, the same in every message made of this
    hello (RFC 8446, D.4: middleboxes want one). `status_request` asks for OCSP and for signed
    certificate timestamps. `compression` offers DEFLATE (RFC 3749), before TLS 1.3 only.
    `extra` comes after the other extensions and replaces one of the same number. SSL 3.0 has no
    extensions: everything that would be one is left out.
    """

    version: Version
    suites: tuple[int, ...]
    groups: tuple[int, ...] = ()
    key_shares: tuple[tuple[int, bytes], ...] = ()
    server_name: str = ""
    alpn: tuple[str, ...] = ()
    compression: bool = False
    signatures: tuple[int, ...] = SIGNATURES_OFFERED
    status_request: bool = True
    random: bytes = field(default_factory=lambda: os.urandom(32))
    session_id: bytes = b""
    cookie: bytes = b""
    renegotiation: bool = True
    extra: tuple[tuple[int, bytes], ...] = ()

    def __post_init__(self) -> None:
        if not 0 < len(self.suites) <= SUITES_BOUND:
            raise ValueError(f"offer 1 to {SUITES_BOUND} suites, not {len(self.suites)}")
        if self.version is Version.SSL2 or len(self.random) != 32 or len(self.session_id) > 32:
            raise ValueError("SSL 2.0 has a hello of its own; 32 bytes random, at most 32 of id")

    @property
    def sent_session_id(self) -> bytes:
        """The session identifier as it is on the wire."""
        modern = self.version is Version.TLS13
        return self.session_id or (self.random if modern else b"")

    @property
    def offered_groups(self) -> tuple[int, ...]:
        """The groups that are on the wire."""
        if self.groups or self.version is Version.SSL3:
            return self.groups
        return GROUPS_13 if self.version is Version.TLS13 else GROUPS_12

    def message(self) -> bytes:
        """The handshake message, without the record's header."""
        session = self.sent_session_id
        offer = _offer(self.version, self.suites, self.compression, self.renegotiation)
        head = b"%b%b%c%b%b" % (_legacy(self.version), self.random, len(session), session, offer)
        body = head if self.version is Version.SSL3 else head + self._extensions(len(head))
        return b"\x01" + len(body).to_bytes(3, "big") + body

    def records(self) -> bytes:
        """The record with the message, as it goes on the wire.

        It says TLS 1.0 whatever is asked (RFC 8446, 5.1; RFC 5246, E.1), or SSL 3.0.
        """
        message = self.message()
        version = b"\x03\x00" if self.version is Version.SSL3 else b"\x03\x01"
        return b"\x16" + version + len(message).to_bytes(2, "big") + message

    def _extensions(self, before: int) -> bytes:
        replaced = tuple(code for code, _ in self.extra)
        shape = (self.alpn, self.signatures, self.status_request, self.renegotiation, replaced)
        parts = (
            [_name(self.server_name)] if self.server_name and SERVER_NAME not in replaced else []
        )
        parts.append(_constant(self.version, self.offered_groups, *shape))
        if self.cookie:
            parts.append(_extension(COOKIE, _vector(2, self.cookie)))
        if self.version is Version.TLS13 and KEY_SHARE not in replaced:
            shares = b"".join(_share(group, public) for group, public in self.key_shares)
            parts.append(_extension(KEY_SHARE, _vector(2, shares)))
        parts.extend(_extension(code, content) for code, content in self.extra)
        return _vector(2, _padded(b"".join(parts), before + 6))


def _padded(extensions: bytes, before: int) -> bytes:
    """With a hello of 256 to 511 bytes some balancers hang: make it longer (RFC 7685)."""
    length = before + len(extensions)
    if not 256 <= length < 512:
        return extensions
    return extensions + _extension(PADDING, bytes(max(1, 512 - length - 4)))


def _legacy(version: Version) -> bytes:
    return min(version, Version.TLS12).to_bytes(2, "big")


@lru_cache(maxsize=256)
def _offer(
    version: Version, suites: tuple[int, ...], compression: bool, renegotiation: bool
) -> bytes:
    """Suites and compression methods. SSL 3.0 tells of RFC 5746 by a signalling value."""
    listed = _numbers(suites)
    if version is Version.SSL3 and renegotiation:
        listed += RENEGOTIATION_SCSV.to_bytes(2, "big")
    methods = b"\x01\x00" if compression and version is not Version.TLS13 else b"\x00"
    return _vector(2, listed) + _vector(1, methods)


@lru_cache(maxsize=256)
def _constant(
    version: Version,
    groups: tuple[int, ...],
    alpn: tuple[str, ...],
    signatures: tuple[int, ...],
    status_request: bool,
    renegotiation: bool,
    replaced: tuple[int, ...],
) -> bytes:
    """The extensions that are the same for every server that is asked this."""
    modern = version is Version.TLS13
    wanted: list[tuple[int, bytes]] = []
    if not modern:
        wanted += [(RENEGOTIATION, b"\x00")] if renegotiation else []
        # A server in FIPS mode may refuse whoever does not offer it (RFC 7627).
        wanted += [(MASTER_SECRET, b""), (POINT_FORMATS, b"\x01\x00")]
    wanted.append((SUPPORTED_GROUPS, _vector(2, _numbers(groups))))
    if version >= Version.TLS12:
        wanted.append((SIGNATURE_ALGORITHMS, _vector(2, _numbers(signatures))))
    if status_request:
        wanted += [(STATUS_REQUEST, b"\x01\x00\x00\x00\x00"), (TIMESTAMPS, b"")]
    if alpn:
        names = b"".join(_vector(1, name.encode()) for name in alpn)
        wanted.append((ALPN, _vector(2, names)))
    if modern:
        wanted += [(SUPPORTED_VERSIONS, b"\x02\x03\x04"), (PSK_MODES, b"\x01\x01")]
    return b"".join(_extension(code, body) for code, body in wanted if code not in replaced)


@lru_cache(maxsize=1_024)
def _name(name: str) -> bytes:
    host = b"\x00" + _vector(2, name.encode("ascii"))
    return _extension(SERVER_NAME, _vector(2, host))


def _share(group: int, public: bytes) -> bytes:
    return group.to_bytes(2, "big") + _vector(2, public)


def _extension(code: int, body: bytes) -> bytes:
    return code.to_bytes(2, "big") + _vector(2, body)


def _numbers(codes: tuple[int, ...]) -> bytes:
    return struct.pack(f">{len(codes)}H", *codes)


def _vector(size: int, body: bytes) -> bytes:
    """Bytes after their length."""
    return len(body).to_bytes(size, "big") + body
