"""Delay and loss over the period, from the hourly sums of singletons. Pure.

Delay and loss are of the round trip (RFC 2681, RFC 6673); a lost singleton has no delay.
"""

from collections.abc import Iterator, Sequence

from monitor.derive import RollupRow
from monitor.probed import ROUND_TRIP
from monitor.report.gather import HOUR_US, Gathered
from monitor.report.model import Bucket, DelayTrack
from policies.period import Moments

MOST_BUCKETS = 744
"""Hours of the longest month; longer periods join hours."""


def delay_tracks(found: Gathered, window: Moments) -> Iterator[DelayTrack]:
    """Each series that sent singletons in the window, by number."""
    hours = -(-(window[1] - window[0]) // HOUR_US)
    width = max(1, -(-hours // MOST_BUCKETS))
    for number, rows in sorted(found.rollups.items()):
        series = found.series[number]
        if series.check in ROUND_TRIP:
            yield DelayTrack(
                series=number,
                target=series.target,
                check=series.check,
                family=series.family,
                bucket_us=width * HOUR_US,
                buckets=tuple(_buckets(rows, window[0], width)),
            )


def _buckets(rows: Sequence[RollupRow], start_us: int, width: int) -> Iterator[Bucket]:
    """Hours joined to buckets that begin with the window."""
    grouped: dict[int, list[RollupRow]] = {}
    for row in rows:
        place = (row.hour * HOUR_US - start_us) // (width * HOUR_US)
        grouped.setdefault(place, []).append(row)
    for place, group in sorted(grouped.items()):
        received = sum(row.received for row in group)
        least = [row.delay_min_us for row in group if row.delay_min_us is not None]
        most = [row.delay_max_us for row in group if row.delay_max_us is not None]
        yield Bucket(
            started_us=start_us + place * width * HOUR_US,
            sent=sum(row.sent for row in group),
            received=received,
            least_us=min(least, default=None),
            mean_us=sum(row.delay_sum_us for row in group) // received if received else None,
            most_us=max(most, default=None),
        )
