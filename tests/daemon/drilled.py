"""Places with declared drills, and a drill that is asked for beside the test."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from checks.ping.endpoint import open_endpoint
from monitor.clock import SystemClock
from monitor.daemon.control import Call
from monitor.drill import Singleton
from monitor.drill_record import from_record
from monitor.ledger.entry import OperatorAct
from monitor.model import Family, Fault
from tests.daemon.place import Place
from tests.lab import parts

on_demand = pytest.mark.skipif(
    "SASANDO_DRILLS" not in os.environ, reason="takes seconds: run with SASANDO_DRILLS=1"
)
"""What the default run leaves out to stay short."""
PROBED = "127.66.13.1"


def need_icmp() -> None:
    """Demand that this process may open an ICMP socket."""
    endpoint = open_endpoint(Family.IPV4, SystemClock().boottime_ns())
    if isinstance(endpoint, Fault):
        parts.missing("an ICMP socket (net.ipv4.ping_group_range)")
    else:
        endpoint.close()


def moment(shift: timedelta) -> str:
    """A moment as a declaration writes it, so far from now."""
    return (datetime.now(UTC) + shift).strftime("%Y-%m-%dT%H:%M:%SZ")


def window(
    begins: timedelta = timedelta(hours=-1),
    ends: timedelta = timedelta(hours=1),
    probe: str = PROBED,
) -> dict[str, Any]:
    """A declaration; by default its window is open."""
    return {
        "from": moment(begins),
        "until": moment(ends),
        "authorised_by": "Kepala Dinas",
        "letter": "555/9",
        "probe": probe,
    }


def place_at(root: Path, drills: Mapping[str, Sequence[dict[str, Any]]], **agent: Any) -> Place:
    """Links of one site on loopback, each with its declarations."""
    place = Place(root=root)
    place.agent = {
        "defaults": {"icmp": {"interval": "1s", "count": 1, "timeout": "500ms"}},
        **agent,
    }
    place.links = {
        link: {"site": "core", "address": f"127.66.13.{2 + n}", "drills": list(windows)}
        for n, (link, windows) in enumerate(drills.items())
    }
    place.make()
    return place


def acts(place: Place, link: str, *kinds: str) -> list[OperatorAct]:
    """The acts of drills of a link in the ledger, in order; of these kinds only, if any."""
    return [
        act
        for act in place.of(OperatorAct)
        if act.detail.get("link") == link and (not kinds or act.act in kinds)
    ]


def singletons_of(place: Place, act: OperatorAct) -> tuple[Singleton, ...]:
    """The singletons of the record that a drill's entry names."""
    raw = next(row[1] for row in place.rows("record") if bytes(row[0]) == act.detail["record"])
    return from_record(bytes(raw))[0]


class Asking:
    """A drill that is asked for in a thread of its own, over the control socket."""

    def __init__(self, place: Place, link: str, seconds: int, **more: Any) -> None:
        self.call = Call(place.control, "drill", 60, link=link, for_us=seconds * 1_000_000, **more)
        self.told: list[dict[str, Any]] = []
        self._pool = ThreadPoolExecutor(1)
        self._result = self._pool.submit(self.call.result, self.told.append)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.call.end()
        self._result.exception(60)
        self._pool.shutdown()
        self.call.__exit__()

    def measured(self, count: int) -> bool:
        """Whether so many singletons were answered already."""
        return bool(self.told) and self.told[-1].get("answered", 0) >= count

    @property
    def over(self) -> bool:
        """Whether the daemon has answered."""
        return self._result.done()

    def result(self) -> dict[str, Any]:
        """What the daemon answered; ControlError as it was told."""
        return dict(self._result.result(60))
