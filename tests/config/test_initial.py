"""What `sasando init` writes."""

import re
import stat
from datetime import date
from pathlib import Path

import pytest

from monitor.config import initial
from monitor.config.city import HOTSPOTS, KELURAHAN
from monitor.config.configuration import FileKey
from monitor.config.initial import InitialFailure, write_initial
from monitor.config.loader import load
from monitor.ledger.errors import KeyFileError
from monitor.ledger.keys import load_key, read_vkeys
from monitor.ledger.signer import Signer
from monitor.model import Kind
from monitor.secret import Secret
from policies.bundled import pack_names


def test_it_is_valid_and_probes_nothing(tmp_path: Path) -> None:
    """It loads; the only series is the agent's own host."""
    write_initial(tmp_path / "new")
    configuration = load(tmp_path / "new", date(2026, 11, 23))
    assert [(a.target, a.check) for a in configuration.assignments] == [("agent", "host")]
    assert not any(plan.source.enabled for plan in configuration.routes.values())
    assert set(configuration.routes) == {"telegram", "email"}


def test_it_names_every_bundled_pack(tmp_path: Path) -> None:
    """Whoever reads agent.yaml learns of each pack, also of those that wait for a check."""
    write_initial(tmp_path / "new")
    text = (tmp_path / "new/agent.yaml").read_text(encoding="utf-8")
    words = set(re.findall(r"[a-z][a-z0-9]*(?:[-.][a-z0-9]+)*", text))
    assert set(pack_names()) <= words


def test_it_holds_the_whole_city(tmp_path: Path) -> None:
    """6 kecamatan, 51 kelurahan, the data centre, and 10 hotspots under one SSID."""
    assert (len(KELURAHAN), sum(map(len, KELURAHAN.values())), len(HOTSPOTS)) == (6, 51, 10)
    write_initial(tmp_path / "new")
    targets = load(tmp_path / "new", date(2026, 11, 23)).targets.values()
    assert sum(target.kind is Kind.SITE for target in targets) == 1 + 6 + 51
    assert sum(target.kind is Kind.HOTSPOT for target in targets) == 10
    text = (tmp_path / "new/inventory/hotspots.yaml").read_text()
    assert text.count("ssid: KUPANG SMART CITY") == 10


def test_its_key_opens_with_its_passphrase_and_is_the_trusted_one(tmp_path: Path) -> None:
    """The pair fits, the private half is encrypted, and only its owner can read it."""
    vkey = write_initial(tmp_path / "new")
    agent = load(tmp_path / "new", date(2026, 11, 23)).agent
    assert isinstance(agent.key, FileKey)
    assert isinstance(agent.key.passphrase, Secret)
    path = tmp_path / "new/secrets/log.key"
    key = load_key(path, agent.key.passphrase.reveal().encode())
    (verifier,) = read_vkeys(agent.trusted_key)
    assert Signer(name=agent.origin, key=key).verifier == verifier
    assert verifier.vkey == vkey
    assert b"ENCRYPTED" in path.read_bytes()
    with pytest.raises(KeyFileError):
        load_key(path, b"another")


def test_what_is_secret_is_closed(tmp_path: Path) -> None:
    """The folder of secrets is its owner's alone; the rest may be read."""
    write_initial(tmp_path / "new")
    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "new").rglob("*")}
    secrets = tmp_path / "new/secrets"
    assert modes[secrets] == 0o700
    assert {mode for path, mode in modes.items() if path.parent == secrets} == {0o600}
    assert modes[tmp_path / "new/agent.yaml"] == 0o644


def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    """A directory that somebody made for it is used."""
    (tmp_path / "new").mkdir()
    write_initial(tmp_path / "new")
    assert (tmp_path / "new/agent.yaml").exists()


def test_a_directory_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    """Nothing is overwritten, nothing added."""
    (tmp_path / "new").mkdir()
    (tmp_path / "new/mine").write_text("x")
    with pytest.raises(InitialFailure) as caught:
        write_initial(tmp_path / "new")
    assert caught.value.key == "init-not-empty"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the last step fails there is neither the directory nor half of it."""

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(initial, "write_vkeys", full)
    with pytest.raises(InitialFailure) as caught:
        write_initial(tmp_path / "new")
    assert "No space left on device" in caught.value.sentence("en")
    assert list(tmp_path.iterdir()) == []


def test_only_documentation_addresses_are_written(tmp_path: Path) -> None:
    """No address of a real network is invented."""
    import re

    write_initial(tmp_path / "new")
    for path in (tmp_path / "new").rglob("*.yaml"):
        for address in re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", path.read_text()):
            assert address.startswith(("192.0.2.", "198.51.100.", "203.0.113.")), address
