"""`sasando check` in the lab: path and egress from a configuration to the signed ledger."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.checks.path_scene import LINE
from tests.daemon.place import Place
from tests.lab.parts import need_namespaces
from tests.lab.routers import Routers

ROOT = Path(__file__).parents[2]


@pytest.mark.lab
def test_a_link_is_checked_judged_and_recorded(tmp_path: Path) -> None:
    """One command: the hops of a link, the uplinks of the agent, verdicts of the pack, an entry."""
    need_namespaces()
    with Routers(LINE) as net:
        net.set_mtu("r3", "r4", 1_300)
        far, scope = net.v4("far", "r4"), {"authorised_by": "lab", "letter": "1"}
        place = Place(root=tmp_path)
        place.links = {
            "line": {
                "site": "core",
                "address": far,
                "checks": {"icmp": False, "path": {"wait": "200ms"}},
            }
        }
        place.agent = {
            "scope": [{**scope, "network": "198.18.0.0/15", "until": "2099-12-31"}],
            "packs": ["paths"],
            "checks": {
                "host": False,
                "egress": {"address": far, "uplinks": {"only": {"interface": "r1"}}},
            },
        }
        place.make()
        done = net["agent"].run(
            *(sys.executable, "-m", "monitor.cli.main", "check", "--json"),
            *("-c", str(place.configuration)),
            env={"PYTHONPATH": str(ROOT), "SASANDO_LANG": "en"},
            check=False,
        )
        assert done.returncode == 2, done.stderr
        told: dict[str, dict[str, Any]] = {one["check"]: one for one in json.loads(done.stdout)}
    seen = told["path"]["evidence"]
    assert (seen["hop_count"], seen["mtu"]) == (5, 1_300)
    assert told["egress"]["evidence"]["working"] == 1
    verdicts = {
        verdict["rule"]: verdict["verdict"] for one in told.values() for verdict in one["verdicts"]
    }
    assert verdicts == {
        "path-mtu-hole": "compliant",
        "path-loop": "compliant",
        "path-flows": "compliant",
        "path-changed": "indeterminate",
        "egress-two-uplinks": "violated",
        "egress-as-expected": "indeterminate",
    }
    assert isinstance(told["path"]["entry"], int)
    assert told["path"]["state"] == "unobserved"
    place.require_intact()
