"""The real daemon in the city: what it says of each fault, after how long, and the truth.

The default run plays two faults. `SASANDO_CITY_SCENARIOS=1` plays the whole table in both kinds of
routing (about ten minutes), another text those whose name holds it. `SASANDO_CITY_RUNS=20` plays
so many random faults, and `SASANDO_CITY_SEED` repeats a run.
"""

import os
import random

import pytest

from tests.lab.city.city import City, Routing
from tests.lab.city.randomly import play_randomly
from tests.lab.city.scenarios import SCENARIOS, SHAPED, Row, Scenario, contradictions_of, watched
from tests.lab.parts import need_city

pytestmark = pytest.mark.lab
_WHOLE = os.environ.get("SASANDO_CITY_SCENARIOS", "")
_RUNS = int(os.environ.get("SASANDO_CITY_RUNS", "0"))
_SHORT = {"both down", "core1 dead"}


def _chosen(scenario: Scenario, routing: str) -> bool:
    if scenario.only not in ("", routing):
        return False
    return scenario.name in _SHORT if not _WHOLE else _WHOLE == "1" or _WHOLE in scenario.name


@pytest.mark.parametrize("routing", ["static", "ospf"] if _WHOLE else ["static"])
@pytest.mark.timeout(1_200 if _WHOLE else 180)
def test_each_fault_is_told_and_nobody_else_is_accused(routing: Routing) -> None:
    """Each fault accuses whom it should and no one else, and the ledger agrees with the truth."""
    need_city()
    chosen = [one for one in SCENARIOS if _chosen(one, routing)]
    rows: list[Row] = []
    with City(routing=routing, shaped=SHAPED) as city, watched(city) as watch:
        for scenario in chosen:
            rows.append(watch.play(scenario))
            print(f"{routing:<6} | {rows[-1].text()}")
        assert watch.agent.stop() == 0
        watch.place.require_intact()
        wrong = contradictions_of(watch)
    assert [row.text() for row in rows if row.wrong] == []
    assert wrong == []


@pytest.mark.skipif(not _RUNS, reason="SASANDO_CITY_RUNS says how many random faults")
@pytest.mark.timeout(60 * max(_RUNS, 1) + 120)
def test_random_faults_are_neither_missed_nor_invented() -> None:
    """Whatever breaks, whenever: no claimed outage is missed and none is invented."""
    need_city()
    seed = int(os.environ.get("SASANDO_CITY_SEED") or random.SystemRandom().getrandbits(32))
    print(f"SASANDO_CITY_SEED={seed} SASANDO_CITY_RUNS={_RUNS}")
    with City(shaped=SHAPED) as city, watched(city) as watch:
        for line in play_randomly(watch, random.Random(seed), _RUNS):
            print(line)
        assert watch.agent.stop() == 0
        watch.place.require_intact()
        wrong = contradictions_of(watch)
    assert wrong == []
