"""What a digest reads: a bounded number of rows, and how many there are beyond them."""

from pathlib import Path

from monitor.store.glance import incidents_since
from tests.store.building import MINUTE_US, START_US, append, begin, ledger_at, stepped


def test_what_is_not_read_is_counted(url: str, tmp_path: Path) -> None:
    """Standing rows come first; counts are of everything in the span and of that severity."""
    since_us = START_US + MINUTE_US
    with ledger_at(url, tmp_path / "mark") as ledger:
        begin(ledger)
        ids = [append(ledger, stepped(None, 0, "opened")).first for _ in range(7)]
        append(ledger, stepped(ids[0], 1, "closed", since_us))  # as long ago as the last digest
        for number in ids[4:]:
            append(ledger, stepped(number, 1, "closed", since_us + 1))
        read = incidents_since(ledger.url, since_us, 2, 4)
        assert [row.id for row in read.rows] == [ids[3], ids[2], ids[1], ids[6]]
        assert read.count({"link-0"}, standing=True) == 3
        assert read.count({"link-0", "other"}, standing=False) == 3
        assert read.count({"other"}, standing=True) == 0
        severe = incidents_since(ledger.url, since_us, 3, 4)
        assert (severe.rows, severe.counts) == ([], {})
