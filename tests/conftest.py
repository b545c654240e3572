"""What holds for every test: generated examples are judged by what they show, not by how fast.

A deadline or a slow generator says how busy the machine is; `pytest-timeout` bounds what hangs.
"""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "sasando", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("sasando")
# A daemon or command that a test starts would compile a thousand modules anew: a second each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

HERE = Path(__file__).parent
LONG = ("daemon", "demo", "lab", "oracle", "store")
"""Folders of the tests that start whole daemons, machines and servers."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first: else one process ends alone with a minute's work, and the others idle."""
    items.sort(key=lambda item: not _is_long(item.path))


def _is_long(path: Path) -> bool:
    return path.relative_to(HERE).parts[0] in LONG or path.stem.endswith("_lab")
