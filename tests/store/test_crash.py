"""kill -9 at random moments: what was acknowledged is there, without a gap, and verifies."""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from monitor.ledger.entry import read_record
from monitor.source import Anchored
from monitor.store import reader
from monitor.store.connect import open_engine
from monitor.store.pinned import PinnedDatabase
from monitor.verify import verify
from tests.store.building import KEY, ledger_at

KILLS = int(os.environ.get("SASANDO_KILLS", "8"))
CHILD = """
import os, sys
from pathlib import Path
from monitor.ledger.entry import LossCounted
from monitor.store import ledger as module
from tests.store.building import ledger_at
module.SNAPSHOT_EVERY = 50
with ledger_at(sys.argv[1], Path(sys.argv[2])) as ledger:
    for number in range(100_000):
        entries = [
            LossCounted(since_us=ledger.size, until_us=number, counts={"late": n}).to_bytes()
            for n in range(1 + number % 3)
        ]
        done = ledger.append(module.Commit(entries=entries, at_us=number * 60_000_000))
        os.write(1, f"{done.first} {done.size} {done.unsigned or 'signed'}\\n".encode())
"""


def _killed_after(url: str, mark: Path, lines: int, chance: random.Random) -> list[list[str]]:
    """The acknowledgements of a writer that is killed soon after its `lines`-th one."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, url, str(mark)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    told = [child.stdout.readline() for _ in range(lines)]
    spin = chance.randrange(30_000)
    for _ in range(spin):  # a moment in the middle of a commit, not a measured time
        pass
    os.kill(child.pid, signal.SIGKILL)
    told += child.stdout.readlines()
    child.wait(60)
    return [line.decode().split() for line in told if line.endswith(b"\n")]


def test_nothing_acknowledged_is_lost(url: str, mark: Path) -> None:
    """Twenty kills of a writer in a tight loop: no gap, no loss, and `verify` finds it intact."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    size = 0
    for _ in range(KILLS):
        told = _killed_after(url, mark, chance.randrange(1, 25), chance)
        assert all(line[2] == "signed" for line in told)
        assert int(told[0][0]) >= size, "a new start begins where the last one ended"
        size = int(told[-1][1])
    with ledger_at(url, mark) as ledger:
        assert ledger.size >= size
        total = ledger.size
    with open_engine(url, read_only=True).connect() as connection:
        entries = list(reader.read_entries(connection, 0, total))
    assert [index for index, _ in entries] == list(range(total))
    assert all(read_record(raw).since_us <= index for index, raw in entries)  # type: ignore[attr-defined]
    with PinnedDatabase(url) as source:
        anchors = [Anchored(place="mark", note=mark.read_bytes())]
        assert verify(source, KEY.verifier, anchors).verdict == "intact"
