"""The key schedule of TLS 1.3 against RFC 5869 and RFC 8448."""

import hashlib

from checks.tls.keyschedule13 import Schedule, expand, extract, finished, write_keys
from tests.checks.tls import trace_rfc8448 as trace
from tests.checks.tls.trace_rfc8448 import octets


def test_hkdf_gives_the_vectors_of_rfc_5869() -> None:
    """Extract and expand as in test cases 1 and 3 of RFC 5869, appendix A."""
    secret, salt = bytes([0x0B]) * 22, bytes(range(13))
    key = extract("sha256", salt, secret)
    assert key == octets("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5")
    assert expand(
        "sha256", extract("sha256", salt, secret), bytes(range(0xF0, 0xFA)), 42
    ) == octets(
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    assert expand("sha256", extract("sha256", b"", secret), b"", 42) == octets(
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )


def test_the_schedule_gives_the_secrets_of_rfc_8448() -> None:
    """Traffic secrets, keys and the key of Finished are those that the RFC prints."""
    schedule = Schedule("sha256", trace.SHARED)
    hellos = hashlib.sha256(trace.CLIENT_HELLO + trace.SERVER_HELLO).digest()
    traffic = schedule.handshake(hellos)
    assert traffic == (trace.CLIENT_HANDSHAKE, trace.SERVER_HANDSHAKE)
    assert write_keys("sha256", traffic.client, 16) == (
        octets("dbfaa693d1762c5b666af5d950258d01"),
        octets("5bd3c71b836e0b76bb73265f"),
    )
    assert write_keys("sha256", trace.SERVER_APPLICATION, 16) == (
        octets("9f02283b6c9c07efc26bb9f2ac92e356"),
        octets("cf782b88dd83549aadf1e984"),
    )
    through_finished = octets("9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13")
    assert schedule.application(through_finished) == (
        trace.CLIENT_APPLICATION,
        trace.SERVER_APPLICATION,
    )


def test_finished_depends_on_the_secret_and_on_every_message() -> None:
    """Another secret or another transcript gives another Finished; its length is the hash's."""
    made = finished("sha384", bytes(48), bytes(48))
    assert len(made) == 48
    assert (
        len(
            {
                made,
                finished("sha384", b"\x01" * 48, bytes(48)),
                finished("sha384", bytes(48), b"\x01" * 48),
            }
        )
        == 3
    )
