"""A log key that never leaves its PKCS#11 token (an HSM, a smart card): shell.

PKCS#11 v3.0 sections 2.3.5 and 2.3.15: key type CKK_EC_EDWARDS, mechanism CKM_EDDSA without
parameters, which is pure Ed25519 (RFC 8032). Needs the extra `pkcs11` (python-pkcs11).

Enforced here: what the token returns is a signature of the key that was there at the start; a call
that hangs holds up its caller for a bounded time; a PIN that was refused is never tried again by
this process, because a token locks itself after a few. A token that went away is opened anew at the
next signature. Left to others: what becomes of entries while nothing can be signed (the store).
"""

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, cast
from urllib.parse import unquote

from monitor.ledger.errors import KeyFileError
from monitor.ledger.signer import KeyKind, Verifier
from monitor.secret import Secret, SecretError

if TYPE_CHECKING:
    import pkcs11

T = TypeVar("T")

OPEN_S = 20.0
"""For opening a token: a network HSM may ask several of its own."""
SIGN_S = 5.0
"""For one signature, a token that has to be opened anew included."""
_POINT = bytes.fromhex("0420")
"""DER OCTET STRING of 32 bytes, in which CKA_EC_POINT comes; some tokens leave it out."""
_CURVE = bytes.fromhex("06032b6570")
"""CKA_EC_PARAMS: the OID of Ed25519 (RFC 8410)."""
_PIN_REFUSED = ("PinIncorrect", "PinInvalid", "PinLenRange", "PinLocked", "PinExpired",
                "UserPinNotInitialized")  # fmt: skip
_ONE_CALL = threading.Lock()
"""Held while a module works: to initialise it again is no good to another call under way."""
_URI = re.compile(r"pkcs11:([^?]*)(?:\?(.*))?", re.DOTALL)


class TokenError(KeyFileError):
    """A token does not sign; a later try may find it ready."""


class PinRefusedError(TokenError):
    """The token refused the PIN, which must not be tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """Where a key lies: the PKCS#11 module's file, the labels of token and key, and the PIN."""

    module: str
    token: str
    label: str
    pin: Secret

    @classmethod
    def parse(cls, uri: str, pin: Secret) -> Self:
        """Reads a PKCS#11 URI (RFC 7512) with `token`, `object` and `module-path`.

        KeyFileError where one is absent, twice or empty, or where the URI says more: a PIN never
        stands in it, since command lines are public.
        """
        match = _URI.fullmatch(uri)
        parts = [] if match is None else [*match[1].split(";"), *(match[2] or "").split("&")]
        named = [part.partition("=") for part in parts if part]
        values = {name: unquote(value) for name, _, value in named}
        wanted = {"token", "object", "module-path"}
        if set(values) != wanted or len(named) != len(wanted) or not all(values.values()):
            raise KeyFileError("ledger.token-uri")
        return cls(
            module=values["module-path"], token=values["token"], label=values["object"], pin=pin
        )


class _Handle(Protocol):
    """A private key's handle, which dies with its session."""

    def sign(self, data: bytes, *, mechanism: "pkcs11.Mechanism") -> bytes:
        """The signature of the bytes."""


class TokenSigner:
    """Signs with the key in a token. Any thread may call it, one at a time."""

    def __init__(self, name: str, place: TokenKey, calls: "_Calls", public: bytes) -> None:
        """Made by `open`."""
        self.verifier = Verifier(name=name, kind=KeyKind.ED25519, public_key=public)
        self._place = place
        self._calls = calls
        self._key: _Handle | None = None
        self._refused: PinRefusedError | None = None

    @classmethod
    def open(cls, name: str, place: TokenKey) -> Self:
        """Log in and find the key; TokenError or SecretError say why it cannot be had."""
        calls, pin = _Calls(), place.pin.reveal()
        public, key = calls.result(lambda: _opened(place, pin), OPEN_S, place)
        signer = cls(name, place, calls, public)
        signer._key = key
        return signer

    def sign(self, text: str) -> bytes:
        """The 64-byte signature of the text; TokenError while the token does not give one."""
        if self._refused is not None:
            raise self._refused
        message = text.encode()
        try:
            signature = self._calls.result(lambda: self._signed(message), SIGN_S, self._place)
        except PinRefusedError as error:
            self._refused = error
            raise
        except SecretError as error:
            why = error.sentence("en")
            raise TokenError("ledger.token-failed", token=self._place.token, why=why) from None
        if not self.verifier.accepts(text, signature):
            self._key = None
            raise TokenError("ledger.token-foreign", token=self._place.token)
        return signature

    def _signed(self, message: bytes) -> bytes:
        """By the key as it stands, else by the token opened anew: handles die with a session."""
        import pkcs11

        if self._key is not None:
            try:
                return self._key.sign(message, mechanism=pkcs11.Mechanism.EDDSA)
            except pkcs11.PKCS11Error:
                self._key = None
        _, key = _opened(self._place, self._place.pin.reveal(), anew=True)
        signature = key.sign(message, mechanism=pkcs11.Mechanism.EDDSA)
        self._key = key
        return signature


def create_token_key(place: TokenKey) -> bytes:
    """Makes an Ed25519 key pair inside a token, never to leave it; the public key.

    KeyFileError `ledger.token-key-exists` where a key has the label: no label is used twice.
    """
    pin = place.pin.reveal()
    return _Calls().result(lambda: _created(place, pin), OPEN_S, place)


def token_session(place: TokenKey) -> "pkcs11.Session":
    """A session that is logged in, for whoever signs otherwise; errors as `TokenSigner.open`."""
    pin = place.pin.reveal()
    return _Calls().result(lambda: _session(place, pin), OPEN_S, place)


def _opened(place: TokenKey, pin: str, *, anew: bool = False) -> tuple[bytes, _Handle]:
    """(public key, private key's handle) in a session that is logged in."""
    import pkcs11

    session = _session(place, pin, anew=anew)
    kind, label = pkcs11.KeyType.EC_EDWARDS, place.label
    public = session.get_key(pkcs11.ObjectClass.PUBLIC_KEY, kind, label)
    private = session.get_key(pkcs11.ObjectClass.PRIVATE_KEY, kind, label)
    return _point(public[pkcs11.Attribute.EC_POINT], place), cast("_Handle", private)


def _created(place: TokenKey, pin: str) -> bytes:
    import pkcs11
    from pkcs11 import Attribute

    with _session(place, pin, writing=True) as session:
        if next(iter(session.get_objects({Attribute.LABEL: place.label})), None) is not None:
            raise KeyFileError("ledger.token-key-exists", label=place.label, token=place.token)
        curve = session.create_domain_parameters(
            pkcs11.KeyType.EC_EDWARDS, {Attribute.EC_PARAMS: _CURVE}, local=True
        )
        public, _ = curve.generate_keypair(
            mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN,
            store=True,
            label=place.label,
            private_template={Attribute.EXTRACTABLE: False, Attribute.SENSITIVE: True},
        )
        return _point(public[Attribute.EC_POINT], place)


def _session(
    place: TokenKey, pin: str, *, anew: bool = False, writing: bool = False
) -> "pkcs11.Session":
    import pkcs11

    module = pkcs11.lib(place.module)
    if anew:
        module.reinitialize()
    try:
        token = module.get_token(token_label=place.token)
    except pkcs11.NoSuchToken:
        # A module may see a token that came later only once it was initialised again.
        module.reinitialize()
        token = module.get_token(token_label=place.token)
    try:
        return token.open(rw=writing, user_pin=pin)
    except pkcs11.exceptions.UserAlreadyLoggedIn:  # login is the process's, not the session's
        return token.open(rw=writing)


def _point(raw: object, place: TokenKey) -> bytes:
    point = bytes(raw) if isinstance(raw, bytes | bytearray) else b""
    point = point.removeprefix(_POINT) if len(point) == len(_POINT) + 32 else point
    if len(point) != 32:
        raise TokenError("ledger.token-key-absent", label=place.label, token=place.token)
    return point


class _Calls:
    """One thread that calls the module, so that a call that hangs holds up that thread alone.

    PKCS#11 has no timeouts, and python-pkcs11 lets other threads run while the module works.
    """

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()
        self._last: Future[Any] | None = None
        threading.Thread(target=self._run, name="token", daemon=True).start()

    def result(self, call: Callable[[], T], longest_s: float, place: TokenKey) -> T:
        """What the call returns, its errors as TokenError; one that was given up must end first."""
        hangs = TokenError("ledger.token-hangs", token=place.token, seconds=int(longest_s))
        if self._last is not None and not self._last.done():
            raise hangs
        done: Future[T] = Future()
        self._last = done
        self._work.put((call, done))
        try:
            return done.result(longest_s)
        except TimeoutError:
            raise hangs from None
        except ImportError as error:
            raise KeyFileError("ledger.token-extra") from error
        except RuntimeError as error:  # what every error of python-pkcs11 is
            raise _told(error, place) from None

    def _run(self) -> None:
        while True:
            call, done = self._work.get()
            try:
                with _ONE_CALL:
                    made = call()
                done.set_result(made)
            # Whoever waits gets it, of whatever kind: an exception of a thread reaches nobody.
            except Exception as error:  # noqa: BLE001
                done.set_exception(error)


def _told(error: RuntimeError, place: TokenKey) -> Exception:
    """A module's error as one that says what to do; any other RuntimeError as it is."""
    from pkcs11 import PKCS11Error

    if not isinstance(error, PKCS11Error):
        return error
    kind, why = type(error).__name__, str(error)[:200]
    if kind in _PIN_REFUSED:
        return PinRefusedError("ledger.token-pin", token=place.token, why=kind)
    if kind == "NoSuchToken":
        return TokenError("ledger.token-absent", token=place.token, module=place.module)
    if kind in ("NoSuchKey", "MultipleObjectsReturned"):
        code = "ledger.token-key-absent" if kind == "NoSuchKey" else "ledger.token-key-twice"
        return TokenError(code, label=place.label, token=place.token)
    if kind == "PKCS11Error" and "loading" in why:
        return KeyFileError("ledger.token-module", module=place.module, why=why)
    return TokenError("ledger.token-failed", token=place.token, why=why or kind)
