"""One real key exchange of TLS 1.0 to 1.2: what is known only after both sides' Finished. Pure but
for random keys.

RFC 5246, 4346, 2246; 8422 (ECDHE), 7627 (extended master secret), 5746 (renegotiation). No
compression, no resumption. The certificate is shown, not judged.
"""

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from checks.tls import parsing, scts
from checks.tls.agreement import CLASSICAL
from checks.tls.dialogue import (
    CERTIFICATE_REFUSALS,
    CLOSE_NOTIFY,
    NO_RENEGOTIATION,
    WARNING,
    Dialogue,
    handshake,
)
from checks.tls.hello import ALPN, MASTER_SECRET, RENEGOTIATION, TIMESTAMPS, ClientHello
from checks.tls.keyexchange12 import (
    ServerKey,
    client_key,
    encrypted_key,
    server_key,
    suites_12,
)
from checks.tls.outcomes import REFUSALS, Accepted, Inconclusive, Refused
from checks.tls.prf12 import MASTER_LENGTH, OLD, prf, transcript_hash, verify_value
from checks.tls.protection import Protection
from checks.tls.protection12 import protections, sizes
from checks.tls.records import (
    ALERT,
    APPLICATION,
    CHANGE_CIPHER_SPEC,
    MESSAGES_BOUND,
    MalformedError,
)
from checks.tls.registry import SUITES, Suite, Version
from checks.tls.serverhello import judged
from checks.tls.signatures import key_of, verified12

_HELLO_REQUEST = 0
_SERVER_HELLO = 2
_CERTIFICATE = 11
_KEY_EXCHANGE = 12
_CERTIFICATE_REQUEST = 13
_DONE = 14
_CLIENT_KEY_EXCHANGE = 16
_FINISHED = 20
_STATUS = 22

# What a server says that will not begin again: the warning that is made for it, or a fatal alert.
_UNEXPECTED_MESSAGE = 10
_ACCESS_DENIED = 49
_NO_AGAIN = (NO_RENEGOTIATION, _UNEXPECTED_MESSAGE, _ACCESS_DENIED, *REFUSALS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown12:
    """A handshake as far as it came.

    `finished`: both sides' Finished were exchanged and the server's was right; False only where
    the server ended because we showed no certificate. `verified`: the server proved that it has
    the key of its certificate: its signature was checked, or (exchange RSA) it could decrypt.
    `client_certificate`: "no", "asked", "required". `secure_renegotiation`: it knows RFC 5746.
    `renegotiated`: whether a second handshake that we began was answered; None: not asked, or the
    connection was lost.
    """

    version: Version
    suite: int
    group: int | None
    dh_bits: int | None
    alpn: str | None
    chain: tuple[bytes, ...]
    ocsp: bytes | None
    scts: int | None
    client_certificate: str
    verified: bool
    finished: bool
    extended_master_secret: bool
    secure_renegotiation: bool
    renegotiated: bool | None


@dataclass(slots=True)
class _Seen:
    """What came so far."""

    chain: tuple[bytes, ...] = ()
    ocsp: bytes | None = None
    scts: int | None = None
    key: ServerKey | None = None
    asked: bool = False
    verified: bool = False
    finished: bool = False


Step = Callable[[bytes], None]


class Exchange12(Dialogue[Shown12]):
    """The client's side of one version. With `renegotiate` it begins a second handshake.

    That is RFC 5746's where the server knows it, and else the old one, which mixes what two
    peers say. ValueError when a suite is asked that cannot be completed here.
    """

    def __init__(
        self,
        server_name: str = "",
        *,
        version: Version = Version.TLS12,
        alpn: tuple[str, ...] = (),
        suites: tuple[int, ...] = (),
        renegotiate: bool = False,
        bound: int = MESSAGES_BOUND,
    ) -> None:
        super().__init__(bound)
        offered = suites or suites_12(version)
        if not set(offered) <= set(suites_12(version)):
            raise ValueError("offer suites of this version that can be completed here")
        self._hello = ClientHello(
            version=version, suites=offered, groups=CLASSICAL, server_name=server_name, alpn=alpn
        )
        self._renegotiate = renegotiate
        self._seen = _Seen()
        self._expected: dict[int, Step] = {_SERVER_HELLO: self._server_hello}
        self._answer: Accepted | None = None
        self._master = b""
        self._server_protection: Protection | None = None
        self._client_verify = b""
        self._begun_again = False

    def first(self) -> bytes:
        """The ClientHello, on the wire."""
        self._transcript = bytearray(self._hello.message())
        return self._hello.records()

    @property
    def _accepted(self) -> Accepted:
        assert self._answer is not None
        return self._answer

    @property
    def _suite(self) -> Suite:
        return SUITES[self._accepted.suite]

    @property
    def _hash(self) -> str:
        if self._hello.version < Version.TLS12:
            return OLD
        return "sha384" if self._suite.name.endswith("SHA384") else "sha256"

    def _version(self) -> Version:
        return self._hello.version

    def _message(self, kind: int, whole: bytes) -> None:
        if kind == _HELLO_REQUEST:
            return  # may come at any time, is no part of the transcript (RFC 5246, 7.4.1.1)
        step = self._expected.get(kind)
        if step is None:
            raise MalformedError(f"message {kind}")
        step(whole)
        self._transcript += whole if kind not in (_DONE, _FINISHED) else b""

    def _server_hello(self, whole: bytes) -> None:
        answer = judged(self._hello, parsing.server_hello(whole[4:]), whole)
        if isinstance(answer, Refused):
            self._end(answer)
            return
        assert isinstance(answer, Accepted)
        told = answer.extensions.get(RENEGOTIATION, b"\x00")
        if told != b"\x00":  # RFC 5746, 3.4: nothing can be there the first time
            raise MalformedError("renegotiation")
        if TIMESTAMPS in answer.extensions:
            self._seen.scts = scts.count(answer.extensions[TIMESTAMPS])
        if ALPN in answer.extensions and answer.alpn not in self._hello.alpn:
            raise MalformedError("alpn")
        self._answer = answer
        self._expected = {_CERTIFICATE: self._certificate}

    def _certificate(self, whole: bytes) -> None:
        self._seen.chain = parsing.certificate(whole[4:])
        if not self._seen.chain:
            raise MalformedError("certificate")
        self._expected = {_STATUS: self._status, **self._after_certificate()}

    def _after_certificate(self) -> dict[int, Step]:
        if self._suite.exchange == "RSA":
            return {_CERTIFICATE_REQUEST: self._certificate_request, _DONE: self._server_done}
        return {_KEY_EXCHANGE: self._key_exchange}

    def _status(self, whole: bytes) -> None:
        self._seen.ocsp = parsing.certificate_status(whole[4:])
        self._expected = self._after_certificate()

    def _key_exchange(self, whole: bytes) -> None:
        told = server_key(whole[4:], self._suite, self._hello.version)
        if told.scheme is not None and told.scheme not in self._hello.signatures:
            raise MalformedError("signature")
        self._seen.verified = verified12(
            key_of(self._seen.chain[0]),
            told.scheme,
            told.signature,
            self._hello.random + self._accepted.random + told.parameters,
        )
        self._seen.key = told
        self._expected = {
            _CERTIFICATE_REQUEST: self._certificate_request,
            _DONE: self._server_done,
        }

    def _certificate_request(self, whole: bytes) -> None:  # noqa: ARG002 - that it came is enough
        self._seen.asked = True
        self._expected = {_DONE: self._server_done}

    def _server_done(self, whole: bytes) -> None:
        if len(whole) != 4:
            raise MalformedError("server hello done")
        self._transcript += whole
        if self._seen.asked:
            self._say(handshake(_CERTIFICATE, bytes(3)))
        told, secret = (
            encrypted_key(key_of(self._seen.chain[0]), self._hello.version)
            if self._seen.key is None
            else client_key(self._seen.key)
        )
        self._say(handshake(_CLIENT_KEY_EXCHANGE, told))
        self._derive(secret)
        ours = self._verify_value("client")
        self._client_verify = ours
        self._say(handshake(_FINISHED, ours))
        self._expected = {}  # until change_cipher_spec

    def _derive(self, secret: bytes) -> None:
        randoms = self._hello.random, self._accepted.random
        if MASTER_SECRET in self._accepted.extensions:
            label, seed = (
                "extended master secret",
                transcript_hash(self._hash, bytes(self._transcript)),
            )
        else:
            label, seed = "master secret", b"".join(randoms)
        self._master = prf(self._hash, secret, label, seed, MASTER_LENGTH)
        version = self._hello.version
        seed, length = b"".join(reversed(randoms)), sizes(self._suite, version).both
        block = prf(self._hash, self._master, "key expansion", seed, length)
        self._put(CHANGE_CIPHER_SPEC, b"\x01")
        self._writing, self._server_protection = protections(self._suite, version, block)

    def _changed_cipher(self, content: bytes) -> None:
        super()._changed_cipher(content)
        if self._server_protection is None or self._reading is not None:
            raise MalformedError("change cipher spec")
        self._read_with(self._server_protection)
        self._expected = {_FINISHED: self._finished}

    def _verify_value(self, side: str) -> bytes:
        return verify_value(self._hash, self._master, side, bytes(self._transcript))

    def _finished(self, whole: bytes) -> None:
        wanted = self._verify_value("server")
        if not hmac.compare_digest(whole[4:], wanted):
            raise MalformedError("finished")
        if self._messages.pending:
            raise MalformedError("finished")
        self._seen.finished = True
        self._seen.verified |= self._suite.exchange == "RSA"
        if self._renegotiate:
            self._begin_again()
        else:
            self._put(ALERT, bytes((WARNING, CLOSE_NOTIFY)))
            self._show(None)

    def _begin_again(self) -> None:
        """A hello inside the session, bound to it by RFC 5746 (3.5) where the server knows it."""
        secure = self._accepted.secure_renegotiation
        proof = bytes((len(self._client_verify),)) + self._client_verify
        again = replace(
            self._hello,
            random=os.urandom(32),
            renegotiation=False,
            extra=((RENEGOTIATION, proof),) if secure else (),
        )
        self._begun_again = True
        self._say(again.message())
        self._expected = {_SERVER_HELLO: self._began_again}

    def _began_again(self, whole: bytes) -> None:
        parsing.server_hello(whole[4:])
        self._show(True)

    def _other(self, kind: int) -> None:
        """What the application says before it hears us is passed over."""
        if kind != APPLICATION or not self._begun_again:
            super()._other(kind)

    def _alerted(self, level: int, code: int) -> None:  # noqa: ARG002
        if self._begun_again:
            self._show(False if code in _NO_AGAIN else None)
        elif self._seen.asked and self._master and code in CERTIFICATE_REFUSALS:
            self._show(None, "required")
        else:
            self._refused_by(code)

    def _over(self, how: str) -> None:
        closed = how in ("closed", "close_notify")
        if self._begun_again:
            self._show(False if closed else None)
        else:
            self._end(Inconclusive("closed" if closed else how))

    def _broken(self, why: str) -> None:
        if self._begun_again:
            self._show(None)
        else:
            super()._broken(why)

    def _show(self, renegotiated: bool | None, client_certificate: str = "asked") -> None:
        seen, answer = self._seen, self._accepted
        self._end(
            Shown12(
                version=answer.version,
                suite=answer.suite,
                group=None if seen.key is None else seen.key.group,
                dh_bits=None if seen.key is None else seen.key.dh_bits,
                alpn=answer.alpn,
                chain=seen.chain,
                ocsp=seen.ocsp,
                scts=seen.scts,
                client_certificate=client_certificate if seen.asked else "no",
                verified=seen.verified,
                finished=seen.finished,
                extended_master_secret=MASTER_SECRET in answer.extensions,
                secure_renegotiation=answer.secure_renegotiation,
                renegotiated=renegotiated,
            )
        )
