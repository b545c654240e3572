"""The report of a city with many targets: not from entries, but as large as theirs would be.

Each target is one of those of the scene's month with another name and another history, by a seed.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from monitor.accounting import TargetTerms
from monitor.figures import Outcome
from monitor.report.model import Coverage, Report
from policies.availability import Piece, Standing, availability
from tests.report.scene import END_US, HOUR_US, START_US, month

KINDS = ("link", "hotspot", "service")
_STANDINGS = (*[Standing.AVAILABLE] * 6, Standing.UNAVAILABLE, Standing.UNOBSERVED)


@cache
def _october() -> Report:
    return month().report()


def city(count: int, seed: int = 7) -> Report:
    """A report of so many targets, a third of each kind."""
    base, chance = _october(), random.Random(seed)
    (figure,), (incident,) = base.figures, base.incidents
    (certificate,), (access,), (site,) = base.certificates, base.access, base.sites
    keys = [f"{KINDS[place % 3]}-{place:04}" for place in range(count)]
    services = keys[2::3]
    others = set(services)
    coverage = [_coverage(key, chance) for key in keys]
    met = {one.target: not one.sums.unavailable_us for one in coverage}
    figures = [
        figure._replace(
            target=one.target,
            sums=one.sums,
            worst=one.sums.worst,
            best=one.sums.best,
            outcome=Outcome.MET if met[one.target] else Outcome.MISSED,
        )
        for one in coverage
    ]
    return replace(
        base,
        accounting=replace(base.accounting, targets=dict(_targets(keys))),
        coverage=tuple(coverage),
        figures=tuple(figures),
        delays=tuple(
            replace(base.delays[place % 3], target=key, series=place)
            for place, key in enumerate(keys)
            if key not in others
        ),
        incidents=tuple(
            replace(incident, row=replace(incident.row, target=key)) for key in keys[::4]
        ),
        certificates=tuple(replace(certificate, target=key) for key in services),
        access=tuple(replace(access, target=key) for key in services),
        sites=tuple(replace(site, site=f"site-{place}") for place in range(count // 3)),
    )


def _targets(keys: list[str]) -> Iterator[tuple[str, TargetTerms]]:
    for place, key in enumerate(keys):
        kind = KINDS[place % 3]
        name = f"Kelurahan {place} {kind}"
        yield (
            key,
            TargetTerms(
                name=name,
                kind=kind,
                site=f"site-{place // 3}",
                role="primary",
                provider="provider-a",
                fee=10_000_000,
            ),
        )


def _coverage(key: str, chance: random.Random) -> Coverage:
    """Stretches of hours, most of them available; every fifth target never failed."""
    found, at_us = [], START_US
    calm = chance.random() < 0.2
    for _ in range(chance.randint(1, 40)):
        ended_us = min(END_US, at_us + chance.randint(1, 60) * HOUR_US)
        standing = Standing.AVAILABLE if calm else chance.choice(_STANDINGS)
        found.append(Piece(started_us=at_us, ended_us=ended_us, standing=standing))
        at_us = ended_us
        if at_us == END_US:
            break
    if at_us < END_US:
        found.append(Piece(started_us=at_us, ended_us=END_US, standing=Standing.AVAILABLE))
    return Coverage(target=key, sums=availability(found), pieces=tuple(found), watched=True)
