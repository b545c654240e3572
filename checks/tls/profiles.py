"""What published rule books allow, as data. Nothing here judges.

Sources: the Mozilla server side TLS guidelines 5.8 and 6.0, since 2026 kept by tlsref
(guidelines/5.8.json and 6.0.json, read in the state of 2026-06-11; 6.0 has no "old"); RFC 9325
(BCP 195) with RFC 8996 for the versions. Names are IANA's. A guideline that changes is another
profile beside the old one: what was judged stays what it was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from checks.tls.registry import GROUPS, SUITES


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One rule book's allowances. None: it says nothing of that."""

    name: str
    versions: tuple[str, ...]
    suites: tuple[str, ...]
    """Of every version together."""
    groups: tuple[str, ...]
    keys: Mapping[str, int]
    """Kinds of certificate keys and their least bits; none of them: any is allowed."""
    curves: tuple[str, ...] | None
    """Curves of certificate keys."""
    signatures: tuple[str, ...] | None
    """Algorithms that sign certificates, as `chain` names them."""
    dh_bits: int | None
    """Least bits of a finite-field Diffie-Hellman prime; None: there is to be none."""
    lifetime_days: int | None
    hsts_min_age_s: int | None
    staple: bool | None
    """Whether an OCSP response is to be stapled."""

    @property
    def suite_codes(self) -> frozenset[int]:
        """The allowed suites by number."""
        return _codes(self.suites)

    @property
    def group_codes(self) -> frozenset[int]:
        """The allowed groups by number."""
        return frozenset(code for code, name in GROUPS.items() if name in self.groups)


@cache
def _codes(names: tuple[str, ...]) -> frozenset[int]:
    return frozenset(code for code, suite in SUITES.items() if suite.name in names)


_TLS13 = ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256")
_EPHEMERAL_GCM = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
)
_EPHEMERAL_CHACHA = (
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)
_OLD = (
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_256_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
)
_MOZILLA_GROUPS = ("X25519MLKEM768", "x25519", "secp256r1", "secp384r1")
_CURVES = ("secp256r1", "secp384r1")
_ECDSA = ("ecdsa-with-SHA256", "ecdsa-with-SHA384", "ecdsa-with-SHA512")
_TWO_YEARS_S = 63_072_000


def _modern(version: str) -> Profile:
    return Profile(
        name=f"mozilla-modern-{version}",
        versions=("TLSv1.3",),
        suites=_TLS13,
        groups=_MOZILLA_GROUPS,
        keys={"ec": 256},
        curves=_CURVES,
        signatures=_ECDSA,
        dh_bits=None,
        lifetime_days=90,
        hsts_min_age_s=_TWO_YEARS_S,
        staple=True,
    )


def _intermediate(version: str) -> Profile:
    return Profile(
        name=f"mozilla-intermediate-{version}",
        versions=("TLSv1.2", "TLSv1.3"),
        suites=(*_TLS13, *_EPHEMERAL_GCM, *_EPHEMERAL_CHACHA),
        groups=_MOZILLA_GROUPS,
        keys={"ec": 256, "rsa": 2048},
        curves=_CURVES,
        signatures=("sha256WithRSAEncryption", *_ECDSA),
        dh_bits=2048,
        lifetime_days=366,
        hsts_min_age_s=_TWO_YEARS_S,
        staple=True,
    )


_MOZILLA_OLD = Profile(
    name="mozilla-old-5.8",
    versions=("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    suites=(*_TLS13, *_EPHEMERAL_GCM, *_EPHEMERAL_CHACHA, *_OLD),
    groups=_MOZILLA_GROUPS,
    keys={"rsa": 2048},
    curves=_CURVES,
    signatures=("sha256WithRSAEncryption",),
    dh_bits=2048,
    lifetime_days=366,
    hsts_min_age_s=_TWO_YEARS_S,
    staple=True,
)

_RFC9325 = Profile(
    name="rfc9325",
    # 3.1.1: TLS 1.2 MUST be supported, 1.3 SHOULD; what is older MUST NOT (RFC 8996).
    versions=("TLSv1.2", "TLSv1.3"),
    # 4.2 recommends ECDHE with AES-GCM. Allowed beside it is what 4.1 and 4.2 neither forbid
    # nor discourage: ECDHE with a certificate and an AEAD of 128 bits or more. CCM_8 is left
    # out: its tag has 64 bits. 4.3 points to RFC 8446 for TLS 1.3.
    suites=(
        *_TLS13,
        "TLS_AES_128_CCM_SHA256",
        *_EPHEMERAL_GCM,
        *_EPHEMERAL_CHACHA,
        "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
        "TLS_ECDHE_ECDSA_WITH_AES_256_CCM",
        "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384",
        "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_GCM_SHA384",
        "TLS_ECDHE_RSA_WITH_CAMELLIA_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_CAMELLIA_256_GCM_SHA384",
    ),
    # 4.5: curves below 224 bits MUST NOT be used, primes have 2,048 bits at least.
    groups=(
        *("x25519", "x448", "secp256r1", "secp384r1", "secp521r1", "secp224r1", "secp256k1"),
        *("brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"),
        *("brainpoolP256r1tls13", "brainpoolP384r1tls13", "brainpoolP512r1tls13"),
        *("ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"),
        *("X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024"),
        *("MLKEM512", "MLKEM768", "MLKEM1024"),
    ),
    keys={"rsa": 2048, "ec": 224, "ed25519": 0, "ed448": 0},
    curves=None,
    signatures=None,
    dh_bits=2048,
    lifetime_days=None,
    hsts_min_age_s=None,
    staple=None,
)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            _modern("5.8"),
            _intermediate("5.8"),
            _MOZILLA_OLD,
            _modern("6.0"),
            _intermediate("6.0"),
            _RFC9325,
        )
    }
)
