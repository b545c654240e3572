"""A configuration made into a plan."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Never

from checks.base import Assignment
from monitor.config.loader import load
from monitor.daemon.registry import Registry
from monitor.daemon.setup import plan_of
from tests.daemon.place import Place


class _Untouched(tuple[Assignment, ...]):
    """Assignments that nobody may go through."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Never]:
        raise AssertionError("went through all assignments")


def test_asking_after_a_target_does_not_go_through_all_assignments(tmp_path: Path) -> None:
    """A core that fails has thousands of targets asked after at once, on the loop."""
    place = Place(root=tmp_path)
    for number in range(20):
        place.tcp(f"s{number}", f"tcp://127.0.0.1:{8_000 + number}")
    place.make()
    configuration = load(place.configuration, date(2026, 1, 1))
    plan = plan_of(configuration, Registry("test", []))
    untouched = replace(configuration, assignments=_Untouched(configuration.assignments))
    asked = replace(plan, configuration=untouched)
    for target in configuration.targets:
        slots = [n for n, one in enumerate(configuration.assignments) if one.target == target]
        assert list(asked.assignments_of(target)) == slots
    assert asked.assignments_of("nobody") == ()
