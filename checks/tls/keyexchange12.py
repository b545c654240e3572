"""The key exchange of TLS 1.0 to 1.2: what a server sends for it, and our half. Pure but for
random keys.

RFC 5246 (7.4.3, 7.4.7), RFC 8422 (5.4, 5.7).
"""

import os
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric import padding, rsa

from checks.tls import parsing
from checks.tls.agreement import CLASSICAL, Agreement, agree, finite_field
from checks.tls.parsing import Cursor
from checks.tls.protection12 import can
from checks.tls.records import MalformedError
from checks.tls.registry import SUITES, Suite, Version, suites_for
from checks.tls.signatures import Key

_EXCHANGES = ("ECDHE", "DHE", "RSA")
_AUTHENTICATIONS = ("RSA", "ECDSA", "DSS")
_NAMED_CURVE = 3


@cache
def suites_12(version: Version) -> tuple[int, ...]:
    """The suites with which a handshake can be completed here, the likely ones first."""
    return tuple(code for code in suites_for(version) if _usable(SUITES[code]))


def _usable(suite: Suite) -> bool:
    known = suite.exchange in _EXCHANGES and suite.authentication in _AUTHENTICATIONS
    # Drafts under numbers of their own count nonces, or derive keys, in ways of their own.
    draft = suite.name.endswith("_OLD") or suite.name.startswith("SSL_")
    return known and not draft and not suite.export and can(suite)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerKey:
    """A ServerKeyExchange: the server's public key, and `parameters`, which `signature` signs.

    `ours` is our key in the same group. `scheme` is None before TLS 1.2.
    """

    group: int | None
    dh_bits: int | None
    ours: Agreement
    public: bytes
    parameters: bytes
    scheme: int | None
    signature: bytes


def server_key(body: bytes, suite: Suite, version: Version) -> ServerKey:
    """Read it; MalformedError too for a group that is none of `CLASSICAL`."""
    told = parsing.server_key_exchange(body, suite.exchange)
    cursor = Cursor(body, "server key exchange")
    ours, public = _curve(cursor) if suite.exchange == "ECDHE" else _field(cursor)
    parameters = body[: cursor.at]
    scheme = cursor.number(2) if version is Version.TLS12 else None
    signature = cursor.vector(2)
    cursor.end()
    return ServerKey(
        group=told.group,
        dh_bits=told.dh_bits,
        ours=ours,
        public=public,
        parameters=parameters,
        scheme=scheme,
        signature=signature,
    )


def _curve(cursor: Cursor) -> tuple[Agreement, bytes]:
    kind, group, public = cursor.number(1), cursor.number(2), cursor.vector(1)
    if kind != _NAMED_CURVE or group not in CLASSICAL:
        raise MalformedError("group")
    return agree(group), public


def _field(cursor: Cursor) -> tuple[Agreement, bytes]:
    prime, generator, public = cursor.vector(2), cursor.vector(2), cursor.vector(2)
    return finite_field(prime, generator), public


def client_key(server: ServerKey) -> tuple[bytes, bytes]:
    """The body of our ClientKeyExchange, and the secret that both sides have then."""
    size = 2 if server.group is None else 1
    public = server.ours.public
    return len(public).to_bytes(size, "big") + public, server.ours.shared(server.public)


def encrypted_key(key: Key | None, version: Version) -> tuple[bytes, bytes]:
    """The same with a secret of ours for the key of the certificate (RFC 5246, 7.4.7.1)."""
    if not isinstance(key, rsa.RSAPublicKey):
        raise MalformedError("key of the certificate")
    secret = version.to_bytes(2, "big") + os.urandom(46)
    try:
        sealed = key.encrypt(secret, padding.PKCS1v15())
    except ValueError:  # the key is too small for it
        raise MalformedError("key of the certificate") from None
    return len(sealed).to_bytes(2, "big") + sealed, secret
