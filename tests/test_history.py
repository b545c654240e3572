"""What a target's series say together, and when one of them says nothing."""

from monitor.derive import Changes, Fold, IntervalRow
from monitor.history import Histories, Ledgered
from monitor.ledger.entry import SeriesDefined
from monitor.model import State
from policies.availability import availability, pieces
from policies.debt import Span
from tests.store.building import HOUR_MS, MINUTE_US, START_US, anchored, batch, observation, opened

HOUR_US = HOUR_MS * 1_000


def of_family(number: int, family: int, *, check: str = "icmp") -> SeriesDefined:
    """A series of one target's name."""
    return SeriesDefined(
        number=number,
        target="service",
        kind="service",
        definition="d",
        check=check,
        family=family,
        vantage="kupang",
        interval_us=MINUTE_US,
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
    intervals: dict[int, list[IntervalRow]] = {}
    for row in changes.intervals:
        intervals.setdefault(row.series, []).append(row)
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
