"""The pruning's own process: finds out, archives, verifies, and asks the daemon to remove.

Started by the calendar alone, with a ticket on its standard input that the daemon believes. It
prunes what is older than the retention AND lies before the end of what issued reports cover
without a gap; a log without reports keeps everything.
"""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from monitor.clock import SystemClock
from monitor.config.configuration import Agent
from monitor.config.loader import load
from monitor.daemon.control import ask
from monitor.exported import ExportedLog
from monitor.ledger.entry import PRUNING_STEP
from monitor.ledger.files import create_durably
from monitor.ledger.keys import read_vkeys
from monitor.store.errors import StoreError
from monitor.store.export import export
from monitor.store.pruning import (
    Pruning,
    boundary_before,
    prepare,
    reported_until,
)
from monitor.verify import verify

MOST_ENTRIES = 800 * PRUNING_STEP
"""Removed at once, so that the daemon's writer is held up for seconds at most."""
DONE, MORE, YOUNG, UNREPORTED, UNARCHIVED = 0, 10, 11, 12, 13
"""Exit codes. MORE: done, and as much again is old enough."""
_PATIENCE_S = 900.0
_PREPARED = ".pruning-"


def main() -> int:
    """Prune once; the exit code."""
    directory, archive = Path(sys.argv[1]), Path(sys.argv[2])
    ticket = sys.stdin.readline().strip()
    agent = load(directory, datetime.now(UTC).date()).agent
    url = agent.store_url()
    reported_us = reported_until(url)
    if reported_us is None:
        return UNREPORTED
    before_us = min(SystemClock().wall_us() - agent.retention_us, reported_us)
    pruning = boundary_before(url, before_us, MOST_ENTRIES)
    if pruning.boundary == pruning.begin:
        return YOUNG
    if not _archived(agent, archive, pruning):
        return UNARCHIVED
    for left in agent.state.glob(f"{_PREPARED}*"):  # by one that was killed; there is one at a time
        left.unlink(missing_ok=True)
    prepared = agent.state / f"{_PREPARED}{os.getpid()}"
    try:
        create_durably(prepared, prepare(url, pruning).to_bytes(), 0o600)
        ask(agent.control, "prune", _PATIENCE_S, ticket=ticket, file=str(prepared))
    finally:
        prepared.unlink(missing_ok=True)
    return MORE if pruning.boundary - pruning.begin >= MOST_ENTRIES else DONE


def _archived(agent: Agent, archive: Path, pruning: Pruning) -> bool:
    """The log up to the first checkpoint beyond the boundary, written and verified.

    One that an earlier attempt has left serves again, if it is good; another is not touched.
    """
    archive.mkdir(parents=True, exist_ok=True)
    name, number = f"{pruning.begin}-{pruning.boundary}", 1
    folder = archive / name
    while folder.exists():
        if _good(agent, folder, pruning):
            return True
        number += 1
        folder = archive / f"{name}.{number}"
    export(agent.store_url(), folder, least=pruning.boundary)
    return _good(agent, folder, pruning)


def _good(agent: Agent, folder: Path, pruning: Pruning) -> bool:
    """Whether an archive holds what is to be removed, as it was signed."""
    keys = [one for one in read_vkeys(agent.trusted_key) if one.name == agent.origin]
    with ExportedLog(folder) as source:
        proof = verify(source, keys)
    begin = proof.pruned
    if proof.verdict in ("intact", "incomplete") and begin <= pruning.begin:
        return proof.size >= pruning.boundary
    print("\n".join(proof.sentences("en")), file=sys.stderr)
    return False


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StoreError as error:
        sys.exit(f"{error.code} {error.values}")
