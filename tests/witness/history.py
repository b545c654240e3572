"""A log for witnesses: one history, and others that leave it at some size."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.merkle import EMPTY_ROOT, Frontier, HashReader, consistency_proof, leaf_hash
from monitor.ledger.signer import Signer
from monitor.ledger.tiles import TileTree, hash_reader
from monitor.ledger.witness import Submission

ORIGIN = "agent.example/log"
LOG = Signer(name=ORIGIN, key=Ed25519PrivateKey.from_private_bytes(b"l" * 32))
MOST = 300


def history(forked_at: int = MOST, leaves: int = MOST) -> HashReader:
    """The nodes of a log whose leaves are its own from `forked_at` on."""
    hashes = [leaf_hash(f"{n} {n >= forked_at}".encode()) for n in range(leaves)]
    _, tiles = TileTree().append(hashes)
    stored = {(tile.level, tile.index): tile.hashes for tile in tiles}
    return hash_reader(lambda level, index: stored.get((level, index), b""))


def head(read: HashReader, size: int, signer: Signer = LOG) -> Checkpoint:
    """The log at a size."""
    root = Frontier.at(size, read).root() if size else EMPTY_ROOT
    return Checkpoint(origin=signer.verifier.name, size=size, root=root)


def submission(read: HashReader, old: int, size: int, signer: Signer = LOG) -> bytes:
    """What the holder of the log's key hands in."""
    proof = consistency_proof(old, size, read) if 0 < old <= size else ()
    note = sign_checkpoint(head(read, size, signer), signer)
    return Submission(old=old, proof=proof, note=note).to_bytes()
