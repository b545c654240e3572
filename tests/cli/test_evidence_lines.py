"""Evidence on a terminal."""

from monitor.cli.evidence_lines import WIDTH, lines_of


def test_a_long_list_goes_on_below_itself() -> None:
    """No line is wider than a terminal, and every item is shown whole."""
    suites = [f"TLS_ECDHE_RSA_WITH_CIPHER_{number}_SHA256" for number in range(12)]
    lines = list(lines_of({"cipher_suites": {"TLSv1.2": suites}, "outcome": "ok"}))
    assert lines[0].startswith("  cipher_suites.TLSv1.2  TLS_ECDHE")
    assert all(len(line) <= WIDTH for line in lines)
    assert all(any(suite in line for line in lines) for suite in suites)
    assert lines[-1].split() == ["outcome", "ok"]


def test_each_certificate_has_a_line_of_its_own() -> None:
    """A list of tables is one line for each, without the fingerprint."""
    chain = [{"subject": "CN=leaf", "sha256": "ab" * 32}, {"subject": "CN=root"}]
    lines = list(lines_of({"chain": chain, "names": [], "silent": ["a", ""]}))
    assert [line.split(maxsplit=1)[-1].strip() for line in lines[:2]] == [
        "subject CN=leaf",
        "CN=root",
    ]
    assert "ab" not in "".join(lines)
    assert lines[2].split() == ["names", "–"]
    assert lines[3].split(maxsplit=1)[1] == "a, –"
