"""The end of a demo: its ledger, verified like anybody's, against the key beside the configuration
and the high-water mark.
"""

from monitor.demo.town import Places
from monitor.derive import read_entry
from monitor.ledger import anchor
from monitor.ledger.batch import Batch
from monitor.ledger.keys import read_vkeys
from monitor.proof import Proof
from monitor.source import Anchored
from monitor.store import reader
from monitor.store.connect import open_engine
from monitor.store.pinned import PinnedDatabase
from monitor.verify import verify


def prove(places: Places) -> Proof:
    """Recompute everything; StoreError or LedgerError where nothing can be read."""
    verifier, *_ = read_vkeys(places.config / "trust" / "log.vkey")
    note = anchor.read(places.mark)
    marks = [] if note is None else [Anchored(place=str(places.mark), note=note)]
    with PinnedDatabase(url_of(places)) as source:
        return verify(source, verifier, marks)


def observations(places: Places) -> int:
    """How many observations the ledger holds."""
    engine = open_engine(url_of(places), read_only=True)
    try:
        with engine.connect() as connection:
            listed = reader.read_entries(connection, 0, reader.MAX_BIGINT)
            entries = (read_entry(raw) for _, raw in listed)
            return sum(entry.rows() for entry in entries if isinstance(entry, Batch))
    finally:
        engine.dispose()


def url_of(places: Places) -> str:
    """The database's URL."""
    return f"sqlite:///{places.state / 'ledger.db'}"
