"""The real daemon in the city: what it says of each fault, after how long, and the truth.

The default run plays one fault. `SASANDO_CITY_SCENARIOS=1` plays the whole table in both kinds of
routing (about ten minutes) and what needs a city of its own; another text plays the faults whose
name holds it. `SASANDO_CITY_RUNS=20` plays so many random faults, `SASANDO_CITY_SEED` repeats a
run, and `SASANDO_CITY_FAULTS=3,18-20` plays only these numbers of it.
"""

import os
import random
from typing import Any

import pytest

from tests.lab.city.agent import WALKED, Proven
from tests.lab.city.city import City, Routing
from tests.lab.city.randomly import NEVER, numbers, play_randomly
from tests.lab.city.scenarios import SCENARIOS, SHAPED, Row, Scenario, contradictions_of, watched
from tests.lab.parts import need_city

pytestmark = pytest.mark.lab
_WHOLE = os.environ.get("SASANDO_CITY_SCENARIOS", "")
_RUNS = int(os.environ.get("SASANDO_CITY_RUNS", "0"))
_FAULTS = numbers(os.environ.get("SASANDO_CITY_FAULTS", ""))
_SHORT = {"primary down"}
_on_demand = pytest.mark.skipif(not _WHOLE, reason="takes long: run with SASANDO_CITY_SCENARIOS=1")


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
        invented = watch.invented_debt()
        assert watch.agent.stop() == 0
        watch.place.require_intact()
        wrong = [*contradictions_of(watch), *invented]
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
        for line in play_randomly(watch, random.Random(seed), _RUNS, _FAULTS):
            print(line)
        invented = watch.invented_debt()
        assert watch.agent.stop() == 0
        watch.place.require_intact()
        wrong = [*contradictions_of(watch), *invented]
        wrong += sorted(Proven(watch.place).rules() & NEVER)
        if wrong:  # by the same clock as the lines above and what is wrong
            print(city.log.dump())
    assert wrong == []


def test_single_runs_of_a_seed_are_named_by_their_numbers() -> None:
    """Numbers and ranges, in any order; no text names none, and what is no number is an error."""
    assert numbers("18-20,3") == {3, 18, 19, 20}
    assert numbers("") == frozenset()
    with pytest.raises(ValueError, match="invalid literal"):
        numbers("core1")


@_on_demand
@pytest.mark.timeout(180)
def test_a_dead_core_over_sixty_children_is_one_alert() -> None:
    """The core alone is told of, once, with what hangs on it; no child and no site beside it.

    VRRP, neighbours and paths are not judged here: that the gateway moved is news of its own.
    """
    need_city()
    with City() as city, watched(city, children=60, packs=["availability", "redundancy"]) as watch:
        city.router("core1")
        watch.agent.await_now("sixty labels", _children_unreachable)
        watch.agent.await_now("an alert", lambda _: watch.hook.received)
        watch.agent.await_seen(7)
        labelled = _children_unreachable(watch.agent.now())
        titles = [message.title for message in watch.hook.received]
        opened = {(one["target"], one["rule"]) for one in watch.agent.now()["incidents"]}
    assert labelled
    assert titles == ["[CRITICAL] core1: The link answers"]
    assert opened == {("core1", "link-answers")}


def _children_unreachable(now: dict[str, Any]) -> bool:
    labelled = {one["target"] for one in now["labels"] if one["label"] == "unreachable"}
    return {f"kelurahan-{number:02}-fo" for number in range(1, 61)} <= labelled


@_on_demand
@pytest.mark.timeout(180)
def test_legs_that_meet_in_one_router_share_its_fate() -> None:
    """Where both legs of an office meet, that router is named; with two routers nothing is."""
    need_city()
    with City(shared=WALKED) as city, watched(city) as watch:
        ends = [end for name in ("agg-fo", "agg-4g") for end in city.plan.cables[name].ends]
        router = {end.host for end in ends if end.node == "agg"}

        def shared(now: dict[str, Any]) -> list[str]:
            (site,) = (one for one in now["redundancy"] if one["site"] == WALKED)
            rules = {(one["target"], one["rule"]) for one in now["incidents"]}
            return site["shared_hops"] if (WALKED, "no-shared-fate") in rules else []

        hops = watch.agent.await_now("shared fate", shared)
    assert len(hops) == 1
    assert set(hops) <= router
