"""One entry of a database with the hashes that lead to a signed root. The writer may go on."""

from monitor.ledger import log_proof
from monitor.ledger.checkpoint import Checkpoint
from monitor.ledger.errors import ProofError
from monitor.ledger.log_proof import LogProof
from monitor.ledger.tiles import hash_reader
from monitor.store import reader
from monitor.store.connect import place_of
from monitor.store.errors import StoreError
from monitor.store.glance import reading


def prove(url: str, index: int, head: Checkpoint, note: bytes) -> tuple[LogProof, bytes]:
    """(proof, the entry's bytes) under a checkpoint that the caller has verified.

    StoreError where the database has not reached it, or no longer has the entry; ProofError or
    TileError where what is stored does not lead to its root: nothing false is handed out.
    """
    with reading(url) as connection:
        origin, size, _ = reader.tree_state(connection) or ("", 0, b"")
        if origin != head.origin:
            raise StoreError("store.origin", there=origin, here=head.origin)
        if head.size > size:
            raise StoreError("store.prove-ahead", signed=head.size, size=size)
        if not 0 <= index < head.size:
            raise ProofError("ledger.index-outside", index=index, size=head.size)
        found = next(reader.read_entries(connection, index, index + 1), None)
        if found is None:
            raise StoreError("store.entry-missing", place=place_of(url), index=index)
        read = hash_reader(lambda level, at: reader.read_tile(connection, level, at))
        return log_proof.prove(index, found[1], head, note, read), found[1]
