"""`sasando policy lint` and `test`; `explain` is `monitor.cli.explaining`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from monitor.cli.common import (
    ConfigOption,
    JsonOption,
    LangOption,
    load_configuration,
    print_json,
    print_table,
    printable,
)
from monitor.cli.explaining import explain
from monitor.text import Language, preferred_language, say

if TYPE_CHECKING:
    from monitor.config.configuration import Configuration
    from policies.lint import Finding

FOUND = 1


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    policy = typer.Typer(help="The policies.", no_args_is_help=True)
    policy.command("lint")(lint)
    policy.command("test")(run_tests)
    policy.command("explain")(explain)
    app.add_typer(policy, name="policy")


def lint(config: ConfigOption = None, as_json: JsonOption = False, lang: LangOption = None) -> None:
    """Look for what is doubtful in the policies in force, own ones and packs.

    Exits with 1 when there is an error among the findings; warnings are only shown.

    Example: sasando policy lint
    """
    from checks.table import KINDS
    from policies.lint import lint as findings_of

    language = preferred_language(lang)
    configuration = load_configuration(config)
    looks: dict[str, set[str]] = {}
    for one in configuration.assignments:
        looks.setdefault(one.target, set()).add(one.check)
    targets = [(configuration.targets[key], checks) for key, checks in looks.items()]
    defaults = [f"{kind.name}-available" for kind in KINDS.values() if kind.available]
    findings = findings_of(configuration.policies, targets, defaults)
    errors = sum(finding.level == "error" for finding in findings)
    if as_json:
        print_json([_finding(finding, language) for finding in findings])
    else:
        for finding in findings:
            name = "/".join(part for part in (finding.policy, finding.rule) if part)
            level = say(f"cli.lint-{finding.level}", language)
            typer.echo(f"{level}: {name}: {printable(finding.sentence(language))}")
        rules = sum(len(policy.rules) for policy in configuration.policies)
        values = {"policies": len(configuration.policies), "rules": rules, "errors": errors}
        typer.echo(
            say("cli.lint-count", language, warnings=len(findings) - errors, **values), err=True
        )
    if errors:
        raise typer.Exit(FOUND)


def _finding(finding: "Finding", lang: Language) -> dict[str, str]:
    return {
        "level": finding.level,
        "policy": finding.policy,
        "rule": finding.rule,
        "code": finding.code,
        "what": finding.sentence(lang),
    }


def run_tests(
    config: ConfigOption = None, as_json: JsonOption = False, lang: LangOption = None
) -> None:
    """Run the cases that are written beside the rules.

    Exits with 1 when a case fails, or when there is not a single one.

    Example: sasando policy test
    """
    from policies.cases import run_cases

    language = preferred_language(lang)
    configuration = load_configuration(config)
    results = [result for policy in configuration.policies for result in run_cases(policy)]
    failed = [result for result in results if not result.passed]
    if as_json:
        print_json(
            [
                {
                    "policy": one.policy,
                    "rule": one.rule,
                    "case": one.index + 1,
                    "expected": one.expected,
                    "got": one.got,
                    "passed": one.passed,
                    "detail": one.detail,
                }
                for one in results
            ]
        )
    else:
        _print_tests(configuration, results, language)
    if failed or not results:
        raise typer.Exit(FOUND)


def _print_tests(configuration: "Configuration", results: Sequence[Any], lang: Language) -> None:
    """A line for each rule, then each failed case."""
    rows = []
    for policy in configuration.policies:
        for rule in policy.rules:
            own = [r for r in results if (r.policy, r.rule) == (policy.name, rule.id)]
            passed = sum(result.passed for result in own)
            good = bool(own) and passed == len(own)
            word = "cli.test-passed" if good else "cli.test-failed" if own else "cli.test-none"
            rows.append((policy.name, rule.id, rule.check, f"{passed}/{len(own)}", say(word, lang)))
    names = ("policy", "rule", "check", "cases", "outcome")
    styles = {say("cli.test-passed", lang): "green", say("cli.test-failed", lang): "red"}
    print_table([say(f"cli.head-{name}", lang) for name in names], rows, styles)
    for one in results:
        if not one.passed:
            values = {"number": one.index + 1, "expected": one.expected, "got": one.got}
            where = f"{one.policy}/{one.rule}"
            sentence = say("cli.test-wrong", lang, rule=where, detail=one.detail or "–", **values)
            typer.echo(printable(sentence))
    passed = sum(one.passed for one in results)
    typer.echo(say("cli.test-count", lang, passed=passed, count=len(results)), err=True)
