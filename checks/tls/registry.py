"""The numbers of TLS and their names: versions, cipher suites, groups. Pure tables.

A name is IANA's; what has none is told by its number, "0x1234".
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from types import MappingProxyType

from checks.tls import code_points
from checks.tls.suite_table import DEPLOYED, REGISTERED


class Version(IntEnum):
    """A protocol by the number that it has on the wire."""

    SSL2 = 0x0002
    SSL3 = 0x0300
    TLS10 = 0x0301
    TLS11 = 0x0302
    TLS12 = 0x0303
    TLS13 = 0x0304

    @property
    def word(self) -> str:
        """Such as "TLSv1.2"."""
        return _WORDS[self]


_WORDS = {
    Version.SSL2: "SSLv2",
    Version.SSL3: "SSLv3",
    Version.TLS10: "TLSv1.0",
    Version.TLS11: "TLSv1.1",
    Version.TLS12: "TLSv1.2",
    Version.TLS13: "TLSv1.3",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One cipher suite, taken apart by its name.

    `exchange`: RSA, DHE, ECDHE, DH, ECDH, DH_anon, ECDH_anon, PSK, DHE_PSK, ECDHE_PSK, RSA_PSK,
    SRP, KRB5, ECCPWD, GOST, FORTEZZA, TLS13. `authentication`: of the server; "any" in TLS 1.3.
    `mac`: "AEAD" where the cipher protects itself.
    """

    code: int
    name: str
    exchange: str
    authentication: str
    cipher: str
    mac: str
    export: bool


GROUPS: Mapping[int, str] = MappingProxyType(code_points.GROUPS)
SIGNATURES: Mapping[int, str] = MappingProxyType(code_points.SIGNATURES)
ALERTS: Mapping[int, str] = MappingProxyType(code_points.ALERTS)
SSL2_SUITES: Mapping[int, str] = MappingProxyType(code_points.SSL2_SUITES)

# Groups that a quantum computer does not break: ML-KEM alone or beside a curve. The drafts of
# Kyber are not among them: they were never standardised and are withdrawn.
POST_QUANTUM = (0x11EC, 0x11EB, 0x11ED, 0x11EE, 0x0201, 0x0202, 0x0200)

# Signalling values: they stand among the suites, and name none (RFC 5746, 3.3; RFC 7507).
RENEGOTIATION_SCSV = 0x00FF
FALLBACK_SCSV = 0x5600

_EXCHANGES = {
    "KRB5": ("KRB5", "KRB5"),
    "ECCPWD": ("ECCPWD", "PWD"),
    "PSK_DHE": ("DHE_PSK", "PSK"),  # RFC 6655 has two suites with the words turned round
    "RSA": ("RSA", "RSA"),
    "PSK": ("PSK", "PSK"),
    "DHE_PSK": ("DHE_PSK", "PSK"),
    "ECDHE_PSK": ("ECDHE_PSK", "PSK"),
    "RSA_PSK": ("RSA_PSK", "RSA"),
    "DH_anon": ("DH_anon", "anon"),
    "ECDH_anon": ("ECDH_anon", "anon"),
    "FORTEZZA_KEA": ("FORTEZZA", "FORTEZZA"),
    "SRP_SHA": ("SRP", "SRP"),
    "SRP_SHA_RSA": ("SRP", "RSA"),
    "SRP_SHA_DSS": ("SRP", "DSS"),
}
_GOST_12 = range(0xC100, 0xC103)  # RFC 9189
_AEAD = ("_GCM", "_CCM", "_CCM_8", "POLY1305", "_MGM_L", "_MGM_S", "AEGIS_256", "AEGIS_128L")


def _suite(code: int, name: str) -> Suite:
    body = name[4:].removesuffix("_OLD")
    left, found, right = body.partition("_WITH_")
    if not found:
        left, right = "TLS13", body
    export = "_EXPORT" in left
    exchange, authentication = _exchange(left.partition("_EXPORT")[0].removesuffix("_FIPS"))
    cipher, mac = _cipher(right)
    return Suite(
        code=code,
        name=name,
        exchange="TLS13" if mac == "AEAD" and "_MGM_" in cipher else exchange,
        authentication=authentication,
        cipher=cipher,
        mac=mac,
        export=export,
    )


def _exchange(words: str) -> tuple[str, str]:
    if words in _EXCHANGES:
        return _EXCHANGES[words]
    if words == "TLS13":
        return words, "any"
    if words.startswith("GOST"):
        return "GOST", "GOST"
    exchange, _, authentication = words.partition("_")
    return exchange, authentication


def _cipher(words: str) -> tuple[str, str]:
    """The cipher, and what proves that nobody changed its text."""
    for end in ("_SHA256", "_SHA384", "_SHA512", "_SM3", ""):
        cipher = words.removesuffix(end)
        if cipher.endswith(_AEAD):
            return cipher, "AEAD"
    cipher, _, mac = words.rpartition("_")
    return ("NULL" if cipher in ("SHA256", "SHA384") else cipher), mac  # RFC 9150: integrity only


def _read(table: str) -> Iterator[Suite]:
    for line in table.split("\n"):
        first, *names = line.split() or [""]
        for offset, name in enumerate(names):
            whole = name if name.startswith("SSL_") else f"TLS_{name}"
            yield _suite(int(first, 16) + offset, whole)


SUITES: Mapping[int, Suite] = MappingProxyType(
    {suite.code: suite for table in (REGISTERED, DEPLOYED) for suite in _read(table)}
)
_CODES = {
    **{suite.name: suite.code for suite in SUITES.values()},
    **{name: code for code, name in SSL2_SUITES.items()},
}

# How likely a server takes a suite: first what is common, so that one hello of 120 finds most.
_EXCHANGES_LIKELY = """
TLS13 ECDHE DHE RSA DH_anon ECDH_anon
ECDH DH GOST PSK ECDHE_PSK DHE_PSK RSA_PSK SRP KRB5 ECCPWD FORTEZZA
"""
_CIPHERS_LIKELY = """
AES_128_GCM AES_256_GCM CHACHA20_POLY1305 AES_128_CBC AES_256_CBC 3DES_EDE_CBC RC4_128
CAMELLIA_128_CBC CAMELLIA_256_CBC AES_128_CCM AES_256_CCM AES_128_CCM_8 AES_256_CCM_8
ARIA_128_GCM ARIA_256_GCM NULL DES_CBC RC4_40 DES40_CBC RC2_CBC_40 SEED_CBC IDEA_CBC
CAMELLIA_128_GCM CAMELLIA_256_GCM
"""
_EXCHANGE_ORDER = _EXCHANGES_LIKELY.split()
_CIPHER_ORDER = _CIPHERS_LIKELY.split()


def _likely(suite: Suite) -> tuple[bool, int, int]:
    exchange = _EXCHANGE_ORDER.index(suite.exchange)
    known = suite.cipher in _CIPHER_ORDER
    cipher = _CIPHER_ORDER.index(suite.cipher) if known else len(_CIPHER_ORDER)
    rare = exchange >= _EXCHANGE_ORDER.index("ECDH")
    return rare, cipher + 2 * exchange, suite.code


def _earliest(suite: Suite) -> Version:
    """The first version that has this suite.

    AEAD and HMAC-SHA-256 came with TLS 1.2 (RFC 5246, 6.2.3.3; RFC 5289, 5932, 6209), but the
    CBC suites of RFC 5487 and 5489 with a pre-shared key may be used before it.
    """
    if suite.exchange == "TLS13":
        return Version.TLS13
    if suite.mac == "AEAD" or suite.code in _GOST_12:
        return Version.TLS12
    if suite.mac in ("SHA256", "SHA384"):
        return Version.TLS10 if "PSK" in suite.exchange else Version.TLS12
    return Version.SSL3


@cache
def suites_for(version: Version) -> tuple[int, ...]:
    """Every suite that may be negotiated in this version, the likely ones first.

    What a version dropped (export and single DES in TLS 1.1 and 1.2, RFC 4346 A.5) is asked too:
    a server that takes it anyway is what one wants to know of. More than one hello holds.
    """
    if version is Version.SSL2:
        return tuple(SSL2_SUITES)
    fit = [suite for suite in SUITES.values() if _fits(suite, version)]
    return tuple(suite.code for suite in sorted(fit, key=_likely))


def _fits(suite: Suite, version: Version) -> bool:
    first = _earliest(suite)
    if Version.TLS13 in (version, first):
        return version is first
    return first <= version and (version is Version.SSL3 or not suite.name.startswith("SSL_FORT"))


def suite_name(code: int) -> str:
    """The IANA name of a suite, an SSLv2 kind by its own; a number where there is none."""
    known = SUITES.get(code)
    return known.name if known else SSL2_SUITES.get(code, f"0x{code:04X}")


def group_name(code: int) -> str:
    """The IANA name of a group, or its number."""
    return GROUPS.get(code, f"0x{code:04X}")


def alert_name(code: int) -> str:
    """The name of an alert, or its decimal number."""
    return ALERTS.get(code, str(code))


def codes_of(names: Iterable[str]) -> tuple[int, ...]:
    """The numbers of suites; ValueError names the first that there is not."""
    codes = []
    for name in names:
        if name not in _CODES:
            raise ValueError(f"{name!r} is no cipher suite; write its IANA name")
        codes.append(_CODES[name])
    return tuple(codes)
