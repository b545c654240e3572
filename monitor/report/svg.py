"""The few shapes that the plots are drawn of, as SVG text. Pure."""

from collections.abc import Iterable
from html import escape

from monitor.report.letters import in_print

FONT = "Libertinus Serif, Noto Serif, Georgia, serif"


def picture(width: int, height: int, shapes: Iterable[str], title: str) -> str:
    """A whole picture; `title` says it in words."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="{FONT}" font-size="10" role="img" aria-label="{escape(in_print(title))}">'
        f"{''.join(shapes)}</svg>"
    )


def box(x: float, y: float, width: float, height: float, fill: str, stroke: str = "none") -> str:
    """A rectangle."""
    return (
        f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" '
        f'fill="{fill}" stroke="{stroke}" stroke-width="0.5"/>'
    )


def line(x1: float, y1: float, x2: float, y2: float, stroke: str, width: float = 0.5) -> str:
    """A straight line."""
    return (
        f'<line x1="{x1:.2f}" y1="{y1:.2f}" x2="{x2:.2f}" y2="{y2:.2f}" '
        f'stroke="{stroke}" stroke-width="{width}"/>'
    )


def path(points: Iterable[tuple[float, float]], stroke: str, width: float = 1) -> str:
    """A line through points."""
    steps = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    return f'<polyline points="{steps}" fill="none" stroke="{stroke}" stroke-width="{width}"/>'


def words(x: float, y: float, text: str, anchor: str = "start", fill: str = "#222") -> str:
    """A text that begins, ends or is centred at a point."""
    place = f'x="{x:.2f}" y="{y:.2f}" text-anchor="{anchor}" fill="{fill}"'
    return f"<text {place}>{escape(in_print(text))}</text>"


def shortened(text: str, most: int) -> str:
    """The text, or its beginning where it is too long for its place."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
