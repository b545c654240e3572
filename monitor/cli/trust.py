"""What the commands trust: keys that somebody named, never ones found in what they judge."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli.common import CommandError, default_directory

if TYPE_CHECKING:
    from monitor.ledger.signer import Verifier


def verifiers_of(key: str) -> "tuple[Verifier, ...]":
    """The verifier keys of a line or a file; NoteError or KeyFileError say what is wrong."""
    from monitor.ledger.keys import read_vkeys
    from monitor.ledger.signer import Verifier

    if "+" in key and not Path(key).exists():
        return (Verifier.parse(key),)
    return read_vkeys(Path(key))


def trusted(key: str | None, directory: Path | None, judged: Path | None) -> "tuple[Verifier, ...]":
    """The keys of `--key`, else of trust/log.vkey beside the configuration.

    A key file that lies inside `judged` is refused: whoever altered the one could have put the
    other there.
    """
    place = key or str((directory or default_directory()) / "trust" / "log.vkey")
    file = Path(place)
    if key is None and not file.is_file():
        raise CommandError("cli.no-trusted-key", place=place)
    inside = judged is not None and judged.is_dir() and file.exists()
    if inside and judged is not None and file.resolve().is_relative_to(judged.resolve()):
        raise CommandError("cli.key-inside", place=place, judged=judged)
    return verifiers_of(place)


def witnesses_at(place: str, judged: Path | None) -> "tuple[Verifier, ...]":
    """The witnesses' keys of a line or a file; one that is a log's is refused."""
    from monitor.ledger.errors import CheckpointError
    from monitor.ledger.signer import KeyKind

    found = trusted(place, None, judged)
    for one in found:
        if one.kind is not KeyKind.COSIGNATURE:
            raise CheckpointError("ledger.witness-key", name=one.name)
    return found


def keys_of(verifiers: "Iterable[Verifier]", origin: str) -> "tuple[Verifier, ...]":
    """The keys of one log, the outgoing ones too; CommandError where there is none."""
    own = tuple(one for one in verifiers if one.name == origin)
    if not own:
        raise CommandError("cli.key-foreign", origin=origin)
    return own
