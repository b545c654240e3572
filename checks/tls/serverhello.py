"""Judges a ServerHello by what was offered. Pure; raises MalformedError and no other.

A server may choose only what was offered (RFC 8446, 4.1.3 and 4.1.4; RFC 5246, 7.4.1.3). One that
chooses an older version did not accept the one that was asked: that is a refusal, no acceptance.
"""

from checks.tls.hello import COOKIE, KEY_SHARE, SUPPORTED_VERSIONS, ClientHello
from checks.tls.outcomes import Accepted, Refused, Retry
from checks.tls.parsing import Cursor, ServerHello
from checks.tls.records import MalformedError, TooMuchError
from checks.tls.registry import Version

RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""SHA-256 of "HelloRetryRequest": what a ServerHello has for a random when it is one."""
_COOKIE_BOUND = 16_384
"""Bytes: ours to send back, among extensions of 65,535 bytes together (RFC 8446, 4.1.2)."""


def judged(hello: ClientHello, seen: ServerHello, raw: bytes) -> Accepted | Retry | Refused:
    """What a ServerHello means as the answer to this hello; `raw` is its whole message."""
    version = _version(hello, seen)
    if version is not hello.version:
        return Refused(alert=None, note=f"answered {version.word}")
    if seen.suite not in hello.suites:
        raise MalformedError("suite")
    if version is Version.TLS13:
        return _modern(hello, seen, raw)
    if seen.compression not in ((0, 1) if hello.compression else (0,)):
        raise MalformedError("compression")
    return _accepted(version, seen, raw)


def _version(hello: ClientHello, seen: ServerHello) -> Version:
    """The version that was chosen: the one that was asked, or a known older one."""
    number = seen.version
    if SUPPORTED_VERSIONS in seen.extensions:
        # Only TLS 1.3 may be chosen there (RFC 8446, 4.2.1).
        chosen = seen.extensions[SUPPORTED_VERSIONS]
        if seen.version != Version.TLS12 or chosen != b"\x03\x04":
            raise MalformedError("version")
        number = Version.TLS13
    elif number > Version.TLS12:
        raise MalformedError("version")
    if not Version.SSL3 <= number <= hello.version:
        raise MalformedError("version")
    return Version(number)


def _modern(hello: ClientHello, seen: ServerHello, raw: bytes) -> Accepted | Retry:
    """TLS 1.3: its session id is an echo, and a group is named."""
    if seen.compression != 0:
        raise MalformedError("compression")
    if seen.session_id != hello.sent_session_id:
        raise MalformedError("session id")
    if seen.random == RETRY_RANDOM:
        return _retry(hello, seen, raw)
    group, share = _key_share(seen)
    if group not in (offered for offered, _ in hello.key_shares):
        raise MalformedError("group")
    return _accepted(Version.TLS13, seen, raw, group, share)


def _key_share(seen: ServerHello) -> tuple[int, bytes]:
    if KEY_SHARE not in seen.extensions:
        raise MalformedError("no key share")
    cursor = Cursor(seen.extensions[KEY_SHARE], "key share")
    group, share = cursor.number(2), cursor.vector(2)
    cursor.end()
    if not share:
        raise MalformedError("key share")
    return group, share


def _retry(hello: ClientHello, seen: ServerHello, raw: bytes) -> Retry:
    """It must change something: name a group without a share, or send a cookie (4.1.4)."""
    group = None
    if KEY_SHARE in seen.extensions:
        cursor = Cursor(seen.extensions[KEY_SHARE], "key share")
        group = cursor.number(2)
        cursor.end()
        shared = [offered for offered, _ in hello.key_shares]
        if group not in hello.offered_groups or group in shared:
            raise MalformedError("group")
    cookie = b""
    if COOKIE in seen.extensions:
        cursor = Cursor(seen.extensions[COOKIE], "cookie")
        cookie = cursor.vector(2)
        cursor.end()
        if len(cookie) > _COOKIE_BOUND:
            raise TooMuchError("cookie")
    if group is None and not cookie:
        raise MalformedError("retry")
    return Retry(suite=seen.suite, group=group, cookie=cookie, raw=raw)


def _accepted(
    version: Version, seen: ServerHello, raw: bytes, group: int | None = None, share: bytes = b""
) -> Accepted:
    return Accepted(
        version=version,
        suite=seen.suite,
        group=group,
        compression=seen.compression,
        extensions=seen.extensions,
        share=share,
        random=seen.random,
        session_id=seen.session_id,
        raw=raw,
    )
