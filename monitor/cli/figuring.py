"""`sasando sla`: the figures of a period, from the ledger's intervals and the terms in force."""

from collections.abc import Sequence
from datetime import tzinfo
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import (
    BAD_INPUT,
    CommandError,
    ConfigOption,
    JsonOption,
    LangOption,
    load_configuration,
    print_json,
    print_table,
)
from monitor.text import Language, preferred_language, say

if TYPE_CHECKING:
    from monitor.figures import Asked, Figure

MOST_OUTAGES = 20
"""Outages that the prose tells one by one."""


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("sla")(sla)


def sla(
    period: Annotated[
        str,
        typer.Option(
            "--period",
            metavar="PERIOD",
            help="2026-10, 2026-Q4, 2026 or 2026-10-01..2026-10-15; without it this month.",
        ),
    ] = "",
    targets: Annotated[
        list[str] | None, typer.Option("--target", metavar="TARGET", help="Only these.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Show availability as worst and best case, outages, unobserved time and restitution.

    Worst counts time that nobody observed as unavailable; best leaves it out.

    Example: sasando sla --period 2026-10 --target dukcapil-fo
    """
    from monitor.accounting import AccountingError
    from monitor.cli.outside import tell_outside
    from monitor.clock import SystemClock
    from monitor.figures import Asked, figures, wanted
    from monitor.figures_shown import figures_shown
    from monitor.history import Histories
    from monitor.ledger.signer import encode_base64
    from monitor.store.account import account, began, count_probes
    from policies.period import PeriodError, calendar_period, day_of, parse_period

    language = preferred_language(lang)
    agent = load_configuration(config).agent
    url, zone, now_us = agent.store_url(), agent.timezone, SystemClock().wall_us()
    try:
        named = parse_period(period, zone) if period else None
    except PeriodError:
        raise CommandError("sla.period", BAD_INPUT, value=period) from None
    asked_period = named or calendar_period("month", day_of(now_us, zone), zone)
    start, end = asked_period.window
    if start > now_us:
        raise CommandError("sla.future", BAD_INPUT, value=asked_period.text)
    try:
        read = account(url, start, end)
    except AccountingError as error:
        raise CommandError("sla.no-terms", BAD_INPUT, why=error.reason) from None
    unknown = [name for name in targets or () if name not in read.accounting.targets]
    if unknown:
        raise CommandError("sla.unknown-target", BAD_INPUT, name=unknown[0])
    asked = Asked(period=asked_period, until_us=min(now_us, end))
    histories = Histories(read.ledgered, asked.until_us, read.accounting.renamed())
    chosen = frozenset(targets) if targets else None
    wishes = wanted(read.accounting, histories, asked, chosen)
    counted = count_probes(url, read, wishes, asked.until_us)
    began_us = start if read.ledgered.intervals else began(url, read)
    tell_outside(asked_period, began_us, read.reached_us, language)
    found = list(figures(read.accounting, histories, asked, chosen, counted))
    if as_json:
        shown = figures_shown(read.accounting, asked, found)
        print_json(
            {"origin": read.origin, "size": read.size, "root": encode_base64(read.root), **shown}
        )
        return
    print_figures(asked, found, language)


def print_figures(asked: "Asked", found: "Sequence[Figure]", lang: Language) -> None:
    """The figures for people: a table, then each outage."""
    from monitor.spoken import day, moment

    period, zone = asked.period, asked.period.zone
    typer.echo(
        say(
            "sla.head",
            lang,
            period=period.text,
            first=day(period.first, lang),
            last=day(period.last, lang),
            zone=zone.key,
        )
    )
    if asked.window[1] < period.window[1]:
        typer.echo(say("sla.so-far", lang, moment=moment(asked.window[1], zone, lang)))
    if not found:
        typer.echo(say("sla.none", lang))
        return
    names = ("target", "objective", "worst", "best", "goal", "outcome", "outages", "longest")
    more = ("unobserved", "maintenance", "excluded", "restitution")
    rows = [_row(figure, lang) for figure in found]
    print_table([say(f"sla.column-{name}", lang) for name in (*names, *more)], rows)
    for figure in found:
        _print_outages(figure, zone, lang)


def _row(figure: "Figure", lang: Language) -> list[str]:
    from monitor.figures_shown import goal_spoken, spoken
    from monitor.spoken import length, number, rupiah

    owed = figure.owed
    money = "–"
    if owed is not None:
        money = rupiah(owed.seen.amount, lang)
        if owed.worst.amount != owed.seen.amount:
            money = f"{money} … {rupiah(owed.worst.amount, lang)}"
    return [
        figure.target,
        figure.objective,
        spoken(figure.worst, figure, lang),
        spoken(figure.best, figure, lang),
        goal_spoken(figure, lang),
        say(f"sla.outcome-{figure.outcome}", lang),
        number(figure.times.count, lang),
        length(figure.times.longest_us, lang),
        length(figure.sums.unseen_us, lang),
        length(figure.sums.maintenance_us, lang),
        length(sum(figure.sums.excluded_us.values()), lang),
        money,
    ]


def _print_outages(figure: "Figure", zone: tzinfo, lang: Language) -> None:
    from monitor.spoken import length, moment

    if not figure.outages:
        return
    typer.echo("")
    typer.echo(say("sla.outages-of", lang, target=figure.target, objective=figure.objective))
    for one in figure.outages[:MOST_OUTAGES]:
        until = say("sla.still", lang) if one.ended_us is None else moment(one.ended_us, zone, lang)
        since, lasted = moment(one.started_us, zone, lang), length(one.unavailable_us, lang)
        typer.echo(say("sla.outage", lang, since=since, until=until, length=lasted))
    if len(figure.outages) > MOST_OUTAGES:
        typer.echo(say("sla.more-outages", lang, count=len(figure.outages) - MOST_OUTAGES))
