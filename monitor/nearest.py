"""Names that nobody knows, and the known ones that were perhaps meant. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches

SHOWN = 60
"""Characters of an unknown name that are told."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name nearest to a mistyped one; empty when none is near."""
    return next(iter(get_close_matches(name, list(known), n=1)), "")


def unknown(code: str, name: str, known: Iterable[str]) -> tuple[str, dict[str, str]]:
    """The text about an unknown name with its values: `code`, or `code`-near where one is near."""
    near = nearest(name, known)
    told = {"name": name[:SHOWN]}
    return (f"{code}-near", {**told, "near": near}) if near else (code, told)
