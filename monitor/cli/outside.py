"""The notice that a period lies wholly outside of what a log tells of."""

from typing import TYPE_CHECKING

import typer

from monitor.text import Language, say

if TYPE_CHECKING:
    from policies.period import Period


def tell_outside(period: "Period", began_us: int | None, reached_us: int, lang: Language) -> None:
    """One line on stderr where no observation can have been made in the period; else nothing.

    `began_us` and `reached_us`: the oldest and the newest moment (UTC µs) that the log tells of,
    None where it tells of no observation at all.
    """
    from monitor.spoken import moment

    start_us, end_us = period.window
    if began_us is None:
        typer.echo(say("sla.observed-nothing", lang, period=period.text), err=True)
    elif end_us <= began_us:
        first = moment(began_us, period.zone, lang)
        typer.echo(say("sla.before-log", lang, period=period.text, moment=first), err=True)
    elif start_us > reached_us:
        last = moment(reached_us, period.zone, lang)
        typer.echo(say("sla.after-log", lang, period=period.text, moment=last), err=True)
