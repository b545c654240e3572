"""The log that Tessera wrote, written again by our code."""

import base64
import json
from pathlib import Path

from monitor.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from monitor.ledger.merkle import leaf_hash
from monitor.ledger.signer import Signer, Verifier
from monitor.ledger.tiles import TilePath, TileTree, decode_bundle, encode_bundle

LOG = json.loads(
    (Path(__file__).parents[1] / "vectors" / "tessera-log.json").read_text(encoding="utf-8")
)
FILES = {file["path"]: base64.b64decode(file["base64"]) for file in LOG["files"]}
ENTRIES = [entry.encode() for entry in LOG["entries"]]


def test_the_same_files() -> None:
    """Entry by entry, our tiles and bundles are Tessera's, byte for byte and path for path."""
    tree, written = TileTree(), dict[str, bytes]()
    for size, entry in enumerate(ENTRIES, start=1):
        tree, changed = tree.append([leaf_hash(entry)])
        written |= {str(tile.path): tile.hashes for tile in changed}
        bundle = TilePath(level=None, index=0, width=size)
        written[str(bundle)] = encode_bundle(ENTRIES[:size])
    assert written == FILES


def test_the_same_checkpoints() -> None:
    """Entry by entry, our signed checkpoints are Tessera's, byte for byte."""
    signer, tree = Signer.parse(LOG["signing_key"]), TileTree()
    for size, published in enumerate(LOG["checkpoints"]):
        checkpoint = Checkpoint(origin=signer.name, size=size, root=tree.root())
        assert sign_checkpoint(checkpoint, signer) == published.encode()
        assert open_checkpoint(published.encode(), Verifier.parse(LOG["vkey"])) == checkpoint
        if size < len(ENTRIES):
            tree, _ = tree.append([leaf_hash(ENTRIES[size])])
    assert base64.b64encode(tree.root()) == b"rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs="


def test_the_same_entries() -> None:
    """Tessera's last bundle is read as the fifteen entries."""
    assert decode_bundle(FILES["tile/entries/000.p/15"], 15) == tuple(ENTRIES)
