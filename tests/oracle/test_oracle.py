"""An export judged by a program that is not ours: Go's note and tlog packages."""

import base64
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.ledger.checkpoint import open_checkpoint
from monitor.ledger.signer import Cosigner
from monitor.store.export import export
from monitor.store.prove import prove as prove_entry
from monitor.store.pruning import Pruning, prune
from tests.lab.parts import missing, require
from tests.store.building import (
    KEY,
    OTHER_KEY,
    START_US,
    WITNESS,
    anchored,
    append,
    cosigned,
    ledger_at,
    rich,
)

ROOT = Path(__file__).parents[2]
GOPATH = Path("/usr/share/gocode")
COSIGNED_S = 1_790_003_600
THIRD_WITNESS = Cosigner(
    name="witness.example", key=Ed25519PrivateKey.from_private_bytes(b"t" * 32), time=0
).verifier.vkey


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
        Path(__file__).with_name("checkcosignature.go"),
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
        ledger.offer(cosigned(ledger, COSIGNED_S))
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


def test_go_finds_what_is_left_of_a_pruned_log_good(checklog: Path, tmp_path: Path) -> None:
    """From the boundary on; a boundary inside a tile, or one that leaves too much out, is not."""
    url = f"sqlite:///{tmp_path}/l.db"
    with ledger_at(url, tmp_path / "mark") as ledger:
        rich(ledger)
        append(ledger, *(anchored(why=str(n)) for n in range(600 - ledger.size)))
        prune(ledger, Pruning(begin=0, boundary=512, before_us=0), "ayu", "", START_US)
        export(url, tmp_path / "log", note=ledger.note)
        size = ledger.size
    assert said(checklog, tmp_path / "log", KEY.verifier.vkey) == (
        f"good: {size}, from entry 512 on\n"
    )
    for claim in ("256 600\n", "500 600\n", "-256 600\n", "x\n", "999936 600\n"):
        (tmp_path / "log" / "pruned").write_text(claim)
        assert said(checklog, tmp_path / "log", KEY.verifier.vkey).startswith("wrong:"), claim


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
        proof, raw = prove_entry(url, index, head, note)
        place.write_bytes(proof.to_bytes())
        entry.write_bytes(raw)
        assert judged() == f"good: {index}\n"
    entry.write_bytes(raw + b"\0")
    assert judged().startswith("wrong:")
    entry.write_bytes(raw)
    flipped = bytes([proof.hashes[0][0] ^ 1]) + proof.hashes[0][1:]
    place.write_bytes(replace(proof, hashes=(flipped, *proof.hashes[1:])).to_bytes())
    assert judged().startswith("wrong:")


def test_go_finds_our_cosignatures_good_and_altered_ones_wrong(
    checklog: Path, log: Path, tmp_path: Path
) -> None:
    """Both signatures, and the witness's time; then another time, another text, another witness."""
    note = (log / "cosigned" / "0").read_bytes()
    place = tmp_path / "cosigned"

    def judged(content: bytes, witness: str = WITNESS.vkey) -> str:
        place.write_bytes(content)
        command = [checklog.with_name("checkcosignature"), place, KEY.verifier.vkey, witness]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        return done.stdout

    assert judged(note) == f"good: {COSIGNED_S}\n"
    *head, line = note.splitlines()
    name, _, payload = line.rpartition(b" ")
    raw = bytearray(base64.b64decode(payload))
    for at in (4, 11, 12, len(raw) - 1):  # the time's first and last byte, the signature's
        raw[at] ^= 1
        assert judged(b"\n".join([*head, name + b" " + base64.b64encode(raw), b""])) == (
            f"wrong: invalid signature for key witness.example+{WITNESS.key_id.hex()}\n"
        )
        raw[at] ^= 1
    other = note.replace(b"\n" + head[1] + b"\n", b"\n799\n", 1)
    assert judged(other).startswith("wrong:")
    assert judged(note, THIRD_WITNESS).startswith("wrong: 1 of 2")
