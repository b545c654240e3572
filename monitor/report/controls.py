"""What the controls of the rule books came to, by the rules that name them. Pure.

A rule counts to a control when it names it: whoever wrote the policy said so. Two kinds do not
count as they stand: rules of the agent's own machine, which say nothing of the city, and rules
whose check can only speak against the aspects of that control; these count where they are violated.
"""

from collections.abc import Iterator, Mapping, Sequence

from monitor.accounting import Accounting
from monitor.report.model import BookLine, ControlLine, ObjectiveLine
from monitor.rulebook import BookTerms, ControlTerms, Rulebook, RuleTerms
from policies.aspects import (
    ASPECTS,
    OF_THE_AGENT,
    Aspect,
    AspectOutcome,
    EvidenceClass,
    RuleSum,
    outcome_of,
)


def book_lines(
    rulebook: Rulebook,
    accounting: Accounting,
    sums: Sequence[RuleSum],
    outcomes: Sequence[ObjectiveLine],
    kept: Sequence[bool | None],
) -> Iterator[BookLine]:
    """Each book of the configuration, each of its controls."""
    by_rule: dict[str, list[RuleSum]] = {}
    for one in sums:
        by_rule.setdefault(one.key, []).append(one)
    naming = _naming(rulebook.rules)
    measured = {(one.policy, one.id): set(one.measured_by) for one in accounting.objectives}
    for book in rulebook.books:
        lines = []
        for terms in book.controls:
            name = f"{book.book}:{terms.id}"
            rules = naming.get(name, ())
            ids = {rule.id for rule in rules if not _only_against(rule, name)}
            objectives = [o for o in outcomes if ids & measured[o.policy, o.objective]]
            lines.append(_line(book, terms, rules, by_rule, objectives, kept))
        yield BookLine(terms=book, controls=tuple(lines))


def _naming(rules: Mapping[str, RuleTerms]) -> dict[str, list[RuleTerms]]:
    """The rules that name each control."""
    found: dict[str, list[RuleTerms]] = {}
    for rule in rules.values():
        if rule.check not in OF_THE_AGENT:
            for control in dict.fromkeys(rule.controls):
                found.setdefault(control, []).append(rule)
    return found


def _only_against(rule: RuleTerms, control: str) -> bool:
    """Whether its check can disprove an aspect of the control, and say nothing else of any."""
    return any(one.speaks_against(rule.check, [control]) for one in ASPECTS) and not any(
        one.counts(rule.check, [control]) for one in ASPECTS
    )


def _line(
    book: BookTerms,
    terms: ControlTerms,
    rules: Sequence[RuleTerms],
    by_rule: Mapping[str, list[RuleSum]],
    objectives: Sequence[ObjectiveLine],
    kept: Sequence[bool | None],
) -> ControlLine:
    name = f"{book.book}:{terms.id}"
    sums, against = [], []
    for rule in rules:
        found = by_rule.get(rule.key, [])
        if _only_against(rule, name):
            against += [one for one in found if one.incidents]
        else:
            sums += found
    drilled = kept if any(one.drills and one.names([name]) for one in ASPECTS) else ()
    spoken = [*sums, *against]
    words = [one.outcome for one in objectives]
    return ControlLine(
        terms=terms,
        outcome=_outcome(terms, sums, words, drilled, against),
        rules=tuple(dict.fromkeys(one.key for one in spoken if one.decided or one.incidents)),
        targets=len({one.target for one in spoken}),
        decided=sum(one.decided for one in sums),
        standing=sum(one.incidents - one.waived for one in spoken if not one.by_objective),
        objectives=len(objectives),
        missed=words.count("missed"),
        drills=len(drilled),
    )


def _outcome(
    terms: ControlTerms,
    sums: Sequence[RuleSum],
    words: Sequence[str],
    drilled: Sequence[bool | None],
    against: Sequence[RuleSum],
) -> AspectOutcome:
    """As of an aspect that a probe can disprove and not prove."""
    control = Aspect(
        id=terms.id, title=terms.title, evidence=EvidenceClass.PARTIAL, controls=(terms.id,)
    )
    return outcome_of(control, sums, words, drilled, against)
