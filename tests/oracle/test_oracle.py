"""An export judged by a program that is not ours: Go's note and tlog packages."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from monitor.ledger.checkpoint import open_checkpoint
from monitor.store.export import export
from monitor.store.prove import prove
from tests.lab.parts import missing, require
from tests.store.building import KEY, OTHER_KEY, anchored, append, ledger_at, rich

ROOT = Path(__file__).parents[2]
GOPATH = Path("/usr/share/gocode")


@pytest.fixture(scope="module")
def checklog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checker, and that of proofs beside it, built offline from Debian's packages."""
    require("go")
    if not (GOPATH / "src/golang.org/x/mod/sumdb/tlog").is_dir():
        missing("golang-golang-x-mod-dev")
    folder = tmp_path_factory.mktemp("go")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GOPATH": str(GOPATH),
        "GOCACHE": str(ROOT / "build" / "go"),  # by content: compiles Go's library only once
        "GO111MODULE": "off",
        "GOFLAGS": "-trimpath",
        "CGO_ENABLED": "0",
    }
    sources = (
        ROOT / "monitor" / "report" / "checklog.go",
        Path(__file__).with_name("checkproof.go"),
    )
    for source in sources:
        command = ["go", "build", "-o", str(folder / source.stem), str(source)]
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


def test_go_finds_our_proofs_good_and_altered_ones_wrong(
    checklog: Path, log: Path, tmp_path: Path
) -> None:
    """First, last and middle entry; then another entry's bytes and a flipped hash."""
    url = f"sqlite:///{log.parent}/l.db"
    note = (log / "checkpoint").read_bytes()
    head = open_checkpoint(note, KEY.verifier)
    place, entry = tmp_path / "e.tlog-proof", tmp_path / "e.entry"

    def judged() -> str:
        command: list[str | Path] = [
            checklog.with_name("checkproof"),
            place,
            entry,
            KEY.verifier.vkey,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout

    for index in (0, 411, 799):
        proof, raw = prove(url, index, head, note)
        place.write_bytes(proof.to_bytes())
        entry.write_bytes(raw)
        assert judged() == f"good: {index}\n"
    entry.write_bytes(raw + b"\0")
    assert judged().startswith("wrong:")
    entry.write_bytes(raw)
    flipped = bytes([proof.hashes[0][0] ^ 1]) + proof.hashes[0][1:]
    place.write_bytes(replace(proof, hashes=(flipped, *proof.hashes[1:])).to_bytes())
    assert judged().startswith("wrong:")
