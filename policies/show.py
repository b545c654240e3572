"""Values as a reason shows them: short, exact enough to be true, and safe to print.

Values come from hostile peers: what is not printable (control characters, bidirectional
marks) is escaped, and everything is cut.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime

LONGEST = 200
"""Characters of a shown value and of a reason."""
_ITEMS = 8
_DECIMALS = 4
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/@+*%?&=#~")


def show(value: object, least: int = 0) -> str:
    """A value in a reason; `least` is the fewest decimals of a float."""
    match value:
        case bool():
            text = "true" if value else "false"
        case float():
            text = decimals(value, least)
        case str():
            text = (
                value
                if value and _PLAIN.issuperset(value)
                else json.dumps(value, ensure_ascii=False)
            )
        case datetime():
            text = value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case list() | tuple():
            text = f"[{', '.join(_some([show(item) for item in value[: _ITEMS + 1]], len(value)))}]"
        case dict():
            items = [
                f"{show(key)}: {show(item)}" for key, item in list(value.items())[: _ITEMS + 1]
            ]
            text = f"{{{', '.join(_some(items, len(value)))}}}"
        case _:
            text = str(value)
    return cut(text)


def shown(items: list[object]) -> str:
    """Several values side by side, without brackets."""
    return cut(", ".join(_some([show(item) for item in items[: _ITEMS + 1]], len(items))))


def decimals(value: float, least: int = 0, most: int = _DECIMALS) -> str:
    """A float with at least and at most so many decimals; tiny ones keep significant digits."""
    if value != value or value in (float("inf"), float("-inf")) or abs(value) >= 1e15:
        return repr(value)
    if value and abs(value) < 0.1:
        return _trimmed(f"{value:.{most}g}", least) if abs(value) >= 1e-4 else f"{value:.{most}g}"
    return _trimmed(f"{value:.{most}f}", least)


def telling(left: object, right: object, least: int, holds: Callable[[float, float], bool]) -> str:
    """`left` with just so many decimals that its text still stands to `right` as it does."""
    if not isinstance(left, float) or isinstance(right, bool) or not isinstance(right, int | float):
        return show(left, least)
    for most in range(_DECIMALS, 18):
        text = decimals(left, least, most)
        if holds(float(text), right):
            return text
    return repr(left)


def cut(text: str) -> str:
    """At most `LONGEST` characters, all of them printable."""
    safe = "".join(
        letter if letter.isprintable() else _escape(letter) for letter in text[: LONGEST + 1]
    )
    return safe if len(safe) <= LONGEST else f"{safe[: LONGEST - 1]}…"


def _some(items: list[str], count: int) -> list[str]:
    return items if count <= _ITEMS else [*items[:_ITEMS], "…"]


def _trimmed(text: str, least: int) -> str:
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0").ljust(least, "0")
    whole = whole if whole != "-0" or fraction.strip("0") else "0"
    return f"{whole}.{fraction}" if fraction else whole


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape", "backslashreplace").decode("ascii")
