"""What a verification finds."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong: where (an entry's index, or None) and what, as a text key with values."""

    index: int | None
    what: str
    values: dict[str, str | int] = field(default_factory=dict)
