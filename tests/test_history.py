"""What a target's series say together, and when one of them says nothing."""

from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from monitor.accounting import Accounting, ObjectiveTerms, TargetTerms
from monitor.blocked import BLOCKED
from monitor.declared import MAINTENANCE, STANDS, DeclarationRow
from monitor.derive import Changes, Fold, LabelRow
from monitor.figures import Asked, Figure, Outcome, figures
from monitor.history import Histories, Ledgered, span_of, track_of
from monitor.ledger.entry import SeriesDefined
from monitor.model import State
from policies.availability import availability, pieces
from policies.debt import Span
from policies.period import parse_period
from policies.restitution import Terms
from tests.store.building import HOUR_MS, MINUTE_US, START_US, anchored, batch, observation, opened

HOUR_US = HOUR_MS * 1_000


def of_family(
    number: int, family: int, *, check: str = "icmp", interval_us: int = MINUTE_US
) -> SeriesDefined:
    """A series of one target's name."""
    return SeriesDefined(
        number=number,
        target="service",
        kind="service",
        definition="d",
        check=check,
        family=family,
        vantage="kupang",
        interval_us=interval_us,
        rules=("base/answers",),
        withdrawn=False,
    )


def seen(until_minute: dict[int, int], *defined: SeriesDefined, hours: int = 4) -> Histories:
    """Each series is available once a minute from the start up to its minute."""
    rows = [
        observation(number, minute * 60_000)
        for minute in range(hours * 60)
        for number, until in until_minute.items()
        if minute < until
    ]
    fold, changes = Fold(), Changes()
    for index, raw in enumerate(
        (opened(), anchored(), *(one.to_bytes() for one in defined), batch(rows))
    ):
        fold.apply(index, raw, changes)
    intervals: dict[int, list[Span]] = {}
    for row in changes.intervals:
        intervals.setdefault(row.series, []).append(span_of(row))
    return Histories(
        Ledgered(series=defined, fold=fold, intervals=intervals), START_US + hours * HOUR_US
    )


def unseen_us(histories: Histories, *defined: SeriesDefined, hours: int = 4) -> int:
    """Unobserved time of the target."""
    history = histories.of("service", "", defined)
    return availability(pieces(history, (START_US, START_US + hours * HOUR_US))).unseen_us


def test_a_family_that_a_name_lost_says_nothing() -> None:
    """IPv6 goes after an hour: the other family alone decides from its last observation on."""
    four, six = of_family(0, 4), of_family(1, 6)
    histories = seen({0: 240, 1: 60}, four, six)
    assert unseen_us(histories, four, six) == 0
    assert histories.track(six) == [
        Span(
            started_us=START_US,
            ended_us=START_US + 60 * MINUTE_US + MINUTE_US // 2,
            state=State.AVAILABLE,
        )
    ]


def test_a_series_that_is_missed_alone_is_unobserved() -> None:
    """Another check, or a family that ended with it, does not excuse a series."""
    four, six, other = of_family(0, 4), of_family(1, 6), of_family(1, 6, check="tcp")
    lost_us = 3 * HOUR_US - MINUTE_US // 2
    assert unseen_us(seen({0: 60, 1: 60}, four, six), four, six) == lost_us
    assert unseen_us(seen({0: 60, 1: 240}, four, other), four, other) == lost_us


def figure_of(hours: dict[int, int], *, until: int) -> Figure:
    """A month's objective with restitution for outages above five hours, so many hours gone.

    `hours`: the judgement of each hour that was seen; 1 is unavailable.
    """
    one = of_family(0, 4, interval_us=HOUR_US)
    period = parse_period("2026-10", ZoneInfo("UTC"))
    start_us, end_us = period.window
    fold, changes = Fold(), Changes()
    rows = [observation(0, hour * HOUR_MS, what) for hour, what in hours.items()]
    told = [batch(rows)] if rows else []
    for index, raw in enumerate((opened(), anchored(start_us), one.to_bytes(), *told)):
        fold.apply(index, raw, changes)
    accounting = Accounting(
        timezone="UTC",
        targets={"service": TargetTerms(name="x", kind="link", fee=1_000_000)},
        objectives=(OBJECTIVE,),
    )
    asked = Asked(period=period, until_us=start_us + until * HOUR_US)
    intervals = {0: [span_of(row) for row in changes.intervals]}
    ledgered = Ledgered(series=[one], fold=fold, intervals=intervals)
    (figure,) = figures(accounting, Histories(ledgered, asked.until_us), asked, None)
    assert figure.sums.window_us == min(end_us - start_us, until * HOUR_US)
    return figure


OBJECTIVE = ObjectiveTerms(
    policy="base",
    id="contract",
    title={"en": "Contract", "id": "Kontrak"},
    indicator="availability",
    measured_by=("answers",),
    targets=("service",),
    calendar="month",
    timezone="UTC",
    ratio=Decimal(1),
    duration_us=None,
    unreachable_counts=False,
    loss=None,
    service_hours=(),
    restitution=Terms(formula="pro-rata", longer_than_us=5 * HOUR_US),
)
MONTH = 744


def test_what_nobody_saw_may_make_a_short_outage_a_long_one() -> None:
    """Hours that are forgiven count at worst, for they may have gone on while nobody looked."""
    hours = {n: int(100 <= n < 103) for n in range(MONTH) if not 103 <= n < 107}
    figure = figure_of(hours, until=MONTH)
    assert figure.owed is not None
    assert figure.owed.seen.amount == 0
    # Down from 100 to 103.5, unseen to 107.
    assert figure.owed.worst.exact == Fraction(1_000_000 * 7, MONTH)


def test_restitution_is_told_of_a_period_that_is_over_and_was_measured() -> None:
    """In the middle of a month an outage is no part of it yet; of no series nothing is told."""
    hours = dict.fromkeys(range(9), 1)
    assert figure_of(hours, until=12).owed is None
    assert figure_of(hours, until=MONTH).owed is not None
    nothing = figure_of({}, until=MONTH)
    assert (nothing.owed, nothing.outcome) == (None, Outcome.UNMEASURED)


def test_a_renamed_target_keeps_its_maintenance_and_labels() -> None:
    """What was declared and marked under its old key, or its site's, is still about it."""
    one = of_family(0, 4)
    fold = Fold()
    for index, raw in enumerate((opened(), anchored(), one.to_bytes(), batch([observation(0, 0)]))):
        fold.apply(index, raw, Changes())

    def declared(number: int, target: str, hour: int) -> DeclarationRow:
        return DeclarationRow(
            id=number,
            target=target,
            kind=MAINTENANCE,
            since_us=START_US + hour * HOUR_US,
            until_us=START_US + (hour + 1) * HOUR_US,
            cause="",
            incident=None,
            author="ayu",
            reason="fibre",
            at_us=START_US,
            standing=STANDS,
            decided_by="",
            decided_us=None,
        )

    blocked = LabelRow(
        id=1,
        label=BLOCKED,
        target="old",
        cause="x",
        since_us=START_US + 3 * HOUR_US,
        until_us=START_US + 4 * HOUR_US,
    )
    ledgered = Ledgered(
        series=[one],
        fold=fold,
        intervals={},
        labels=[blocked],
        declarations=[declared(1, "old", 1), declared(2, "old-site", 2), declared(3, "other", 5)],
    )
    renamed = {"old": "service", "old-site": "site"}
    history = Histories(ledgered, START_US + 6 * HOUR_US, renamed).of("service", "site", [one])
    sums = availability(pieces(history, (START_US, START_US + 6 * HOUR_US)))
    assert sums.maintenance_us == 2 * HOUR_US
    assert sums.unobserved_us["blocked"] == HOUR_US


def test_what_was_closed_after_the_fold_was_read_is_not_counted_twice() -> None:
    """A commit between both reads: the fold's open stretch goes on where the older ones end."""
    closed = [Span(0, 10, State.AVAILABLE), Span(10, 20, State.UNAVAILABLE)]
    standing = State.UNAVAILABLE, 10, 15
    told = track_of(closed, standing, withdrawn=False, until_us=30)
    assert told == [
        Span(0, 10, State.AVAILABLE),
        Span(10, 15, State.UNAVAILABLE),
        Span(15, 30, State.UNOBSERVED),
    ]
