"""Redundancy debt of the sites that have at least two links, over the period. Pure."""

from collections.abc import Iterator

from monitor.accounting import Accounting
from monitor.history import Histories
from monitor.labels import UNREACHABLE
from monitor.model import State
from monitor.report.model import SiteLine
from policies.debt import Span, leg_spans, redundancy_debt, unseen_while
from policies.period import Moments


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


def _leg(link: str, histories: Histories, window: Moments) -> list[Span]:
    tracks = [
        histories.track(one)
        for one in histories.ledgered.series
        if one.target == link
        and one.rules
        and one.rules[0]
        and histories.ledgered.fold.until_us(one.number)
    ]
    return unseen_while(leg_spans(tracks, window), _hidden(link, histories), window)


def _hidden(link: str, histories: Histories) -> list[Span]:
    """When every way to the link was down, without overlap."""
    found: list[Span] = []
    rows = [row for row in histories.ledgered.labels if row.label == UNREACHABLE]
    for row in sorted((r for r in rows if r.target == link), key=lambda one: one.since_us):
        since_us, until_us = row.since_us, row.until_us or histories.until_us
        if found and since_us <= found[-1].ended_us:
            since_us = found[-1].ended_us
        if since_us < until_us:
            found.append(Span(started_us=since_us, ended_us=until_us, state=State.AVAILABLE))
    return found
