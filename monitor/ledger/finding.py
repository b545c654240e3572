"""What a verification finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.ledger.errors import LedgerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong: where (an entry's index, or None) and what, as a text key with values."""

    index: int | None
    what: str
    values: "Mapping[str, str | int | Finding]" = field(default_factory=dict)
    """A finding among them is told by its own sentence: what an error of the ledger says."""


def because(error: LedgerError) -> Finding:
    """An error as a reason: what it says in any language."""
    return Finding(index=None, what=error.code, values=dict(error.values))
