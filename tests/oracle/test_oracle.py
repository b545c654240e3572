"""An export judged by a program that is not ours: Go's note and tlog packages."""

import os
import subprocess
from pathlib import Path

import pytest

from monitor.store.export import export
from tests.lab.parts import missing, require
from tests.store.building import KEY, OTHER_KEY, anchored, append, ledger_at, rich

GOPATH = Path("/usr/share/gocode")


@pytest.fixture(scope="module")
def checklog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checker, built offline from Debian's packages."""
    require("go")
    if not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        missing("golang-golang-x-mod-dev")
    folder = tmp_path_factory.mktemp("go")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GOPATH": str(GOPATH),
        "GOCACHE": str(folder / "cache"),
        "GO111MODULE": "off",
        "GOFLAGS": "-trimpath",
        "CGO_ENABLED": "0",
    }
    source = Path(__file__).parents[2] / "monitor" / "report" / "checklog.go"
    command = ["go", "build", "-o", str(folder / "checklog"), str(source)]
    subprocess.run(command, env=environment, check=True, timeout=110)
    return folder / "checklog"


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of 800 entries."""
    place = tmp_path_factory.mktemp("log")
    with ledger_at(f"sqlite:///{place}/l.db", place / "mark") as ledger:
        rich(ledger)
        append(ledger, *(anchored(why=str(n)) for n in range(800 - ledger.size)))
    export(f"sqlite:///{place}/l.db", place / "log")
    return place / "log"


def said(checklog: Path, log: Path, vkey: str) -> str:
    """The checker's one line."""
    done = subprocess.run(
        [checklog, log, vkey], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout


def test_go_finds_our_export_good(checklog: Path, log: Path) -> None:
    """Signature, every tile, and inclusion proofs."""
    assert said(checklog, log, KEY.verifier.vkey) == "good: 800\n"


def test_go_finds_another_key_and_a_flipped_byte_wrong(checklog: Path, log: Path) -> None:
    """The oracle can say no."""
    assert said(checklog, log, OTHER_KEY.verifier.vkey).startswith("wrong:")
    for name in ("tile/0/001", "tile/1/000.p/3", "tile/entries/002", "checkpoint"):
        whole = (log / name).read_bytes()
        (log / name).write_bytes(whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:])
        assert said(checklog, log, KEY.verifier.vkey).startswith("wrong:"), name
        (log / name).write_bytes(whole)
