"""What is tampered with: honest logs of every shape."""

from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.ledger.entry import KeyRotated, LogOpened, LossCounted
from monitor.ledger.signer import Signer
from monitor.report.bundle import write_bundle
from monitor.report.oscal import OSCAL_JSON, to_oscal
from monitor.report.rows import to_csv
from monitor.report.shown import to_bytes
from monitor.store.export import export
from monitor.store.ledger import Commit, Ledger
from monitor.store.pruning import Pruning, prune
from tests.report.scene import DOWN, Scene, ping
from tests.store.building import (
    KEY,
    ORIGIN,
    START_US,
    anchored,
    append,
    batch,
    begin,
    cosigned,
    ledger_at,
    observation,
    rich,
)

NEXT_KEY = Signer(name=ORIGIN, key=Ed25519PrivateKey.from_private_bytes(b"n" * 32))
LATER = "agent.example/log2"
LATER_KEY = Signer(name=LATER, key=Ed25519PrivateKey.from_private_bytes(b"l" * 32))


def _witnessed(ledger: Ledger, rounds: int) -> None:
    """A rich log with three cosignatures."""
    rich(ledger, rounds)
    for hour in range(3):
        ledger.offer(cosigned(ledger, START_US // 1_000_000 + hour * 3_600))
        append(ledger, lost(hour))


def _full(folder: Path, to: int) -> None:
    """Filled up so that there are tiles of tiles; cosigned once more."""
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        _witnessed(ledger, 12)
        fill(ledger, to)
        ledger.offer(cosigned(ledger, START_US // 1_000_000 + 4 * 3_600))
        append(ledger, lost(to))


def lost(number: int) -> bytes:
    """An entry that derives nothing."""
    return LossCounted(since_us=number, until_us=number + 1, counts={"late": 1}).to_bytes()


def fill(ledger: Ledger, to: int) -> None:
    """Entries up to a size, now and then with an observation, in commits of 64."""
    while ledger.size < to:
        entries = []
        for number in range(ledger.size, min(to, ledger.size + 64)):
            at_ms = 400 * 3_600_000 + number * 60_000
            rows = [observation(n, at_ms, judgement=number // 64 % 2) for n in range(3)]
            entries.append(batch(rows) if number % 16 == 0 else lost(number))
        append(ledger, *entries)


def make_small(folder: Path) -> None:
    """Every derived table with several rows, and one tile."""
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        _witnessed(ledger, 40)


def make_database(folder: Path) -> None:
    """300 entries and their high-water mark."""
    _full(folder, 299)


def make_export(folder: Path) -> None:
    """The same log as files."""
    _full(folder, 299)
    export(f"sqlite:///{folder}/ledger.db", folder / "log", note=(folder / "mark").read_bytes())


def make_pruned(folder: Path) -> None:
    """A log pruned below 256, with the archive of what was pruned."""
    _full(folder, 280)
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        export(ledger.url, folder / "archive", note=ledger.note)
        plan = Pruning(begin=0, boundary=256, before_us=START_US)
        prune(ledger, plan, "ayu", "retention", START_US)
        fill(ledger, 310)


def make_rotated(folder: Path) -> None:
    """A log whose key was handed over."""
    url, mark = f"sqlite:///{folder}/ledger.db", folder / "mark"
    with ledger_at(url, mark) as ledger:
        rich(ledger, rounds=4)
        told = KeyRotated(
            previous=KEY.verifier.vkey,
            next=NEXT_KEY.verifier.vkey,
            author="ayu",
            reason="yearly",
            at_us=START_US,
        )
        append(ledger, told.to_bytes())
    with ledger_at(url, mark, NEXT_KEY) as ledger:
        append(ledger, anchored(why="new key"))
        append(ledger, anchored(why="goes on"))


def make_chain(folder: Path) -> None:
    """A log, and the one that succeeds it."""
    with ledger_at(f"sqlite:///{folder}/ledger.db", folder / "mark") as ledger:
        begin(ledger)
    previous = (folder / "mark").read_text()
    first = LogOpened(origin=LATER, vantage="kupang", opened_us=START_US, previous=previous)
    with ledger_at(f"sqlite:///{folder}/later.db", folder / "later", LATER_KEY) as ledger:
        append(ledger, first.to_bytes())
        append(ledger, anchored())


def make_bundle(folder: Path) -> None:
    """The report of a month of which the first days are seen, as the command packs it."""
    scene = Scene()
    scene.begin()
    scene.series(0, "balai-fo", "icmp", "availability/link-answers", "loss/loss-5")
    scene.observe([ping(0, step, up=step not in DOWN) for step in range(DOWN.stop + 60)])
    url = f"sqlite:///{folder}/ledger.db"
    with ledger_at(url, folder / "mark") as ledger:
        ledger.append(Commit(entries=scene.entries, records=scene.records, at_us=START_US))
    export(url, folder / "log", note=(folder / "mark").read_bytes())
    report = scene.report()
    files = {"report.json": to_bytes(report), OSCAL_JSON: to_oscal(report), **to_csv(report)}
    whole = {f"report/{name}": content for name, content in files.items()}
    whole["accounting.json"] = report.accounting.to_bytes()
    whole["keys/log.vkey"] = f"{KEY.verifier.vkey}\n".encode()
    write_bundle(folder / "bundle.zip", whole, folder / "log")


MAKERS: dict[str, Callable[[Path], None]] = {
    "database": make_database,
    "export": make_export,
    "pruned": make_pruned,
    "rotated": make_rotated,
    "chain": make_chain,
    "bundle": make_bundle,
}
