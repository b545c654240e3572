"""The calendar and the time stamps in `sasando now`."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from monitor.text import Language, say, values_of

if TYPE_CHECKING:
    from monitor.config.configuration import Agent, Configuration

Local = Callable[[str | None], str]
"""A moment of the JSON in the city's zone."""


def offline_stamps(
    agent: "Agent", stamped: Mapping[str, tuple[int, bytes]], now_us: int
) -> list[dict[str, Any]]:
    """What the database keeps of each configured authority; `verify` checks it."""
    from monitor.daemon.show import rfc3339
    from monitor.daemon.stamping import Newest, newest_of

    found = []
    for plan in agent.time_stamps:
        one = newest_of(*stamped[plan.name]) if plan.name in stamped else Newest()
        at_us = one.time_us
        found.append(
            {
                "name": plan.name,
                "size": one.size,
                "at": None if at_us is None else rfc3339(at_us),
                "age_s": None if at_us is None else (now_us - at_us) // 1_000_000,
            }
        )
    return found


def offline_calendar(
    configuration: "Configuration", runs: Mapping[str, int], now_us: int
) -> list[dict[str, Any]]:
    """The configured jobs; nobody is at work."""
    from monitor.daemon.calendar import jobs_of, shown

    zone = configuration.agent.timezone
    return [shown(job, zone, runs.get(job.name), now_us) for job in jobs_of(configuration).values()]


def stamp_lines(stamps: Sequence[Mapping[str, Any]], local: Local, lang: Language) -> list[str]:
    """A line for each authority."""
    said = []
    for one in stamps:
        key = "cli.now-stamp-never" if one["at"] is None else "cli.now-stamp"
        values = {"name": one["name"], "size": one["size"] or 0, "moment": local(one["at"])}
        said.append(say(key, lang, **values, hours=(one["age_s"] or 0) // 3_600))
    return said


def calendar_lines(jobs: Sequence[Mapping[str, Any]], local: Local, lang: Language) -> list[str]:
    """A line for each job, and one more for what is wrong with it."""
    said = []
    for one in jobs:
        key = "cli.now-job-running" if one["running"] else "cli.now-job"
        values = {"job": one["job"], "next": local(one["next"]), "over": local(one["over"])}
        said.append(say(key, lang, **values))
        if one["trouble"]:
            why = say(one["trouble"]["code"], lang, **values_of(one["trouble"]["values"]))
            failed = {"attempts": one["attempts"], "failed": local(one["failed"])}
            said.append(say("cli.now-job-failing", lang, job=one["job"], why=why, **failed))
    return said
