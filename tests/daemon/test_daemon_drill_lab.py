"""Real failovers between two legs, measured by a drill and by a capture of the replies."""

import shlex
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running_command import Done, Inside
from tests.daemon.drilled import acts, on_demand, place_at, window
from tests.daemon.place import Place
from tests.daemon.process import Agent
from tests.lab import parts
from tests.lab.two_legs import LEGS, SERVICE, Replies, TwoLegs

pytestmark = pytest.mark.lab
FINE_S = 0.05
"""What a capture of pings 10 ms apart, on a busy machine, may be wrong by."""


@pytest.fixture(scope="module")
def legs() -> Iterator[TwoLegs]:
    """The four namespaces."""
    parts.need_namespaces()
    parts.require("ping")
    with TwoLegs() as made:
        yield made


@pytest.fixture(scope="module")
def place(legs: TwoLegs) -> Iterator[Place]:
    """An agent at work on one end; both legs are links of one site, the service is behind them."""
    scope = [
        {"network": network, "authorised_by": "test", "letter": "1", "until": "2099-12-31"}
        for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
    ]
    with tempfile.TemporaryDirectory(prefix="sd-") as name:
        made = place_at(Path(name), {"fo": [window(probe=SERVICE)], "lte": []}, scope=scope)
        for link, address in zip(("fo", "lte"), LEGS, strict=True):
            made.links[link]["address"] = address
        made.write()
        with Agent(made, wrapper=legs.agent.argv()) as agent:
            agent.ready()
            for link in made.links:
                agent.await_state(link, "available")
            yield made
            assert agent.stop() == 0, agent.told()
        made.require_intact()


@pytest.fixture
def drill(place: Place, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Any:
    """`sasando drill fo` with a shell script as its hook."""

    def drilled(hook: str, *words: str) -> Done:
        script = tmp_path / "hook.sh"
        script.write_text(f"set -eu\n{hook}\n", encoding="ascii")
        return Inside(capsys)(
            *("drill", "fo", "--after", "500ms", "--hook", f"sh {shlex.quote(str(script))}"),
            *("--json", "--lang", "en", "-c", place.configuration, *words),
        )

    return drilled


def test_failover_and_failback_are_measured_as_a_capture_shows_them(
    place: Place, legs: TwoLegs, drill: Any
) -> None:
    """Both gaps are right within 100 ms and a spacing, and their bounds hold the true lengths.

    The way during the failover led through the other leg's router.
    --most is shorter than the first one: the exit code is 1, though the service came back.
    """
    # Long enough on the other leg for a look at the way, which begins when the service is back.
    failover = [legs.cut(), "sleep 1.1", legs.use(1), "sleep 2"]
    # The way back is broken for a moment too: the route changes before the leg carries.
    failback = [legs.use(0), "sleep 0.7", legs.heal()]
    with Replies(legs.agent) as replies:
        legs.agent.start("ping", "-q", "-i", "0.01", "-c", "6000", SERVICE)
        hook = "\n".join([*failover, *failback])
        done = drill(hook, "--for", "6500ms", "--most", "500ms")
    assert done.code == 1, done.err
    found = done.data
    assert (found["outcome"], found["ended"]) == ("interrupted", "complete")
    assert found["hook"]["exit_code"] == 0
    gaps = [gap for gap in found["gaps"] if gap["lost"] > 2]
    assert len(gaps) == 2
    for gap, true_s in zip(gaps, replies.silences_s(2), strict=True):
        assert abs(gap["gap_ms"] / 1_000 - true_s) <= 0.2
        assert gap["least_ms"] / 1_000 - FINE_S <= true_s <= gap["most_ms"] / 1_000 + FINE_S
    assert found["longest"]["lost"] == max(gap["lost"] for gap in gaps)
    assert found["links_before"] == {"fo": "available", "lte": "available"}
    assert found["path_changed"] is True
    assert found["path_before"] == [LEGS[0]]
    assert LEGS[1] in found["path_during"]
    # Absent where the last look met the cut leg, and had no time left for another one.
    assert found.get("path_returned") in (True, None)
    detail = acts(place, "fo", "drill")[-1].detail
    assert [gap["lost"] for gap in detail["gaps"]] == [gap["lost"] for gap in found["gaps"]]


@on_demand
def test_a_service_that_does_not_come_back_is_down(legs: TwoLegs, drill: Any) -> None:
    """Exit 1; the gap has a beginning and a least length, and no end."""
    try:
        done = drill(legs.cut(), "--for", "2s")
    finally:
        legs.agent.run("sh", "-c", legs.heal())
    assert done.code == 1, done.err
    assert done.data["outcome"] == "down"
    gap = done.data["gaps"][-1]
    assert {"until", "gap_ms", "most_ms"}.isdisjoint(gap)
    assert gap["least_ms"] > 0


def test_what_could_not_leave_this_host_is_not_held_against_the_service(
    legs: TwoLegs, drill: Any
) -> None:
    """Without a route nothing is sent: unmeasured and never lost; a second of it is exit 3."""
    gone = f"nsenter --net={legs.agent.path} ip route replace prohibit {SERVICE}/32"
    done = drill("\n".join([gone, "sleep 1.5", legs.use(0)]), "--for", "3s")
    assert done.code == 3, (done.out, done.err)
    found = done.data
    assert found["outcome"] == "not-measured"
    assert found["lost"] == 0
    assert found["unmeasured"] >= 10
    assert found["faults"].keys() >= {"local-network"}
