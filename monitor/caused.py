"""Which targets an incident made unreachable, as their labels say. Pure.

The record of an incident's consequences are the labels: entries that name what failed as their
cause. They are what was observed; the alert says beforehand what hangs on its target.
"""

from collections.abc import Iterable
from typing import Protocol

from monitor.derive import IncidentRow
from monitor.labels import UNREACHABLE


class HasCause(Protocol):
    """A label, as an entry or as a row."""

    @property
    def label(self) -> str:
        """Its name."""

    @property
    def target(self) -> str:
        """Whose time it lies over."""

    @property
    def cause(self) -> str:
        """What failed, joined by commas."""

    @property
    def since_us(self) -> int:
        """Its beginning."""

    @property
    def until_us(self) -> int | None:
        """Its end; None while it stands."""


class Caused:
    """Labels by their causes."""

    def __init__(self, labels: Iterable[HasCause]) -> None:
        self._by_cause: dict[str, list[HasCause]] = {}
        for label in labels:
            if label.label == UNREACHABLE:
                for cause in label.cause.split(","):
                    self._by_cause.setdefault(cause, []).append(label)

    def by(self, row: IncidentRow) -> tuple[str, ...]:
        """Targets, in order, that were unreachable because of it while it stood."""
        return tuple(
            sorted({one.target for one in self._by_cause.get(row.target, ()) if _meet(one, row)})
        )


def _meet(label: HasCause, row: IncidentRow) -> bool:
    ended_us = row.ended_since_us
    return (ended_us is None or label.since_us < ended_us) and (
        label.until_us is None or label.until_us > row.since_us
    )
