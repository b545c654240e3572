"""`sasando verify --rejudge`: the texts that a log names made into what judged by them."""

import re
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monitor.daemon.rejudge import Judges
    from monitor.ledger.entry import ConfigurationInForce
    from monitor.proof import Proof
    from monitor.source import Source

_NAME = re.compile(r"(?:(inventory|policies|packs)/)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}\.ya?ml")


def judge_again(source: "Source", proof: "Proof", progress: Callable[[int, int], None]) -> None:
    """Add to an intact proof what its policies say now of what was observed then."""
    from monitor.boundary import boundary_of
    from monitor.daemon.rejudge import rejudge
    from monitor.ledger.entry import EntryError
    from monitor.proof import Again

    if proof.findings or proof.unusable is not None:
        return
    try:
        boundary = boundary_of(source)
    except EntryError:
        boundary = None  # pruned by an earlier version: what its series were nobody can tell
    told = rejudge(
        source.entries(proof.size),
        source.record,
        lambda entry: judges_of(entry, source.record),
        lambda done: progress(done, proof.size),
        boundary,
    )
    proof.again = Again(
        same=told.same,
        blind=told.blind,
        differing=told.differing,
        left=dict(sorted(told.left.items())),
        findings=told.findings,
    )


def judges_of(
    entry: "ConfigurationInForce", record: Callable[[bytes], bytes | None]
) -> "Judges | None":
    """The policies and targets of a configuration; None where its texts do not make one here.

    They are hostile files: only names of a configuration are written, into a directory of their
    own, and nothing in them is run but expressions. Policies of the program come from the log too.
    """
    from monitor.config.loader import load
    from monitor.config.problem import ConfigurationError
    from monitor.daemon.rejudge import Judges

    texts = {name: record(digest) for name, digest in entry.texts.items() if _NAME.fullmatch(name)}
    packs = {
        name.removeprefix("packs/").removesuffix(".yaml"): raw
        for name, raw in texts.items()
        if name.startswith("packs/") and raw is not None
    }
    with tempfile.TemporaryDirectory(prefix="sasando-rejudge-") as folder:
        for name, raw in texts.items():
            if raw is None:
                return None
            place = Path(folder) / name
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(raw)
        try:
            day = datetime.fromtimestamp(entry.at_us // 1_000_000, UTC).date()
            configuration = load(Path(folder), day, packs)
        except (ConfigurationError, OverflowError, ValueError, OSError):
            return None
    return Judges(policies=configuration.policies, targets=configuration.targets)
