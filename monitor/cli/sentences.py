"""The typed errors of the house in words, for the one boundary of the command line.

Told by the names of their classes: naming the classes themselves would import their modules, and
a command whose module was never imported cannot have raised its errors.
"""

from collections.abc import Sequence
from typing import Any

import typer

from monitor.cli.help import usage_sentence
from monitor.text import Language, say

_CODED = frozenset(
    {
        "monitor.ledger.errors.LedgerError",
        "monitor.store.errors.StoreError",
        "monitor.daemon.control.ControlError",
        "monitor.cli.common.CommandError",
    }
)


def sentences(error: Exception, lang: Language) -> list[str] | None:
    """What a typed error says to people; None for a defect, whose traceback is to be seen."""
    typed: Any = error
    names = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__}
    if names & _CODED:
        return [say(typed.code, lang, **typed.values)]
    if "monitor.daemon.control.NoDaemonError" in names:
        return [say("cli.no-daemon", lang, place=str(error))]
    if "monitor.secret.SecretError" in names:
        return [typed.sentence(lang)]
    if "monitor.config.problem.ConfigurationError" in names:
        return _problems(typed.problems, lang)
    if "policies.errors.PolicyErrors" in names:
        return [f"{one.policy}/{one.rule}: {one.sentence(lang)}" for one in typed.errors]
    if isinstance(error, typer.TyperException):
        return _usage(typed, lang)
    return None


def _problems(problems: Sequence[Any], lang: Language) -> list[str]:
    count = "config.problem-count-one" if len(problems) == 1 else "config.problem-count"
    return [*(one.sentence(lang) for one in problems), say(count, lang, count=len(problems))]


def _usage(error: Any, lang: Language) -> list[str]:
    """The framework's words for a command line that it cannot read."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return [error.format_message()]
    hint = [say("cli.usage-hint", lang, command=context.command_path)] if context else []
    return [usage_sentence(error.format_message(), lang), *hint]
