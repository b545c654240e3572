"""Protection of records: what is sealed is opened, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.tls.protection import KEY_LENGTHS, Protection, Protection13
from checks.tls.protection12 import can, protections, sizes
from checks.tls.records import MalformedError
from checks.tls.registry import SUITES, Version, suite_name, suites_for
from tests.checks.tls import trace_rfc8448 as trace


def each_cipher(version: Version) -> list[int]:
    """One suite for every cipher and MAC that this version and we have."""
    suites = (SUITES[code] for code in suites_for(version))
    return list({(item.cipher, item.mac): item.code for item in suites if can(item)}.values())


CASES = [
    (version, code)
    for version in (Version.TLS10, Version.TLS11, Version.TLS12)
    for code in each_cipher(version)
]


def pair13(cipher: str) -> tuple[Protection, Protection]:
    """Two ends of one direction."""
    key, iv = bytes(range(KEY_LENGTHS[cipher])), bytes(range(12))
    return Protection13(cipher, key, iv), Protection13(cipher, key, iv)


def pair12(version: Version, code: int) -> tuple[Protection, Protection]:
    """Two ends of one direction."""
    suite = SUITES[code]
    block = bytes(number % 251 for number in range(sizes(suite, version).both))
    return protections(suite, version, block)[0], protections(suite, version, block)[0]


def opens_in_order(one: Protection, two: Protection, contents: list[bytes]) -> None:
    """Each record opens to what was sealed."""
    for content in contents:
        record = one.seal(22, content)
        assert record[3:5] == (len(record) - 5).to_bytes(2, "big")
        assert two.open(record[0], record[5:]) == (22, content)


@given(contents=st.lists(st.binary(max_size=80), max_size=4))
@pytest.mark.parametrize("cipher", KEY_LENGTHS)
def test_records_of_tls_13_open_in_their_order(cipher: str, contents: list[bytes]) -> None:
    """Kind and content come back; content that ends in zeros too."""
    opens_in_order(*pair13(cipher), [*contents, b"end\x00\x00"])


@given(contents=st.lists(st.binary(max_size=80), max_size=4))
@pytest.mark.parametrize(
    ("version", "code"), CASES, ids=[f"{one.word} {suite_name(two)}" for one, two in CASES]
)
def test_older_records_open_in_their_order(
    version: Version, code: int, contents: list[bytes]
) -> None:
    """In each version every kind of cipher gives back what was sealed."""
    opens_in_order(*pair12(version, code), contents)


@given(at=st.integers(min_value=0), bit=st.integers(0, 7), case=st.sampled_from(CASES))
def test_a_changed_record_does_not_open(at: int, bit: int, case: tuple[Version, int]) -> None:
    """One flipped bit anywhere in a body, in any version, is noticed."""
    pairs = [pair12(*case), pair13("AES_128_GCM"), pair13("AES_128_CCM_8")]
    for one, two in pairs:
        body = bytearray(one.seal(22, b"finished")[5:])
        body[at % len(body)] ^= 1 << bit
        with pytest.raises(MalformedError):
            two.open(23 if isinstance(two, Protection13) else 22, bytes(body))


@given(body=st.binary(max_size=100), case=st.sampled_from(CASES))
def test_any_bytes_are_malformed(body: bytes, case: tuple[Version, int]) -> None:
    """Bytes that nobody sealed raise MalformedError and nothing else, of whatever length."""
    for pair in (pair12(*case), pair13("AES_256_GCM"), pair13("CHACHA20_POLY1305")):
        with pytest.raises(MalformedError):
            pair[1].open(23, body)


def test_a_record_twice_or_out_of_order_does_not_open() -> None:
    """The number of a record is part of what is protected."""
    for one, two in (pair13("AES_128_GCM"), pair12(Version.TLS12, 0xC02F)):
        first, second = one.seal(23, b"1"), one.seal(23, b"2")
        with pytest.raises(MalformedError):
            two.open(23, second[5:])
        assert first != second


def test_the_flight_of_rfc_8448_opens() -> None:
    """The RFC's record opens with the RFC's key to the four messages of the server."""
    key, iv = (
        bytes.fromhex(text)
        for text in ("3fce516009c21727d0f2e4e86ee403bc", "5d313eb2671276ee13000b30")
    )
    opened = Protection13("AES_128_GCM", key, iv).open(23, trace.SERVER_FLIGHT_RECORD[5:])
    assert opened[0] == 22
    assert len(opened[1]) == 40 + 445 + 136 + 36
