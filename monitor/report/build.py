"""From what the entries hold to what a report says. Pure and exact.

`report_of` is the one function that makes a report, for the agent and for whoever checks it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from monitor.accounting import TEXT_NAME, Accounting
from monitor.figures import COMPUTED, Asked, Figure, Probed, figures, standings, wanted
from monitor.history import Histories
from monitor.ledger.entry import ConfigurationInForce, SeriesDefined
from monitor.ledger.signer import encode_base64
from monitor.probed import probed
from monitor.report.controls import book_lines
from monitor.report.drilled import drill_line
from monitor.report.gather import Gathered, Incident
from monitor.report.hours import delay_tracks
from monitor.report.model import (
    NOT_COMPUTED,
    AspectLine,
    BoundaryLine,
    ConfigurationLine,
    Coverage,
    DebtLine,
    ObjectiveLine,
    Report,
)
from monitor.report.postures import SERVICE, Read, access_lines, certificates
from monitor.report.sites import DEBT, debt_lines, site_lines
from monitor.rulebook import RULES_TEXT, Rulebook, Waiver
from policies.aspects import ASPECTS, REACH, Aspect, RuleSum, outcome_of
from policies.availability import Piece, availability, pieces
from policies.period import day_of

WARNING = 1


Entries = Callable[[], Iterable[tuple[int, bytes]]]
"""The entries of the log once more, from the first one on."""


def report_of(found: Gathered, asked: Asked, root: bytes, record: Read, entries: Entries) -> Report:
    """The report of a period from one pass over the entries of its log.

    Another pass is made where singletons decide an objective: only then is it known which of them
    count. EntryError for an entry that cannot follow.
    """
    accounting, rulebook = found.accounting, found.rulebook
    if accounting is None or rulebook is None:
        raise ValueError("gather first")
    histories = Histories(found.ledgered(), asked.until_us, accounting.renamed())
    wishes = wanted(accounting, histories, asked, None)
    counted = probed(entries(), wishes, asked.until_us, found.start) if wishes else {}
    done = tuple(figures(accounting, histories, asked, None, counted))
    incidents = tuple(found.incidents())
    waivers = _waivers(rulebook)
    sums = _sums(found.sums(), incidents, waivers, accounting, asked)
    sites = tuple(site_lines(accounting, histories, asked.window))
    debts = tuple(debt_lines(accounting, sites))
    outcomes = _outcomes(accounting, done, debts)
    drills = tuple(drill_line(entry, act) for entry, act in found.drills)
    kept = [one.kept for one in drills]
    newest = found.configurations[-1][1]
    return Report(
        origin=found.origin,
        vantage=found.vantage,
        size=found.size,
        root=encode_base64(root),
        asked=asked,
        accounting=accounting,
        accounting_sha256=newest.texts[TEXT_NAME].hex(),
        rules=rulebook.rules,
        rules_sha256=newest.texts[RULES_TEXT].hex(),
        configurations=tuple(_configurations(found.configurations, asked)),
        aspects=tuple(_aspect(one, sums, rulebook, accounting, outcomes, kept) for one in ASPECTS),
        books=tuple(book_lines(rulebook, accounting, sums, outcomes, kept)),
        figures=done,
        standings=dict(_standings(accounting, histories, asked, counted)),
        coverage=tuple(_coverage(accounting, histories, asked)),
        delays=tuple(delay_tracks(found, asked.window)),
        incidents=incidents,
        sites=sites,
        debts=debts,
        drills=drills,
        certificates=tuple(certificates(found, record)),
        access=tuple(access_lines(found, record, _services(accounting))),
        zones_measured=any(
            one.decided and one.key in rulebook.rules and rulebook.rules[one.key].check in REACH
            for one in sums
        ),
        waivers=waivers,
        declarations=tuple(found.ledgered().declarations),
        silences=tuple(row for _, row in sorted(found.silences.items())),
        losses=dict(sorted(found.losses.items())),
        boundary=_boundary(found),
    )


def _boundary(found: Gathered) -> BoundaryLine | None:
    at = found.boundary
    if at is None:
        return None
    return BoundaryLine(entries=at.index, told=at.told, until_us=at.reached_us)


def deciding(histories: Histories, target: str) -> list[SeriesDefined]:
    """Every series of a target that any rule of availability judges and that was ever observed."""
    return [
        one
        for one in histories.ledgered.series
        if histories.key_of(one.target) == target
        and one.rules
        and one.rules[0]
        and histories.ledgered.fold.until_us(one.number)
    ]


def _services(accounting: Accounting) -> Iterator[str]:
    return (key for key, terms in accounting.targets.items() if terms.kind == SERVICE)


def _standings(
    accounting: Accounting, histories: Histories, asked: Asked, counted: Probed
) -> Iterator[tuple[tuple[str, str, str], tuple[Piece, ...]]]:
    for one in accounting.objectives:
        if one.indicator != "availability":
            continue
        owed = one.hours.inside(asked.period)
        for target in one.targets:
            series = histories.series_of(target, one.measured_by)
            probes = counted.get((one.policy, one.id, target))
            found = standings(
                accounting, one, target, histories, asked.window, owed, series, probes
            )
            yield (one.policy, one.id, target), tuple(found)


def _coverage(accounting: Accounting, histories: Histories, asked: Asked) -> Iterator[Coverage]:
    for key, terms in accounting.targets.items():
        if terms.kind in ("canary", "agent"):
            continue
        series = deciding(histories, key)
        if terms.kind == "site" and not series:
            continue  # nothing says what "available" means of it
        found = tuple(pieces(histories.of(key, terms.site, series), asked.window))
        yield Coverage(target=key, sums=availability(found), pieces=found, watched=bool(series))


def _waivers(rulebook: Rulebook) -> tuple[Waiver, ...]:
    found = [one for rule in rulebook.rules.values() for one in rule.waivers]
    return tuple(sorted(found, key=lambda one: (one.policy, one.rule, one.target)))


def _sums(
    sums: Iterable[RuleSum],
    incidents: Iterable[Incident],
    waivers: Sequence[Waiver],
    accounting: Accounting,
    asked: Asked,
) -> list[RuleSum]:
    """The sums with the incidents of the period, and whether an objective decides."""
    stood: dict[tuple[str, str, str], list[Incident]] = {}
    for one in incidents:
        if one.row.severity >= WARNING:
            key = one.row.policy, one.row.rule, one.row.target
            stood.setdefault(key, []).append(one)
    until = {(one.policy, one.rule, one.target): one.until for one in waivers}
    owed = {
        (rule, target)
        for one in accounting.objectives
        if one.indicator in (*COMPUTED, DEBT)
        for rule in one.measured_by
        for target in one.targets
    }
    found = {(one.policy, one.rule, one.target): one for one in sums}
    for key in stood:
        found.setdefault(key, _unseen(key))
    return [
        replace(
            one,
            incidents=len(stood.get(key, ())),
            waived=sum(_accepted(until.get(key), item, asked) for item in stood.get(key, ())),
            by_objective=(one.rule, one.target) in owed,
        )
        for key, one in sorted(found.items())
    ]


def _unseen(key: tuple[str, str, str]) -> RuleSum:
    """Of a rule whose incident stood although nothing was observed in the period."""
    policy, rule, target = key
    return RuleSum(
        policy=policy, rule=rule, target=target, compliant=0, violated=0, indeterminate=0
    )


def _accepted(until: str | None, incident: Incident, asked: Asked) -> bool:
    """A waiver must hold to the end of the incident, or of the period if that comes first."""
    if until is None:
        return False
    row, end_us = incident.row, asked.window[1]
    last_us = end_us if row.ended_since_us is None else min(row.ended_since_us, end_us)
    return day_of(last_us - 1, ZoneInfo("UTC")).isoformat() <= until


def _outcomes(
    accounting: Accounting, done: Sequence[Figure], debts: Sequence[DebtLine]
) -> list[ObjectiveLine]:
    """Every objective on every target, computed or not."""
    found = {(one.policy, one.objective, one.target): one.outcome.value for one in done}
    found |= {(one.policy, one.objective, one.site): one.outcome.value for one in debts}
    return [
        ObjectiveLine(
            policy=one.policy,
            objective=one.id,
            target=target,
            outcome=found.get((one.policy, one.id, target), NOT_COMPUTED),
        )
        for one in accounting.objectives
        for target in one.targets
    ]


def _aspect(
    aspect: Aspect,
    sums: Sequence[RuleSum],
    rulebook: Rulebook,
    accounting: Accounting,
    outcomes: Sequence[ObjectiveLine],
    kept: Sequence[bool | None],
) -> AspectLine:
    rules = rulebook.rules
    own = {key for key, one in rules.items() if aspect.counts(one.check, one.controls)}
    against = {key for key, one in rules.items() if aspect.speaks_against(one.check, one.controls)}
    named = {key.rpartition("/")[2] for key in own}
    measured = {
        (one.policy, one.id) for one in accounting.objectives if named & set(one.measured_by)
    }
    counted = tuple(one for one in sums if one.key in own)
    disproving = tuple(one for one in sums if one.key in against and one.incidents)
    objectives = tuple(one for one in outcomes if (one.policy, one.objective) in measured)
    drilled = kept if aspect.drills else ()
    words = [one.outcome for one in objectives]
    return AspectLine(
        aspect=aspect,
        outcome=outcome_of(aspect, counted, words, drilled, disproving),
        sums=counted,
        against=disproving,
        objectives=objectives,
        drills=len(drilled),
    )


def _configurations(
    found: Sequence[tuple[int, ConfigurationInForce]], asked: Asked
) -> Iterator[ConfigurationLine]:
    """The one that stood when the period began, and those put in force within it."""
    start, end = asked.window
    before = [pair for pair in found if pair[1].at_us <= start][-1:]
    for entry, one in [*before, *(pair for pair in found if start < pair[1].at_us < end)]:
        yield ConfigurationLine(
            entry=entry,
            at_us=one.at_us,
            program=one.program,
            accounting_sha256=_hex(one.texts, TEXT_NAME),
            rules_sha256=_hex(one.texts, RULES_TEXT),
            texts={name: digest.hex() for name, digest in sorted(one.texts.items())},
        )


def _hex(texts: Mapping[str, bytes], name: str) -> str:
    digest = texts.get(name)
    return digest.hex() if digest is not None else ""
