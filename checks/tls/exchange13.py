"""One real key exchange of TLS 1.3: what a server shows only inside its encryption. Pure but for
random keys.

RFC 8446. A complete client's handshake without pre-shared keys and without a certificate of its
own. The certificate is shown, not judged: whether it is to be believed is said by chain.py.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace

from checks.tls import parsing, parsing13
from checks.tls.agreement import HYBRID, X25519, Agreement, agree, groups
from checks.tls.dialogue import (
    CERTIFICATE_REFUSALS,
    CLOSE_NOTIFY,
    WARNING,
    Dialogue,
    handshake,
)
from checks.tls.hello import ALPN, ClientHello
from checks.tls.keyschedule13 import Schedule, Traffic, finished, write_keys
from checks.tls.outcomes import Inconclusive, Refused, Retry
from checks.tls.parsing13 import Certificates
from checks.tls.protection import KEY_LENGTHS, Protection13
from checks.tls.records import (
    ALERT,
    APPLICATION,
    CHANGE_CIPHER_SPEC,
    MESSAGES_BOUND,
    MalformedError,
)
from checks.tls.registry import POST_QUANTUM, SUITES, Suite, Version
from checks.tls.serverhello import judged
from checks.tls.signatures import key_of, verified13

SUITES_13 = (0x1301, 0x1302, 0x1303, 0x1304, 0x1305)

_SERVER_HELLO = 2
_NEW_SESSION_TICKET = 4
_ENCRYPTED_EXTENSIONS = 8
_CERTIFICATE = 11
_CERTIFICATE_REQUEST = 13
_CERTIFICATE_VERIFY = 15
_FINISHED = 20
_KEY_UPDATE = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown13:
    """A handshake whose Finished was checked: the server has the keys.

    `verified`: the CertificateVerify was checked with the key of the first certificate; False
    when the library cannot read that key or that kind of signature. A wrong one is never shown.
    `ocsp`: of the first certificate. `scts`: how many in its extension; None: no such extension.
    `client_certificate`: "no", "asked" (the server went on without one), "required" (it ended
    by an alert), None when it was asked for and then nothing conclusive came.
    `early_data`: bytes that its first ticket allows; None when none was waited for, or came. A
    session without a ticket proves nothing: BoringSSL keeps its tickets until it has something
    else to say.
    `retried`: by a HelloRetryRequest.
    """

    suite: int
    group: int
    alpn: str | None
    chain: tuple[bytes, ...]
    ocsp: bytes | None
    scts: int | None
    client_certificate: str | None
    verified: bool
    early_data: int | None
    retried: bool


_NO_CERTIFICATES = Certificates(chain=(), ocsp=None, scts=None)


@dataclass(slots=True)
class _Seen:
    """What came so far."""

    suite: int = 0
    group: int = 0
    alpn: str | None = None
    certificates: Certificates = _NO_CERTIFICATES
    asked: bytes | None = None
    """The context of a CertificateRequest."""
    verified: bool = False
    retried: bool = False


Step = Callable[[bytes], None]


class Exchange13(Dialogue[Shown13]):
    """The client's side. With `tickets` it waits for the first, or for the end of the session.

    `hybrid` False keeps the hello small: a share of X25519 alone, ML-KEM is not offered. `offered`
    and `suites` narrow what is offered; ValueError when nothing is left that can be done here.
    `key` makes our key for a group.
    """

    def __init__(
        self,
        server_name: str = "",
        *,
        alpn: tuple[str, ...] = (),
        suites: tuple[int, ...] = SUITES_13,
        offered: tuple[int, ...] = (),
        hybrid: bool = True,
        tickets: bool = False,
        bound: int = MESSAGES_BOUND,
        key: Callable[[int], Agreement] = agree,
    ) -> None:
        super().__init__(bound)
        self._tickets = tickets
        self._key = key
        usable = tuple(group for group in offered or groups() if group in groups())
        if not hybrid:
            usable = tuple(group for group in usable if group not in POST_QUANTUM)
        if not usable or not all(suite in SUITES_13 for suite in suites):
            raise ValueError("offer a group and suites of TLS 1.3 that this library can do")
        shared = [group for group in usable if group in (HYBRID, X25519)] or usable[:1]
        self._keys = {group: key(group) for group in shared}
        self._hello = ClientHello(
            version=Version.TLS13,
            suites=suites,
            groups=usable,
            key_shares=tuple((group, made.public) for group, made in self._keys.items()),
            server_name=server_name,
            alpn=alpn,
        )
        self._seen = _Seen()
        self._expected: dict[int, Step] = {_SERVER_HELLO: self._server_hello}
        self._schedule: Schedule | None = None
        self._traffic = Traffic(b"", b"")
        self._early_data: int | None = None
        self._shown = False
        """The server's Finished was checked."""

    def first(self) -> bytes:
        """The ClientHello, on the wire."""
        self._transcript = bytearray(self._hello.message())
        return self._hello.records()

    @property
    def _suite(self) -> Suite:
        return SUITES[self._seen.suite]

    @property
    def _hash(self) -> str:
        return "sha384" if self._suite.name.endswith("SHA384") else "sha256"

    def _digest(self) -> bytes:
        return hashlib.new(self._hash, self._transcript).digest()

    def _version(self) -> Version:
        return Version.TLS13

    def _message(self, kind: int, whole: bytes) -> None:
        step = self._expected.get(kind)
        if step is None:
            raise MalformedError(f"message {kind}")
        step(whole)

    def _server_hello(self, whole: bytes) -> None:
        answer = judged(self._hello, parsing.server_hello(whole[4:]), whole)
        if isinstance(answer, Refused):
            self._end(answer)
            return
        if self._seen.retried and answer.suite != self._seen.suite:
            raise MalformedError("suite")  # RFC 8446, 4.1.4: that of the HelloRetryRequest
        self._seen.suite = answer.suite
        if isinstance(answer, Retry):
            self._retry(answer, whole)
            return
        assert answer.group is not None
        self._transcript += whole
        self._seen.group = answer.group
        self._schedule = Schedule(self._hash, self._keys[answer.group].shared(answer.share))
        self._traffic = self._schedule.handshake(self._digest())
        self._read_with(self._protection(self._traffic.server))
        self._expected = {_ENCRYPTED_EXTENSIONS: self._encrypted_extensions}

    def _retry(self, answer: Retry, whole: bytes) -> None:
        """A second hello with the key that is wanted (RFC 8446, 4.1.2, 4.1.4, 4.4.1)."""
        if self._seen.retried:
            raise MalformedError("second retry")
        if self._messages.pending:
            raise MalformedError("retry")
        self._seen.retried = True
        if answer.group is not None:
            self._keys = {answer.group: self._key(answer.group)}
        digest = self._digest()
        self._transcript = bytearray(handshake(254, digest) + whole)
        shares = tuple((group, made.public) for group, made in self._keys.items())
        self._hello = replace(self._hello, key_shares=shares, cookie=answer.cookie)
        self._middlebox()
        self._say(self._hello.message())

    def _middlebox(self) -> None:
        """What old middleboxes want to see once before our second flight (RFC 8446, D.4)."""
        if self._hello.sent_session_id and not (self._seen.retried and self._schedule):
            self._put(CHANGE_CIPHER_SPEC, b"\x01")

    def _protection(self, secret: bytes) -> Protection13:
        cipher = self._suite.cipher
        return Protection13(cipher, *write_keys(self._hash, secret, KEY_LENGTHS[cipher]))

    def _is_sealed(self, kind: int) -> bool:
        """An alert without protection comes from a server that lost the thread: still an alert."""
        return kind not in (CHANGE_CIPHER_SPEC, ALERT)

    def _encrypted_extensions(self, whole: bytes) -> None:
        self._transcript += whole
        found = parsing13.encrypted_extensions(whole[4:])
        if ALPN in found:
            self._seen.alpn = parsing.alpn(found[ALPN])
            if self._seen.alpn not in self._hello.alpn:
                raise MalformedError("alpn")
        self._expected = {
            _CERTIFICATE_REQUEST: self._certificate_request,
            _CERTIFICATE: self._certificate,
        }

    def _certificate_request(self, whole: bytes) -> None:
        self._transcript += whole
        self._seen.asked = parsing13.certificate_request(whole[4:])
        self._expected = {_CERTIFICATE: self._certificate}

    def _certificate(self, whole: bytes) -> None:
        self._transcript += whole
        self._seen.certificates = parsing13.certificate(whole[4:])
        self._expected = {_CERTIFICATE_VERIFY: self._certificate_verify}

    def _certificate_verify(self, whole: bytes) -> None:
        scheme, signature = parsing13.certificate_verify(whole[4:])
        if scheme not in self._hello.signatures:
            raise MalformedError("signature")
        key = key_of(self._seen.certificates.chain[0])
        self._seen.verified = verified13(key, scheme, signature, self._digest())
        self._transcript += whole
        self._expected = {_FINISHED: self._finished}

    def _finished(self, whole: bytes) -> None:
        wanted = finished(self._hash, self._traffic.server, self._digest())
        if not hmac.compare_digest(whole[4:], wanted):
            raise MalformedError("finished")
        self._transcript += whole
        assert self._schedule is not None
        application = self._schedule.application(self._digest())
        self._read_with(self._protection(application.server))
        self._shown = True
        self._answer(application)
        self._expected = {_NEW_SESSION_TICKET: self._ticket, _KEY_UPDATE: self._key_update}
        if self._seen.asked is None and not self._tickets:
            self._finish("no")

    def _answer(self, application: Traffic) -> None:
        """Our Finished, and at once that we have nothing more to say.

        Whoever gets both tells in good order what it thinks of us: tickets or an alert come
        before its own end, and we need not wait for silence.
        """
        self._middlebox()
        self._writing = self._protection(self._traffic.client)
        if self._seen.asked is not None:
            context = self._seen.asked
            self._say(handshake(_CERTIFICATE, bytes((len(context),)) + context + bytes(3)))
        self._say(handshake(_FINISHED, finished(self._hash, self._traffic.client, self._digest())))
        self._writing = self._protection(application.client)
        self._put(ALERT, bytes((WARNING, CLOSE_NOTIFY)))

    def _ticket(self, whole: bytes) -> None:
        """RFC 8446, 4.6.1: sent after our Finished was taken."""
        self._early_data = parsing13.ticket(whole[4:])
        self._finish("asked")

    def _key_update(self, _: bytes) -> None:
        """Nothing that we ask for comes after it."""
        self._finish("asked")

    def _other(self, kind: int) -> None:
        """The application speaks first: the server is content with us."""
        if kind != APPLICATION or not self._shown:
            super()._other(kind)
        if not self._tickets:
            self._finish("asked")

    def _alerted(self, level: int, code: int) -> None:  # noqa: ARG002 - all are fatal in TLS 1.3
        if not self._shown:
            self._refused_by(code)
        else:
            self._finish("required" if code in CERTIFICATE_REFUSALS else None)

    def _over(self, how: str) -> None:
        orderly = how == "close_notify"
        if not self._shown:
            self._end(Inconclusive("closed" if orderly else how))
            return
        # Who refuses says so by an alert; who just hangs up, or is silent, says nothing.
        self._finish("asked" if orderly else None)

    def _broken(self, why: str) -> None:
        if self._shown:
            self._finish(None)
        else:
            super()._broken(why)

    def _finish(self, client_certificate: str | None) -> None:
        """`client_certificate` counts where one was asked for."""
        seen = self._seen
        self._end(
            Shown13(
                suite=seen.suite,
                group=seen.group,
                alpn=seen.alpn,
                chain=seen.certificates.chain,
                ocsp=seen.certificates.ocsp,
                scts=seen.certificates.scts,
                client_certificate="no" if seen.asked is None else client_certificate,
                verified=seen.verified,
                early_data=self._early_data,
                retried=seen.retried,
            )
        )
