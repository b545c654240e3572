"""Redundancy debt of the sites that have at least two links, over the period. Pure."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

from monitor.accounting import Accounting, ObjectiveTerms
from monitor.goals import Outcome
from monitor.history import Histories
from monitor.labels import UNREACHABLE
from monitor.model import State
from monitor.report.model import DebtLine, SiteLine
from policies.debt import RedundancyTime, Span, leg_spans, redundancy_debt, unseen_while
from policies.period import Moments

DEBT = "redundancy-debt"


def site_lines(accounting: Accounting, histories: Histories, window: Moments) -> Iterator[SiteLine]:
    """Each such site; a link that was unreachable was not seen, rather than down."""
    links: dict[str, list[str]] = {}
    for key, terms in accounting.targets.items():
        if terms.kind == "link" and terms.site:
            links.setdefault(terms.site, []).append(key)
    for site, keys in sorted(links.items()):
        if len(keys) < 2:
            continue
        legs = {key: _leg(key, histories, window) for key in keys}
        yield SiteLine(site=site, links=tuple(keys), time=redundancy_debt(legs, window))


def debt_lines(accounting: Accounting, sites: Iterable[SiteLine]) -> Iterator[DebtLine]:
    """Each objective of redundancy debt on each of its sites that has two links."""
    by_site = {one.site: one.time for one in sites}
    for one in accounting.objectives:
        if one.indicator != DEBT or one.ratio is None:
            continue
        for site in one.targets:
            if (time := by_site.get(site)) is not None:
                yield _debt(one, site, time)


def _debt(objective: ObjectiveTerms, site: str, time: RedundancyTime) -> DebtLine:
    decided_us = time.debt_us + time.whole_us + time.outage_us
    window_us = max(1, decided_us + time.undecided_us)
    least = Fraction(time.debt_us, window_us)
    most = Fraction(time.debt_us + time.undecided_us, window_us)
    goal = Fraction(objective.ratio or 0)
    if not decided_us:
        outcome = Outcome.UNMEASURED
    elif most <= goal:
        outcome = Outcome.MET
    else:
        outcome = Outcome.MISSED if least > goal else Outcome.UNDECIDED
    return DebtLine(
        policy=objective.policy,
        objective=objective.id,
        site=site,
        goal=goal,
        least=least,
        most=most,
        outcome=outcome,
    )


def _leg(link: str, histories: Histories, window: Moments) -> list[Span]:
    tracks = [
        histories.track(one)
        for one in histories.ledgered.series
        if histories.key_of(one.target) == link
        and one.rules
        and one.rules[0]
        and histories.ledgered.fold.until_us(one.number)
    ]
    return unseen_while(leg_spans(tracks, window), _hidden(link, histories), window)


def _hidden(link: str, histories: Histories) -> list[Span]:
    """When every way to the link was down, without overlap."""
    found: list[Span] = []
    rows = [row for row in histories.ledgered.labels if row.label == UNREACHABLE]
    own = (row for row in rows if histories.key_of(row.target) == link)
    for row in sorted(own, key=lambda one: one.since_us):
        since_us, until_us = row.since_us, row.until_us or histories.until_us
        if found and since_us <= found[-1].ended_us:
            since_us = found[-1].ended_us
        if since_us < until_us:
            found.append(Span(started_us=since_us, ended_us=until_us, state=State.AVAILABLE))
    return found
