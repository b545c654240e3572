"""What a report says of a month whose truth is known."""

import json
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.accounting import AccountingError
from monitor.goals import Outcome
from monitor.ledger.batch import Row
from monitor.ledger.entry import ConfigurationInForce, EntryError, LogOpened, OperatorAct
from monitor.ledger.wire import encode
from monitor.model import FaultKind
from monitor.report.drilled import drill_line
from monitor.report.gather import gather
from monitor.report.model import AspectLine, Report
from monitor.report.shown import shown, to_bytes
from monitor.rulebook import Rulebook, RulebookError, Waiver
from policies.aspects import AspectOutcome
from policies.period import parse_period
from tests.report import scene
from tests.report.scene import END_US, HOUR_US, START_US, STEP_US, Scene, month, ping


@pytest.fixture(scope="module")
def october() -> Report:
    """The report of the whole month."""
    return month().report()


def aspect(report: Report, name: str) -> AspectLine:
    """The line of one aspect."""
    return next(one for one in report.aspects if one.aspect.id == name)


def test_the_figures_are_those_of_the_accounting_rules(october: Report) -> None:
    """Eight hours down and 115 minutes unseen of 744 hours; restitution for the eight alone."""
    (figure,) = october.figures
    assert figure.outcome is Outcome.MISSED
    assert figure.sums.unavailable_us == 8 * HOUR_US
    # A state holds for 1.5 of the ten minutes: of the two hours five minutes were still known.
    assert figure.sums.unseen_us == 2 * HOUR_US - 300_000_000
    assert figure.owed is not None
    fee, down, base, goal = 10_000_000, 8 * HOUR_US, 744 * HOUR_US, Decimal("0.995")
    exact = Decimal(fee) * down / (base * goal)
    assert figure.owed.seen.amount == exact.quantize(Decimal("0.01"))


def test_the_sums_of_every_target_are_the_window(october: Report) -> None:
    """Available, unavailable, unobserved, maintained and excluded time add up to the month."""
    for one in october.coverage:
        sums = one.sums
        parts = sums.base_us + sums.maintenance_us + sum(sums.excluded_us.values())
        assert parts == sums.window_us == END_US - START_US
    by_target = {one.target: one for one in october.coverage}
    assert not by_target["situs"].watched
    assert by_target["situs"].sums.unseen_us == END_US - START_US
    assert by_target["taman"].sums.maintenance_us == 2 * HOUR_US
    assert by_target["taman"].sums.excluded_us == {"power": HOUR_US}


def test_an_incident_has_its_response_times(october: Report) -> None:
    """Confirmed, told and acknowledged after 20, 21 and 60 minutes, over after eight hours."""
    (one,) = october.incidents
    since_us = one.row.since_us
    assert one.row.opened_us - since_us == 1_200_000_000
    assert one.told_us == since_us + 1_260_000_000
    assert one.acknowledged_us == since_us + HOUR_US
    assert one.row.ended_since_us == since_us + 8 * HOUR_US
    assert one.row.acknowledged_by == "budi"


def test_a_report_lists_silences_and_what_they_held_back(october: Report) -> None:
    """By what, from when to when; the figures know nothing of it."""
    (silence,) = october.silences
    (one,) = october.incidents
    assert one.held is not None
    assert (one.held.hold, one.held.released_us) == (("silence", silence.id), one.told_us)
    plain = shown(october)
    assert plain["incidents"][0]["held"]["by"] == plain["silences"][0]["id"] == silence.id
    assert plain["silences"][0]["rules"] == ["link-answers"]
    assert plain["silences"][0]["ended_by"] is None


def test_redundancy_debt_is_the_time_on_one_link(october: Report) -> None:
    """While the primary link was down the backup carried: eight hours of debt, no outage."""
    (site,) = october.sites
    assert (site.site, site.links) == ("balai", ("balai-fo", "balai-lte"))
    assert site.time.debt_us == 8 * HOUR_US
    assert site.time.outage_us == 0


def test_aspects_follow_measurements_and_nothing_else(october: Report) -> None:
    """Each outcome of the table occurs for its reason."""
    outcomes = {one.aspect.id: one.outcome for one in october.aspects}
    assert outcomes["network-availability"] is AspectOutcome.NOT_MET
    assert outcomes["encryption"] is AspectOutcome.MET
    assert outcomes["confidentiality"] is AspectOutcome.NOT_DISPROVED
    assert outcomes["disaster-recovery"] is AspectOutcome.NOT_DISPROVED
    assert outcomes["room-security"] is AspectOutcome.NOT_MEASURABLE
    # A rule about routers names a firewall's control, and measures no firewall.
    assert outcomes["firewall"] is AspectOutcome.NOT_MEASURABLE
    assert len(october.aspects) == 19


def test_controls_come_to_what_the_rules_that_name_them_say(october: Report) -> None:
    """Measured, missed, drilled, only disproved, or not measured at all; never met."""
    (book,) = october.books
    lines = {one.terms.id: one for one in book.controls}
    outcomes = {name: one.outcome for name, one in lines.items()}
    assert outcomes == {
        "A.5.30": AspectOutcome.NOT_DISPROVED,
        "A.7.1": AspectOutcome.NOT_MEASURABLE,
        "A.8.3": AspectOutcome.NOT_DISPROVED,
        "A.8.6": AspectOutcome.NOT_MEASURABLE,
        "A.8.14": AspectOutcome.NOT_MET,
        "A.8.20": AspectOutcome.NOT_MEASURABLE,
        "A.8.24": AspectOutcome.NOT_DISPROVED,
    }
    assert (lines["A.5.30"].drills, lines["A.8.14"].missed) == (1, 1)
    assert lines["A.8.24"].rules == ("tls/tls-trusted",)


def heard(incident: bool) -> Report:
    """Routers were listened to; perhaps one was there that nobody configured."""
    made = Scene(objectives=())
    made.begin()
    made.series(0, "balai-fo", "vrrp", "", "gateway/vrrp-open")
    made.observe([Row(0, 0, 1, 3 if incident else 0, None, None, (1,))], check="vrrp")
    if incident:
        opened = scene.step(None, 0, "opened", START_US + HOUR_US, START_US + 1)
        made.add(replace(opened, check="vrrp", policy="gateway", rule="vrrp-open"))
    return made.report()


@pytest.mark.parametrize(
    ("incident", "outcome"),
    [(False, AspectOutcome.NOT_MEASURABLE), (True, AspectOutcome.NOT_MET)],
)
def test_a_rogue_router_speaks_against_network_security(
    incident: bool, outcome: AspectOutcome
) -> None:
    """Its absence is no proof of anything, in the aspect as in the control."""
    report = heard(incident)
    assert aspect(report, "network-security").outcome is outcome
    assert aspect(report, "firewall").outcome is AspectOutcome.NOT_MEASURABLE
    (line,) = (one for one in report.books[0].controls if one.terms.id == "A.8.20")
    assert (line.outcome, line.standing) == (outcome, int(incident))


def test_the_agents_own_machine_says_nothing_of_a_control() -> None:
    """Its disk has space: nothing follows for the capacity of the city's network."""
    disk = scene.rule("health", "disk", "host", "iso27001:A.8.6")
    made = Scene(objectives=(), rules=(disk,))
    made.begin()
    made.series(0, "balai-fo", "host", "", "health/disk")
    made.observe([Row(0, 0, 1, 0, None, None, (1,))], check="host")
    (line,) = (one for one in made.report().books[0].controls if one.terms.id == "A.8.6")
    assert (line.outcome, line.rules) == (AspectOutcome.NOT_MEASURABLE, ())


def test_delays_are_those_of_the_packets_that_came_back(october: Report) -> None:
    """The loss of an outage has no delay, and the hours of it are there."""
    track = next(one for one in october.delays if one.target == "balai-fo")
    down = [b for b in track.buckets if not b.received]
    assert len(down) == 8
    assert all((b.sent, b.mean_us, b.most_us) == (30, None, None) for b in down)
    assert track.lost > 8 * 30
    # Two hours were not observed: there is no bucket, not an empty one.
    assert len(track.buckets) == 742


def test_a_certificate_is_told_as_it_was_last_seen(october: Report) -> None:
    """Its end, protocol and key stand in the record that the batch names."""
    (one,) = october.certificates
    assert (one.target, one.protocol, one.trusted, one.key) == ("situs", "TLSv1.3", True, "EC 256")
    assert one.not_after_us == END_US + 40 * 86_400_000_000


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"protocol": "TLSv1.3"}, "TLSv1.3"),
        ({"protocol": "TLSv1.3", "protocols": ("TLSv1.2", "TLSv1.3")}, "TLSv1.2, TLSv1.3"),
        ({"protocol": "TLSv1.3", "protocols": None}, "TLSv1.3"),
        ({"protocol": 7, "protocols": (1,), "key_bits": True, "not_after_s": "x"}, None),
    ],
)
def test_a_posture_is_told_as_far_as_it_has_its_types(values: Any, told: str | None) -> None:
    """Versions that were surveyed come first; of a hostile record only what fits is told."""
    made = Scene(objectives=())
    made.begin()
    made.series(0, "situs", "tls", "", "tls/tls-trusted")
    seen = made.keep(encode({"check": "tls", "outcome": "ok", **values}))
    made.observe([Row(0, 0, 1, 2, None, seen, (1,))], check="tls")
    (line,) = made.report().certificates
    assert (line.protocol, line.key) == (told, None)


def looked(**values: Any) -> Report:
    """One look at a service without a login."""
    made = Scene(objectives=())
    made.begin()
    made.series(0, "situs", "web", "", "web/closed-paths")
    seen = made.keep(encode({"check": "web", "outcome": "ok", **values}))
    made.observe([Row(0, 0, 1, 0, None, seen, (1,))], check="web")
    return made.report()


def test_access_is_told_as_far_as_it_was_measured(october: Report) -> None:
    """What was asked for is told; what nobody asked for is undefined, and never closed."""
    (line,) = october.access
    assert (line.target, line.family, line.open) == ("situs", 4, ())
    assert (line.insecure_logins, line.client_certificate) == ((), "no")
    (line,) = looked(closed_open=("/backup/",), closed_undecided=("/.env",)).access
    assert (line.open, line.undecided) == (("/backup/",), ("/.env",))
    assert (line.insecure_logins, line.client_certificate) == (None, None)
    (line,) = looked(closed_open=(1, 2), closed_undecided="x", login_insecure={}).access
    assert (line.open, line.undecided, line.insecure_logins) == (None, (), None)


def test_a_service_that_nothing_looked_at_stands_there_as_such() -> None:
    """It is not left out, and nothing is said of it."""
    made = Scene(objectives=())
    made.begin()
    (line,) = made.report().access
    assert (line.target, line.family, line.seen_us, line.open) == ("situs", None, None, None)
    assert not made.report().zones_measured


def test_the_posture_of_tls_is_told(october: Report) -> None:
    """Post-quantum exchange, and suites by profile; a profile without suites has none."""
    (line,) = october.certificates
    assert (line.post_quantum, dict(line.outside)) == (True, {"rfc9325": 0})


def test_the_same_entries_give_the_same_bytes(october: Report) -> None:
    """And the JSON says what the model does, in the figures' own keys."""
    assert to_bytes(october) == to_bytes(month().report())
    plain = json.loads(to_bytes(october))
    assert plain["report"] == 1
    assert plain["figures"][0]["outcome"] == "missed"
    assert plain["aspects"][0]["aspect"] == "network-availability"
    assert plain["delays"][0]["sent"] == sum(b.sent for b in october.delays[0].buckets)


def test_a_period_under_way_ends_where_it_is_known() -> None:
    """Nothing is said of the time that has not come."""
    report = month().report(until_us=START_US + 120 * HOUR_US)
    assert shown(report)["complete"] is False
    assert all(one.sums.window_us == 120 * HOUR_US for one in report.coverage)
    assert report.drills == ()


def test_a_month_before_the_log_was_never_observed() -> None:
    """Every aspect is then not measurable, and every target unwatched time."""
    period = parse_period("2026-08", scene.ZONE)
    report = month().report(period=period, until_us=period.window[1])
    assert {one.outcome for one in report.aspects} == {AspectOutcome.NOT_MEASURABLE}
    assert {one.sums.available_us for one in report.coverage} == {0}
    assert [one.worst for one in report.figures] == [0]
    assert [one.best for one in report.figures] == [None]


def violated(waiver_until: str | None) -> Report:
    """A confirmed violation of a rule that no objective decides, perhaps waived."""
    waivers = []
    if waiver_until is not None:
        waivers = [
            Waiver(
                policy="tls",
                rule="tls-trusted",
                target="situs",
                justification="x",
                until=waiver_until,
                author="ayu",
            )
        ]
    rule = scene.rule("tls", "tls-trusted", "tls", "iso27001:A.8.24", waivers=waivers)
    made = Scene(rules=(rule,))
    made.begin()
    made.series(0, "situs", "tls", "", "tls/tls-trusted")
    made.observe([Row(0, 0, 1, 2 + 3, None, None, (1,))], check="tls")
    opened = scene.step(None, 0, "opened", START_US + HOUR_US, START_US + 1)
    made.add(replace(opened, target="situs", check="tls", policy="tls", rule="tls-trusted"))
    return made.report()


@pytest.mark.parametrize(
    ("until", "outcome"),
    [
        (None, AspectOutcome.NOT_MET),
        ("2026-10-15", AspectOutcome.NOT_MET),
        ("2026-12-31", AspectOutcome.WAIVED),
    ],
)
def test_a_waiver_counts_while_it_lasts(until: str | None, outcome: AspectOutcome) -> None:
    """One that ended before the incident, or before the period, waives nothing."""
    assert aspect(violated(until), "encryption").outcome is outcome


def test_a_rule_that_could_not_judge_leaves_its_aspect_undecided() -> None:
    """Nine targets that hold do not speak for a tenth that nobody could measure."""
    rule = scene.rule("tls", "tls-trusted", "tls", "iso27001:A.8.24")
    made = Scene(rules=(rule,))
    made.begin()
    made.series(0, "situs", "tls", "", "tls/tls-trusted")
    made.series(1, "taman", "tls", "", "tls/tls-trusted")
    rows = [Row(0, 0, 1, 2, None, None, (1,)), Row(1, 0, 1, 2 + 6, None, None, (1,))]
    made.observe(rows, check="tls")
    assert aspect(made.report(), "encryption").outcome is AspectOutcome.UNDECIDED


@pytest.mark.parametrize(
    ("ratio", "outcome"),
    [("0.01", Outcome.MISSED), ("0.011", Outcome.UNDECIDED), ("0.02", Outcome.MET)],
)
def test_redundancy_debt_is_judged_between_its_bounds(ratio: str, outcome: Outcome) -> None:
    """8 h of 744 are 1.08 %, and 1.33 % if the unseen time was debt as well."""
    owed = scene.objective(
        id="debt",
        indicator="redundancy-debt",
        measured_by=("vrrp-open",),
        targets=("balai",),
        ratio=Decimal(ratio),
        restitution=None,
    )
    report = month(objectives=(owed,)).report()
    (line,) = report.debts
    assert line.outcome is outcome
    assert (line.least, line.most - line.least) == (Fraction(8, 744), Fraction(115, 60 * 744))


def test_an_objective_that_is_not_computed_leaves_its_aspect_open() -> None:
    """A loss objective was neither met nor missed, whatever the rule beside it says."""
    loss = scene.objective(
        id="loss",
        indicator="loss",
        measured_by=("loss-5",),
        ratio=Decimal("0.05"),
        restitution=None,
    )
    made = Scene(objectives=(loss,), rules=(scene.RULES[2],))
    made.begin()
    made.series(0, "balai-fo", "icmp", "loss/loss-5")
    made.observe([ping(0, 1)])
    assert aspect(made.report(), "network-reliability").outcome is AspectOutcome.UNDECIDED
    made.objectives = ()
    calm = Scene(objectives=(), rules=(scene.RULES[2],))
    calm.begin()
    calm.entries += made.entries[3:]
    assert aspect(calm.report(), "network-reliability").outcome is AspectOutcome.MET


row_strategy = st.tuples(
    st.integers(0, 1), st.integers(-50, 5_000), st.integers(0, 8), st.booleans()
)


@settings(max_examples=60, deadline=None)
@given(st.lists(row_strategy, min_size=1, max_size=40))
def test_verdicts_are_counted_one_by_one(rows: list[tuple[int, int, int, bool]]) -> None:
    """Against a count from the definition: digits base 3 inside the window, a fault is neither."""
    made = Scene(objectives=())
    made.begin(START_US - 100 * STEP_US)
    for number, target in enumerate(("balai-fo", "balai-lte")):
        made.series(number, target, "icmp", "availability/link-answers", "loss/loss-5")
    made.observe(
        [
            Row(
                number,
                (step + 100) * STEP_US // 1_000,
                1,
                judgement,
                FaultKind.RESOLVER if faulted else None,
                None,
                ((None,), 1),
            )
            for number, step, judgement, faulted in rows
        ]
    )
    expected: Counter[tuple[str, str, int]] = Counter()
    for number, step, judgement, faulted in rows:
        if START_US <= START_US + step * STEP_US < END_US:
            target = ("balai-fo", "balai-lte")[number]
            digits = (judgement % 3, judgement // 3 % 3)
            for rule, digit in zip(("link-answers", "loss-5"), digits, strict=True):
                expected[rule, target, 2 if faulted else digit] += 1
    found: Counter[tuple[str, str, int]] = Counter()
    for one in made.gathered().sums():
        for digit, count in enumerate((one.compliant, one.violated, one.indeterminate)):
            found[one.rule, one.target, digit] += count
    assert +found == expected


def test_a_rule_that_changed_is_counted_under_its_own_name() -> None:
    """What was judged by older rules of the series stays theirs."""
    made = Scene()
    made.begin()
    made.series(0, "balai-fo", "icmp", "availability/link-answers")
    made.observe([ping(0, 0)])
    made.series(0, "balai-fo", "icmp", "loss/loss-5")
    made.observe([ping(0, 1), ping(0, 2)])
    sums = {one.rule: one.compliant for one in made.gathered().sums()}
    assert sums == {"link-answers": 1, "loss-5": 2}


def test_a_log_without_terms_or_with_a_gap_gives_no_report() -> None:
    """It says what is missing, instead of a report of less."""
    made = Scene()
    made.add(LogOpened(origin=scene.ORIGIN, vantage="k", opened_us=START_US, previous=None))
    made.add(ConfigurationInForce(at_us=START_US, texts={}, program="0.1.0"))
    with pytest.raises(AccountingError):
        made.report()
    whole = month()
    with pytest.raises(EntryError):
        gather(list(whole.read())[1:], whole.records.get, scene.PERIOD.window)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b'{"rules":[{}],"version":1}',
        b'{"rules":[],"version":2}',
        b'{"rules":[],"version":1,"books":[{}]}',
        b'{"rules":[],"version":1,"books":[{"controls":[{"id":"a","title":1,"attested":true}],'
        b'"title":{},"policy":"p","version":1,"book":"b"}]}',
    ],
)
def test_a_text_that_holds_no_rules_is_refused(raw: bytes) -> None:
    """With the one error that people are told."""
    with pytest.raises(RulebookError):
        Rulebook.from_bytes(raw)


def test_rules_come_back_from_their_text() -> None:
    """Titles, controls and waivers included."""
    book = Rulebook(rules={one.key: one for one in scene.RULES})
    assert Rulebook.from_bytes(book.to_bytes()) == book
    assert b"books" not in book.to_bytes()
    held = replace(book, books=(scene.BOOK,))
    assert Rulebook.from_bytes(held.to_bytes()) == held


def drill(outcome: str, least: int | None, most: int | None, allowed: int | None) -> bool | None:
    """Whether such a drill kept its allowance."""
    gaps = [] if least is None else [{"since_us": 0, "least_us": least, "most_us": most}]
    return drill_line(1, _act({"outcome": outcome, "most_us": allowed, "gaps": gaps})).kept


def _act(detail: Any) -> OperatorAct:
    return OperatorAct(act="drill", author="x", reason="", at_us=0, detail=detail)


def test_of_a_drill_is_told_what_has_its_type() -> None:
    """Whatever somebody wrote into the entry, a line of the report comes of it."""
    hostile = {
        "link": ["x"],
        "gaps": [{"since_us": "1"}, 7, {"since_us": 5, "least_us": 2, "first_path": "yes"}],
        "path_before": "abc",
        "path_after": [1] * 500,
        "sent": True,
        "gap_count": None,
    }
    line = drill_line(1, _act(hostile))
    assert [(one.since_us, one.first_path) for one in line.gaps] == [(5, None)]
    assert (line.sent, line.length_us, line.gap_count) == (None, None, 1)
    assert line.paths[0] == ()
    assert len(line.paths[2] or ()) == 64


def test_a_drill_is_judged_only_where_both_bounds_agree() -> None:
    """Between the bounds of its longest gap nobody can say."""
    assert drill("interrupted", 1, 2, 2) is True
    assert drill("interrupted", 3, 4, 2) is False
    assert drill("interrupted", 1, 4, 2) is None
    assert drill("interrupted", 1, 2, None) is None
    assert drill("down", 1, None, 2) is False
    assert drill("stayed-up", None, None, None) is True
    assert drill("not-measured", None, None, 2) is None
