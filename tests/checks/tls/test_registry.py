"""The tables of TLS: names, numbers, and what may be negotiated in which version."""

import subprocess

import pytest

from checks.tls.code_points import ALERTS, GROUPS, SIGNATURES
from checks.tls.registry import (
    POST_QUANTUM,
    SSL2_SUITES,
    SUITES,
    Version,
    alert_name,
    codes_of,
    group_name,
    suite_name,
    suites_for,
)


def test_the_names_are_those_openssl_gives() -> None:
    """Every suite that OpenSSL knows has the same number and the same IANA name here."""
    listed = subprocess.run(
        ["openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.splitlines()
    known = {}
    for line in listed:
        number, _, name = line.split()[:3]
        known[int(number.replace("0x", "").replace(",", ""), 16)] = name
    assert len(known) > 100
    assert {code: suite_name(code) for code in known} == known


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("TLS_AES_128_CCM_8_SHA256", ("TLS13", "any", "AES_128_CCM_8", "AEAD", False)),
        ("TLS_SHA384_SHA384", ("TLS13", "any", "NULL", "SHA384", False)),
        ("TLS_SM4_GCM_SM3", ("TLS13", "any", "SM4_GCM", "AEAD", False)),
        ("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", ("ECDHE", "RSA", "AES_256_CBC", "SHA384", False)),
        (
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            ("ECDHE", "ECDSA", "CHACHA20_POLY1305", "AEAD", False),
        ),
        ("TLS_DHE_RSA_WITH_AES_128_CCM", ("DHE", "RSA", "AES_128_CCM", "AEAD", False)),
        ("TLS_RSA_EXPORT_WITH_RC4_40_MD5", ("RSA", "RSA", "RC4_40", "MD5", True)),
        ("TLS_DHE_DSS_EXPORT1024_WITH_RC4_56_SHA", ("DHE", "DSS", "RC4_56", "SHA", True)),
        ("TLS_DH_anon_WITH_AES_256_CBC_SHA", ("DH_anon", "anon", "AES_256_CBC", "SHA", False)),
        ("TLS_PSK_DHE_WITH_AES_128_CCM_8", ("DHE_PSK", "PSK", "AES_128_CCM_8", "AEAD", False)),
        ("TLS_SRP_SHA_RSA_WITH_AES_128_CBC_SHA", ("SRP", "RSA", "AES_128_CBC", "SHA", False)),
        ("SSL_RSA_FIPS_WITH_DES_CBC_SHA", ("RSA", "RSA", "DES_CBC", "SHA", False)),
        (
            "TLS_GOSTR341112_256_WITH_KUZNYECHIK_CTR_OMAC",
            ("GOST", "GOST", "KUZNYECHIK_CTR", "OMAC", False),
        ),
    ],
)
def test_a_name_is_taken_apart(name: str, parts: tuple[str, str, str, str, bool]) -> None:
    """Exchange, authentication, cipher and integrity are read off the name."""
    suite = SUITES[codes_of([name])[0]]
    found = (suite.exchange, suite.authentication, suite.cipher, suite.mac, suite.export)
    assert found == parts


def test_numbers_and_names_belong_together() -> None:
    """No name has two numbers, no signalling value is a suite, and codes_of undoes suite_name."""
    names = [suite.name for suite in SUITES.values()] + list(SSL2_SUITES.values())
    assert len(set(names)) == len(names)
    assert not {0x0000, 0x00FF, 0x5600} & set(SUITES)
    assert not [code for code in SUITES if code & 0x0F0F == 0x0A0A]  # GREASE (RFC 8701)
    assert codes_of(suite_name(code) for code in SUITES) == tuple(SUITES)
    for table in (GROUPS, SIGNATURES, ALERTS):
        assert len(set(table.values())) == len(table)


def test_an_unknown_number_keeps_its_number() -> None:
    """What has no name is told by its number, and an unknown name is refused by name."""
    assert (suite_name(0x1234), group_name(0x9999), alert_name(99)) == ("0x1234", "0x9999", "99")
    with pytest.raises(ValueError, match="TLS_NOTHING"):
        codes_of(["TLS_AES_128_GCM_SHA256", "TLS_NOTHING"])


def test_each_version_has_its_suites() -> None:
    """AEAD belongs to 1.2, the five of RFC 8446 to 1.3 alone, and nothing is left out."""
    offered = {version: set(suites_for(version)) for version in Version}
    modern, twelve = offered[Version.TLS13], offered[Version.TLS12]
    assert set(range(0x1301, 0x1306)) <= modern
    assert not modern & twelve
    gcm, cbc256, gost, cbc, fortezza = codes_of(
        [
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
            "TLS_GOSTR341112_256_WITH_28147_CNT_IMIT",
            "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
            "SSL_FORTEZZA_KEA_WITH_NULL_SHA",
        ]
    )
    assert {gcm, cbc256, gost, cbc} <= twelve
    for old in (Version.TLS10, Version.TLS11, Version.SSL3):
        assert cbc in offered[old]
        assert not {gcm, cbc256, gost} & offered[old]
    assert [version for version in Version if fortezza in offered[version]] == [Version.SSL3]
    assert set(SUITES) == set().union(*(offered[v] for v in Version if v is not Version.SSL2))


def test_the_first_120_suites_are_those_that_servers_have() -> None:
    """One hello finds forward secrecy, plain RSA, anonymous, export, RC4 and NULL suites."""
    for version in (Version.TLS10, Version.TLS12):
        first = [SUITES[code] for code in suites_for(version)[:120]]
        assert {"ECDHE", "DHE", "RSA", "DH_anon", "ECDH_anon"} <= {
            suite.exchange for suite in first
        }
        assert {"RC4_128", "NULL", "3DES_EDE_CBC", "RC4_40", "CAMELLIA_256_CBC"} <= {
            suite.cipher for suite in first
        }
        assert any(suite.export for suite in first)


def test_post_quantum_groups_are_groups_with_ml_kem() -> None:
    """X25519MLKEM768 is 0x11EC, and every one of them has ML-KEM in its name."""
    assert group_name(0x11EC) == "X25519MLKEM768"
    assert set(POST_QUANTUM) == {code for code, name in GROUPS.items() if "MLKEM" in name}
    assert (group_name(23), group_name(29), group_name(41)) == ("secp256r1", "x25519", "curveSM2")
    assert (group_name(28), group_name(40)) == ("brainpoolP512r1", "GC512C")
