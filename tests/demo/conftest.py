"""Shared parts of the demo's tests."""

from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.demo.certificates import Authority
from monitor.demo.city import CA_FILE
from monitor.demo.setting import stage
from monitor.demo.town import Places


@pytest.fixture
def staged(tmp_path: Path) -> Callable[[], Places]:
    """Makes the stage of a demo, with the city's authority on it."""

    def make() -> Places:
        with stage(tmp_path / "demo") as places:
            (places.servers / CA_FILE).write_bytes(Authority().pem)
        return places

    return make
