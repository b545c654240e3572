"""What a verification finds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.text import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong: where (an entry's index, or None) and what, as a text key with values."""

    index: int | None
    what: str
    values: Mapping[str, str | int | Reason] = field(default_factory=dict)
