"""A place and an agent for a test, and the peers it needs."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.place import Place
from tests.daemon.ports import Ports
from tests.lab.receivers import Webhook


@pytest.fixture
def root() -> Iterator[Path]:
    """A directory with a short name: a socket's path may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="sd-") as name:
        yield Path(name)


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A receiver of alerts."""
    with Webhook() as webhook:
        yield webhook


@pytest.fixture
def ports() -> Iterator[Ports]:
    """Five ports that open and shut."""
    with Ports(5) as made:
        yield made


@pytest.fixture
def place(root: Path, hook: Webhook, ports: Ports) -> Place:
    """Five tcp targets p0 … p4, probed every 200 ms, and one route."""
    made = Place(root=root, routes={"noc": hook.url()})
    for number in range(5):
        made.tcp(f"p{number}", ports.url(number))
    made.make()
    return made
