"""The profiles name what exists, and contain one another as their books do."""

import pytest

from checks.tls.profiles import PROFILES, Profile
from checks.tls.registry import GROUPS, SUITES, Version

NAMES = {suite.name for suite in SUITES.values()}


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_every_name_is_registered(profile: Profile) -> None:
    """Suites, groups and versions are those of the registry, each named once."""
    assert set(profile.suites) <= NAMES
    assert len(set(profile.suites)) == len(profile.suites) == len(profile.suite_codes)
    assert set(profile.groups) <= set(GROUPS.values())
    assert len(profile.groups) == len(profile.group_codes)
    assert set(profile.versions) <= {version.word for version in Version}


def test_stricter_profiles_are_within_looser_ones() -> None:
    """Modern is within intermediate, intermediate within old and within RFC 9325."""
    modern, middle, old = (
        PROFILES[f"mozilla-{name}-5.8"] for name in ("modern", "intermediate", "old")
    )
    assert modern.suite_codes < middle.suite_codes < old.suite_codes
    assert middle.suite_codes < PROFILES["rfc9325"].suite_codes
    assert set(modern.versions) < set(middle.versions) < set(old.versions)
    assert (len(modern.suites), len(middle.suites), len(old.suites)) == (3, 9, 24)


def test_rfc_9325_allows_only_forward_secrecy_and_aead() -> None:
    """No allowed suite lacks ephemeral keys, an AEAD, or a certificate."""
    for code in PROFILES["rfc9325"].suite_codes:
        suite = SUITES[code]
        assert suite.exchange in ("ECDHE", "TLS13")
        assert suite.mac == "AEAD"
        assert suite.authentication in ("RSA", "ECDSA", "any")
        assert not suite.name.endswith("CCM_8")


def test_rfc_9325_leaves_out_no_suite_that_it_does_not_forbid() -> None:
    """Every registered ECDHE suite with a certificate and a full AEAD is allowed."""
    allowed = PROFILES["rfc9325"].suite_codes
    for code, suite in SUITES.items():
        if suite.exchange == "ECDHE" and suite.mac == "AEAD" and suite.authentication != "PSK":
            assert (code in allowed) == (
                not suite.cipher.endswith("CCM_8") and not suite.name.endswith("_OLD")
            ), suite
