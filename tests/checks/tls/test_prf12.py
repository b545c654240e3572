"""The pseudo-random functions of TLS 1.0 to 1.2 against published vectors."""

import hashlib

import pytest

from checks.tls.prf12 import OLD, prf, transcript_hash, verify_value


@pytest.mark.parametrize(
    ("name", "secret", "label", "seed", "expected"),
    [
        (  # IETF TLS working group, "TLS 1.2 Test vectors" (2 November 2010)
            "sha256",
            "9bbe436ba940f017b17652849a71db35",
            "test label",
            "a0ba9f936cda311827a6f796ffd5198c",
            "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e"
            "14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5"
            "a72e5a5110fff70187347b66",
        ),
        (
            "sha384",
            "b80b733d6ceefcdc71566ea48e5567df",
            "test label",
            "cd665cf6a8447dd6ff8b27555edb7465",
            "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cd",
        ),
        (  # the vector of TLS 1.0 that went round with its drafts
            OLD,
            "ab" * 48,
            "PRF Testvector",
            "cd" * 64,
            "d3d4d1e349b5d515044666d51de32bab258cb521b6b053463e354832fd976754443bcf9a296519bc289abcbc"
            "1187e4ebd31e602353776c408aafb74cbc85eff69255f9788faa184cbb957a9819d84a5d7eb006eb459d3ae8"
            "de9810454b8b2d8f1afbc655a8c9a013",
        ),
    ],
)
def test_the_functions_give_the_published_vectors(
    name: str, secret: str, label: str, seed: str, expected: str
) -> None:
    """With SHA-256, with SHA-384, and with MD5 beside SHA-1."""
    wanted = bytes.fromhex(expected)
    made = prf(name, bytes.fromhex(secret), label, bytes.fromhex(seed), len(wanted))
    assert made == wanted


def test_an_odd_secret_is_halved_with_its_middle_twice() -> None:
    """RFC 2246, 5: the last byte of the first half is the first of the second one."""
    one, two = prf(OLD, b"abc", "x", b"", 20), prf(OLD, b"abbc", "x", b"", 20)
    assert one == two


def test_the_transcript_of_old_versions_is_hashed_twice() -> None:
    """MD5 and SHA-1 in a row before TLS 1.2, one hash in it; Finished has 12 bytes."""
    assert transcript_hash("sha256", b"m") == hashlib.sha256(b"m").digest()
    assert len(transcript_hash(OLD, b"m")) == 36
    values = {verify_value(OLD, bytes(48), side, b"m") for side in ("client", "server")}
    assert {len(value) for value in values} == {12}
    assert len(values) == 2
