"""Declared drills: what becomes of a window, and what is said of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from monitor.config.configuration import Configuration
from monitor.config.loader import load
from tests.config.conftest import TODAY, Loaded


def _link(window: str, more: str = "") -> str:
    return (
        "services:\n"
        "  dark: {site: dukcapil, url: icmp://192.0.2.7, enabled: false}\n"
        "  named: {site: dukcapil, dns: www.example}\n"
        "  desk: {site: dukcapil, url: icmp://192.0.2.8}\n"
        "links:\n"
        "  vsat:\n    site: dukcapil\n    address: 192.0.2.9\n    drills:\n"
        f"      - {{{window}, authorised_by: Kepala Dinas, letter: '555/1'{more}}}\n"
    )


def _us(*moment: int) -> int:
    return int(datetime(*moment, tzinfo=UTC).timestamp()) * 1_000_000  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("window", "from_us"),
    [
        ("from: 2026-12-01T22:00, until: 2026-12-01T23:00", _us(2026, 12, 1, 14)),
        ("from: 2026-12-01 22:00:00, until: 2026-12-01 23:00:00", _us(2026, 12, 1, 14)),
        ("from: 2026-12-01T22:00Z, until: 2026-12-01T23:00Z", _us(2026, 12, 1, 22)),
        ("from: '2026-12-01T22:00+07:00', until: 2026-12-01T16:00Z", _us(2026, 12, 1, 15)),
    ],
)
def test_a_moment_is_the_citys_unless_it_carries_a_zone(
    loaded: Loaded, window: str, from_us: int
) -> None:
    """Kupang is eight hours ahead of UTC; a zone that is written out wins."""
    drill = loaded("inventory/more.yaml", _link(window)).drills["vsat"][0]
    assert (drill.from_us, drill.until_us) == (from_us, from_us + 3_600_000_000)
    assert (drill.authorised_by, drill.letter) == ("Kepala Dinas", "555/1")
    assert drill.open_at(from_us)
    assert not drill.open_at(from_us - 1)
    assert not drill.open_at(drill.until_us)


WINDOW = "from: 2026-12-01T22:00, until: 2026-12-01T23:00"


def test_what_is_probed_is_named_or_the_sites_first_enabled_service(loaded: Loaded) -> None:
    """A disabled service and one without an address are passed over."""
    assert loaded("inventory/more.yaml", _link(WINDOW)).drills["vsat"][0].probe == "192.0.2.8"
    named = _link(WINDOW, ", probe: desk.example")
    assert loaded("inventory/more.yaml", named).drills["vsat"][0].probe == "desk.example"


def test_links_without_a_declaration_have_no_drill(good: Path) -> None:
    """No drill is there by default."""
    assert not load(good, TODAY).drills


def _warned(configuration: Configuration) -> list[str]:
    return [f"{one.line} {one.key}" for one in configuration.warnings if "more.yaml" in one.file]


@pytest.mark.parametrize(
    ("window", "more", "expected"),
    [
        ("from: 2026-11-22T22:00, until: 2026-11-22T23:00", "", ["10 drill-past"]),
        ("from: 2026-11-23T01:00, until: 2026-11-23T02:00", "", []),
        (WINDOW, ", probe: 198.18.0.1", ["10 outside-scope"]),
    ],
)
def test_a_declaration_that_cannot_serve_is_a_warning(
    loaded: Callable[[str, str], Configuration], window: str, more: str, expected: list[str]
) -> None:
    """A window wholly in the past, or a probe outside scope, is told and not refused."""
    assert _warned(loaded("inventory/more.yaml", _link(window, more))) == expected
