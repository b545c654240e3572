"""The file of a witness: its own name and key, where it listens, which logs it knows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import MinLen

from monitor.config.problem import ConfigurationError, problem, shown
from monitor.config.reading import Reading, table
from monitor.config.schema import KeyEntry
from monitor.config.validation import validate
from monitor.config.values import Absolute, Listen, LogKey, Origin
from monitor.ledger.signer import Verifier

LISTEN = "127.0.0.1:8950"


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessFile:
    """The whole of a witness's file."""

    name: Origin
    """The name of the witness's key."""
    key: KeyEntry
    """Its signing key: one of its own, never a log's."""
    logs: Annotated[list[LogKey], MinLen(1)]
    """The verifier key of each log that it cosigns for; the key's name is the log's origin."""
    state: Absolute = "/var/lib/sasando-witness"
    """Directory of what was cosigned. Restoring an old copy of it makes the witness worthless."""
    listen: Listen = LISTEN


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessConfiguration:
    """A witness's file, checked whole."""

    entry: WitnessFile
    logs: dict[str, Verifier]
    """By origin."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        host, _, port = self.entry.listen.rpartition(":")
        return host.removeprefix("[").removesuffix("]"), int(port)


def load_witness(path: Path) -> WitnessConfiguration:
    """The configuration of a witness; ConfigurationError with everything that is wrong."""
    path = path.absolute()
    reading = Reading(path.parent)
    tree = reading.one(path.name, required=True)
    problems = reading.problems
    if tree is None:
        raise ConfigurationError(problems)
    plain = table(tree, problems)
    entry = validate(WitnessFile, plain, tree, (), problems, path.parent)
    logs: dict[str, Verifier] = {}
    for position, vkey in enumerate(entry.logs if entry else ()):
        verifier = Verifier.parse(vkey)
        if verifier.name in logs:
            place = tree.of_value(("logs", position))
            problems.append(problem(place, "witness-log-twice", origin=shown(verifier.name)))
        logs[verifier.name] = verifier
    if entry is None or problems:
        raise ConfigurationError(problems)
    return WitnessConfiguration(entry=entry, logs=logs)
