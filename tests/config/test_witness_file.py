"""The file of a witness: read whole, or every problem of it."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.config.problem import ConfigurationError
from monitor.config.witness import LISTEN, load_witness
from monitor.ledger.signer import Cosigner, Signer
from monitor.text import LANGUAGES

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
LOG = Signer(name="agent.example/log", key=KEY).verifier
WITNESS = Cosigner(name="witness.example", key=KEY, time=0).verifier
GOOD = f"""name: witness.example
key: {{private: {{secret: "file:witness.key"}}}}
logs: ["{LOG.vkey}"]
"""


def test_a_witness_is_read_with_its_defaults(tmp_path: Path) -> None:
    """Loopback unless it says else; the key's name is the log's origin."""
    file = tmp_path / "w.yaml"
    file.write_text(GOOD)
    read = load_witness(file)
    assert (read.logs, read.entry.listen) == ({LOG.name: LOG}, LISTEN)
    assert read.address == ("127.0.0.1", 8950)
    file.write_text(GOOD + 'listen: "[::1]:1"\n')
    assert load_witness(file).address == ("::1", 1)


@pytest.mark.parametrize(
    ("text", "place", "english", "indonesian"),
    [
        ("", "1:1", "missing", "tidak ada"),
        (GOOD + "listen: localhost:80", "4:9", "not an address and a port", "bukan alamat"),
        (GOOD + "listen: '127.0.0.1:99999'", "4:9", "not an address", "bukan alamat"),
        (GOOD + "listen: '::1:80'", "4:9", "not an address", "bukan alamat"),
        (GOOD + "state: here", "4:8", "relative path", "jalur relatif"),
        (GOOD + "log: []", "4:1", 'did you mean "logs"', "apakah maksudnya"),
        (GOOD.replace(LOG.vkey, WITNESS.vkey), "3:8", "key of a witness", "kunci saksi"),
        (GOOD.replace(LOG.vkey, "x"), "3:8", "not a verifier key", "bukan kunci verifikasi"),
        (GOOD.replace("]", f', "{LOG.vkey}"]'), "3:", "is here already", "sudah ada"),
        (GOOD.partition("logs")[0] + "logs: []", "3:7", "must not be empty", "tidak boleh kosong"),
    ],
)
def test_each_mistake_has_its_place_and_words(
    tmp_path: Path, text: str, place: str, english: str, indonesian: str
) -> None:
    """In both languages, with file, line and column."""
    file = tmp_path / "w.yaml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as found:
        load_witness(file)
    for lang, wanted in zip(LANGUAGES, (english, indonesian), strict=True):
        said = [one.sentence(lang) for one in found.value.problems]
        assert any(wanted in one and f"w.yaml:{place}" in one for one in said), said


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With its path."""
    with pytest.raises(ConfigurationError, match=r"none\.yaml"):
        load_witness(tmp_path / "none.yaml")
