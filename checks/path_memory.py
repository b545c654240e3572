"""What the last probes of a process saw of each way, so that a change can be told."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from checks.path_evidence import PathEvidence, Paths, differ, learned
from monitor.model import Family

_REMEMBERED: Final = 10_000
"""Series; the one that was not probed for longest is forgotten first."""

Series = tuple[str, Family]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    address: str | None
    source_ports: tuple[int, ...]
    paths: Paths


class PathMemory:
    """Compares a probe with what is known of the same flows to the same address.

    A hop that is silent now, or was, is no change; what was known of it stays known until the
    way is seen to differ. A series seen for the first time has no `changed`.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Series, _Known] = OrderedDict()

    def compared(self, series: Series, evidence: PathEvidence) -> PathEvidence:
        """The evidence with `changed`, where it can be said."""
        known = self._known.pop(series, None)
        seen = _Known(
            address=evidence.address,
            source_ports=evidence.source_ports,
            paths=evidence.paths,
        )
        if known is None or (known.address, known.source_ports) != (
            seen.address,
            seen.source_ports,
        ):
            self._keep(series, seen)
            return evidence
        pairs = list(zip(known.paths, evidence.paths, strict=True))
        changes = [differ(old, new, evidence.address or "") for old, new in pairs]
        merged = tuple(
            new if change else learned(old, new, evidence.address or "")
            for change, (old, new) in zip(changes, pairs, strict=True)
        )
        self._keep(series, replace(seen, paths=merged))
        return replace(evidence, changed=int(any(changes)))

    def _keep(self, series: Series, known: _Known) -> None:
        self._known[series] = known
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
