"""`sasando policy explain`: a verdict, value by value."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import (
    CommandError,
    ConfigOption,
    JsonOption,
    LangOption,
    load_configuration,
    print_json,
    printable,
)
from monitor.nearest import unknown
from monitor.text import Language, preferred_language, say

if TYPE_CHECKING:
    from monitor.config.configuration import Configuration
    from monitor.model import Target, Verdict
    from policies.explain import Explanation
    from policies.rule import Rule

EVIDENCE_LIMIT = 1_000_000
"""Bytes of a file of evidence."""


def explain(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="A rule's id, or POLICY/RULE.")],
    target: Annotated[
        str, typer.Option("--target", metavar="T", help="Name of a target of the inventory.")
    ],
    evidence: Annotated[
        str | None,
        typer.Option(
            "--evidence",
            metavar="FILE.json",
            help="Evidence as `sasando check --json` prints it, - for standard input; "
            "without it the agent is asked for its newest observation.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Explain a verdict, value by value.

    Example: sasando policy explain tls-no-legacy --target website
    """
    from policies.explain import explain as explanation_of

    language = preferred_language(lang)
    configuration = load_configuration(config)
    chosen, subject = _rule(configuration, rule), _target(configuration, target)
    if evidence is None:
        seen = list(_newest(configuration, chosen.check, target))
    else:
        seen = [_Seen(facts=_facts(_read(evidence), chosen.check, language))]
    told = [(one, explanation_of(chosen, one.facts, subject.facts())) for one in seen]
    if as_json:
        print_json([_as_object(subject.key, one, explanation) for one, explanation in told])
        return
    for one, explanation in told:
        _print_explanation(subject, one, explanation, language)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What a verdict is explained of; `at` and `family` where the agent observed it."""

    facts: Mapping[str, Any]
    at: str | None = None
    family: int | None = None
    fault: str | None = None


def _rule(configuration: "Configuration", name: str) -> "Rule":
    """The rule by `id` or `policy/id`, the checks' own ones as `default/…` too."""
    from checks.table import KINDS
    from policies.rule import default_rule

    rules = [rule for policy in configuration.policies for rule in policy.rules]
    rules += [
        default_rule(kind.name, kind.available, kind.evidence.FACTS)
        for kind in KINDS.values()
        if kind.available
    ]
    names = {f"{rule.policy}/{rule.id}": rule for rule in rules}
    for rule in rules:
        names.setdefault(rule.id, rule)
    if name not in names:
        code, told = unknown("cli.unknown-rule", name, names)
        raise CommandError(code, **told)
    return names[name]


def _target(configuration: "Configuration", name: str) -> "Target":
    if name not in configuration.targets:
        code, told = unknown("cli.unknown-target", name, configuration.targets)
        raise CommandError(code, **told)
    return configuration.targets[name]


def _newest(configuration: "Configuration", check: str, target: str) -> Iterator[_Seen]:
    """What the daemon saw last of this check, for each address family."""
    from monitor.daemon.control import ControlError, NoDaemonError, ask

    try:
        answer = ask(configuration.agent.control, "latest", target=target)
    except NoDaemonError:
        raise CommandError("cli.explain-no-agent", target=target) from None
    except ControlError as error:
        if error.code != "cli.request":
            raise
        raise CommandError("cli.explain-nothing", target=target, check=check) from None
    own = [one for one in answer if one["check"] == check]
    if not own:
        raise CommandError("cli.explain-nothing", target=target, check=check)
    for one in own:
        yield _Seen(
            facts=_facts(one["evidence"] or {}, check, "en"),
            at=one["started_at"],
            family=one["family"],
            fault=one["fault"]["kind"] if one["fault"] else None,
        )


def _read(place: str) -> Mapping[str, Any]:
    """The evidence in a file: itself, an observation that holds it, or a list of one."""
    try:
        if place == "-":
            raw = sys.stdin.buffer.read(EVIDENCE_LIMIT + 1)
        else:
            with Path(place).open("rb") as file:
                raw = file.read(EVIDENCE_LIMIT + 1)
        if len(raw) > EVIDENCE_LIMIT:
            raise CommandError("cli.evidence-long", place=place, limit=EVIDENCE_LIMIT)
        found = json.loads(raw)
    except OSError as error:
        raise CommandError("cli.unreadable", place=place, cause=error.strerror or "") from None
    except (ValueError, RecursionError):
        raise CommandError("cli.evidence-json", place=place) from None
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    if isinstance(found, dict) and "evidence" in found:
        found = found["evidence"]
    if not isinstance(found, dict):
        raise CommandError("cli.evidence-json", place=place)
    return found


def _facts(evidence: Mapping[str, Any], check: str, lang: Language) -> Mapping[str, Any]:
    """The facts of some evidence; CommandError for one that this check does not have."""
    from checks.table import KINDS
    from policies.facts import flatten

    facts, misfits = flatten(_without_null(evidence), KINDS[check].evidence.FACTS)
    if misfits:
        first = misfits[0]
        why = say(f"policies.{first.code}", lang, **first.values)
        raise CommandError("cli.evidence-misfit", check=check, why=why)
    return facts


def _without_null(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """JSON's null says what absence says: undefined."""
    return {
        name: _without_null(value) if isinstance(value, dict) else value
        for name, value in evidence.items()
        if value is not None
    }


def _as_object(target: str, seen: _Seen, explanation: "Explanation") -> dict[str, Any]:
    rule = explanation.rule
    word, reasons = _verdict(explanation.verdict)
    return {
        "policy": rule.policy,
        "rule": rule.id,
        "check": rule.check,
        "target": target,
        "started_at": seen.at,
        "family": seen.family,
        "fault": seen.fault,
        "applies": explanation.applies,
        "verdict": word,
        "reasons": list(reasons),
        "require": rule.require.text,
        "facts": dict(explanation.facts),
        "steps": [
            {"depth": s.depth, "expression": s.text, "value": s.value, "outcome": s.outcome}
            for s in explanation.steps
        ],
    }


def _verdict(verdict: "Verdict") -> tuple[str, tuple[str, ...]]:
    from monitor.model import VERDICT_WORDS, Indeterminate, Violated

    word = VERDICT_WORDS[type(verdict)]
    if isinstance(verdict, Violated):
        return word, verdict.reasons
    if isinstance(verdict, Indeterminate):
        return word, (f"{verdict.why} {verdict.detail}".strip(),)
    return word, ()


def _print_explanation(
    target: "Target", seen: _Seen, explanation: "Explanation", lang: Language
) -> None:
    rule = explanation.rule
    word, reasons = _verdict(explanation.verdict)
    family = f" IPv{seen.family}" if seen.family else ""
    typer.echo(f"{rule.policy}/{rule.id}  {rule.title.get(lang, '')}".rstrip())
    typer.echo(f"{target.key}  {rule.check}{family}  {seen.at or ''}".rstrip())
    if seen.fault:
        typer.echo(say("cli.explain-fault", lang, fault=seen.fault))
    if not explanation.applies:
        typer.echo(say("cli.explain-not-applied", lang, applies=rule.applies_to.text))
    typer.echo(f"{say(f'cli.verdict-{word}', lang)}: {'; '.join(reasons)}".rstrip(": "))
    width = max(len(step.text) + 2 * step.depth for step in explanation.steps)
    typer.echo("")
    for step in explanation.steps:
        text = "  " * step.depth + step.text
        typer.echo(f"  {printable(text):<{width}}  {printable(step.value)}")
