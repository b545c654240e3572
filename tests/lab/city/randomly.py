"""Random faults at random moments, repeated by their seed."""

import random
import time
from collections.abc import Callable, Container, Iterator

from tests.lab.city.city import City
from tests.lab.city.eventlog import boot_ns
from tests.lab.city.plan import OFFICES
from tests.lab.city.scenarios import RULES, Watch

Fault = tuple[str, Callable[[City], object]]
_LONGEST_S = 14.0
NEVER = frozenset({"no-shared-fate", "path-loop", "path-mtu-hole", "neighbour-single",
                   "vrrp-one-active", "vrrp-known-routers", "vrrp-heard"})  # fmt: skip
"""Rules that none of these faults breaks, whatever stands together."""


def faults(chance: random.Random) -> list[Fault]:
    """One or two faults that can stand together; loss of 20 % lies on the limit and is no claim.

    Packets are lost one way: 10 % each way would be 19 % of the round trips.
    """
    office = chance.choice(OFFICES)
    leg = f"{office}-{chance.choice(('fo', '4g'))}"
    percent = chance.choice((5, 10, 40))
    single: list[Fault] = [
        (f"{leg} cut", lambda city: city.cables[leg].carrier(False)),
        (f"{leg} swallows everything", lambda city: city.cables[leg].blackhole()),
        (f"{leg} loses {percent} %", lambda city: city.cables[leg].lose(percent, toward=office)),
        ("core1 dead", lambda city: city.router("core1")),
        ("core2 dead", lambda city: city.router("core2")),
        ("own uplink down", lambda city: city.uplink()),
        ("DNS down", lambda city: city.dns()),
        ("dukcapil's server ended", lambda city: city.service("dukcapil")),
        ("VRRP of core1 leaves", lambda city: city.vrrp("core1")),
    ]
    return chance.sample(single, chance.choice((1, 1, 2)))


def numbers(text: str) -> frozenset[int]:
    """The numbers that "3,18-20" names: 3, 18, 19 and 20. ValueError where it is no such text."""
    ends = [part.partition("-")[::2] for part in text.split(",") if part]
    return frozenset(n for first, last in ends for n in range(int(first), int(last or first) + 1))


def play_randomly(
    watch: Watch, chance: random.Random, runs: int, only: Container[int] = ()
) -> Iterator[str]:
    """Break, wait a while, heal, wait a while; a line for each run. Times are of the seed.

    `only`: the numbers of the runs that are played, each as it would be among all; nothing: all.
    """
    shortest_s = RULES.claimed_ns / 1e9
    for number in range(1, runs + 1):
        chosen = faults(chance)
        length_s, pause_s = chance.uniform(1.0, _LONGEST_S), chance.uniform(1.0, 6.0)
        if only and number not in only:
            continue
        begun_s = boot_ns() / 1e9
        for _, fault in chosen:
            fault(watch.city)
        time.sleep(length_s)  # the fault itself
        open_now = [f"{i['target']}/{i['rule']}" for i in watch.agent.now()["incidents"]]
        watch.city.heal()
        time.sleep(pause_s)  # a moment of its own: the next fault may meet a recovery
        claimed = "" if length_s >= shortest_s else " (shorter than the claim)"
        names = ", ".join(name for name, _ in chosen)
        yield (
            f"{number:>3} at {begun_s:.2f} s: {names}, {length_s:.1f} s{claimed}: "
            f"{', '.join(open_now) or 'nobody'}"
        )
