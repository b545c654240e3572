"""A place whose key is to be rotated, and how its log is judged afterwards."""

import sqlite3
from pathlib import Path
from typing import Any

from monitor.ledger.checkpoint import open_by_any
from monitor.ledger.files import read_bounded
from monitor.ledger.keys import create_key, read_vkeys, write_vkeys
from monitor.ledger.note import MAX_NOTE_BYTES
from monitor.ledger.signer import Signer, Verifier
from monitor.proof import Proof
from monitor.source import Anchored
from monitor.store.pinned import PinnedDatabase
from monitor.verify import verify
from tests.daemon.place import ORIGIN, Place

FIRST = {"private": {"secret": "file:secrets/log.key"}}


def name_next(place: Place, name: str = "next.key", *, trusted: bool = True) -> Verifier:
    """A second key, named in agent.yaml as the next one."""
    secrets = place.configuration / "secrets"
    key = create_key(secrets / name, unencrypted_at_rest=True)
    verifier = Signer(name=ORIGIN, key=key).verifier
    place.agent["key"] = {**FIRST, "next": {"private": {"secret": f"file:secrets/{name}"}}}
    place.write()
    if trusted:
        trust(place, verifier)
    return verifier


def trust(place: Place, verifier: Verifier) -> None:
    """Add it to the pinned keys."""
    path = trusted_at(place)
    write_vkeys(path, [*read_vkeys(path), verifier])


def trusted_at(place: Place) -> Path:
    """The file of pinned keys."""
    return place.configuration / "trust" / "log.vkey"


def judged(place: Place) -> Proof:
    """What an auditor finds with every pinned key and the mark."""
    note = read_bounded(place.mark, MAX_NOTE_BYTES)
    with PinnedDatabase(place.url) as database:
        anchors = [Anchored(place=str(place.mark), note=note)]
        return verify(database, read_vkeys(trusted_at(place)), anchors)


def signer_of_mark(place: Place) -> tuple[int, Verifier]:
    """(size, key) of the newest checkpoint that left the process."""
    note = read_bounded(place.mark, MAX_NOTE_BYTES)
    head, by = open_by_any(note, read_vkeys(trusted_at(place)))
    return head.size, by[0]


def checkpoints(place: Place) -> list[tuple[int, Verifier]]:
    """(size, key) of every kept checkpoint."""
    connection = sqlite3.connect(place.state / "ledger.db")
    rows: list[Any] = connection.execute("SELECT size, note FROM checkpoint").fetchall()
    connection.close()
    keys = read_vkeys(trusted_at(place))
    return [(size, open_by_any(note, keys)[1][0]) for size, note in rows]
