"""`sasando drill`: a declared failover measurement by the agent, its trigger by the operator."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from monitor.cli.common import (
    CommandError,
    ConfigOption,
    JsonOption,
    LangOption,
    default_directory,
    print_json,
    printable,
)
from monitor.model import parse_duration
from monitor.text import Language, preferred_language, say

UNKNOWN = 3
MOST_GAPS = 10
"""Gaps that the prose tells one by one."""
LEAST_US, MOST_US = 1_000_000, 1_800_000_000


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("drill")(drill)


def drill(
    link: Annotated[str, typer.Argument(metavar="LINK", help="The link that will fail.")],
    length: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long to measure, at most 30m.")
    ] = "2m",
    most: Annotated[
        str | None,
        typer.Option("--most", metavar="TIME", help="The longest gap that is allowed."),
    ] = None,
    hook: Annotated[
        str | None,
        typer.Option("--hook", metavar="CMD", help="A command that triggers the failover."),
    ] = None,
    after: Annotated[
        str,
        typer.Option("--after", metavar="TIME", help="How long all must be calm before that."),
    ] = "5s",
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the entry.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Measure a declared failover: ten numbered probes a second, gaps, path, signed entry.

    Only inside a window that the inventory declares under `drills:` of the link. Without a hook
    the command says when to pull the cable. Exits with 0 when the service stayed up or came back,
    1 when it did not or a gap was above --most, 3 when refused or nothing could be measured.

    Example: sasando drill dukcapil-fo --for 3m --most 5s --reason "letter 555/9"
    """
    from monitor.cli.drill_call import Trigger, carried_out
    from monitor.cli.running import read_configuration
    from monitor.daemon.drill_show import exit_code

    language = preferred_language(lang)
    for_us = _duration("--for", length, LEAST_US)
    request = {
        "link": link,
        "for_us": for_us,
        "most_us": None if most is None else _duration("--most", most, 0),
        "reason": reason,
        "hook": hook is not None,
    }
    trigger = Trigger(hook=hook, after_us=_duration("--after", after, 0), lang=language)
    if trigger.after_us >= for_us:
        raise CommandError("drill.after-long", UNKNOWN)
    control = read_configuration(config or default_directory()).agent.control
    found = carried_out(control, request, trigger, quiet=as_json)
    if as_json:
        print_json(found)
    else:
        print_drill(found, language)
    code = exit_code(found)
    raise typer.Exit(UNKNOWN if code == 0 and trigger.failed else code)


def _duration(option: str, text: str, least_us: int) -> int:
    try:
        found = parse_duration(text)
    except ValueError:
        raise CommandError("drill.duration", UNKNOWN, option=option, value=text) from None
    if not least_us <= found <= MOST_US:
        raise CommandError("drill.duration-bounds", UNKNOWN, option=option, value=text)
    return found


def print_drill(found: Mapping[str, Any], lang: Language) -> None:
    """The result for people; what a peer answered cannot steer their terminal."""
    for line in lines_of(found, lang):
        typer.echo(printable(line))


def lines_of(found: Mapping[str, Any], lang: Language) -> list[str]:
    """What the drill came to, line by line."""
    words = {name: found[name] for name in ("link", "address", "sent", "answered", "lost")}
    lines = [
        say(f"drill.outcome-{found['outcome']}", lang, **words),
        say("drill.counts", lang, **words, unmeasured=found["unmeasured"]),
    ]
    if found["ended"] != "complete":
        lines.append(say(f"drill.ended-{found['ended']}", lang))
    if found["faults"]:
        faults = ", ".join(f"{kind} {count}" for kind, count in sorted(found["faults"].items()))
        lines.append(say("drill.faults", lang, faults=faults))
    lines += [_gap_line(gap, lang) for gap in found["gaps"][:MOST_GAPS]]
    if found["gap_count"] > MOST_GAPS:
        lines.append(say("drill.more-gaps", lang, count=found["gap_count"] - MOST_GAPS))
    lines.append(say(f"drill.path-{_word(found.get('path_changed'))}", lang))
    for name in ("before", "during", "after"):
        if (routers := found.get(f"path_{name}")) is not None:
            lines.append(say(f"drill.routers-{name}", lang, routers=" → ".join(routers) or "–"))
    if found.get("path_changed"):
        lines.append(say(f"drill.returned-{_word(found.get('path_returned'))}", lang))
    lines += _links(found, lang)
    return [*lines, _recorded(found, lang)]


def _gap_line(gap: Mapping[str, Any], lang: Language) -> str:
    words = {
        "since": gap["since"],
        "lost": gap["lost"],
        "least": _seconds(gap["least_ms"]),
        "path": say(f"drill.gap-path-{_word(gap.get('first_path'))}", lang),
    }
    if "most_ms" not in gap:
        return say("drill.gap-open", lang, **words)
    length, most = _seconds(gap["gap_ms"]), _seconds(gap["most_ms"])
    return say("drill.gap", lang, **words, gap=length, most=most)


def _seconds(ms: float) -> str:
    return f"{ms / 1_000:.2f} s"


def _word(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "unknown"}[value]


def _links(found: Mapping[str, Any], lang: Language) -> list[str]:
    after = found["links_after"]
    return [
        say(
            "drill.link",
            lang,
            link=link,
            before=say(f"cli.state-{state}", lang),
            after=say(f"cli.state-{after[link]}", lang) if link in after else "–",
        )
        for link, state in found["links_before"].items()
    ]


def _recorded(found: Mapping[str, Any], lang: Language) -> str:
    if found["entry"] is None:
        return say("drill.unrecorded", lang, begun=found["begun_entry"])
    return say("drill.recorded", lang, entry=found["entry"], begun=found["begun_entry"])
