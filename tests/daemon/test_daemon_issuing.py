"""An issued report through a running daemon."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.daemon.control import ControlError, ask
from monitor.daemon.issuing import issue_of
from monitor.daemon.service import Daemon
from monitor.ledger.entry import OperatorAct, read_record
from tests.daemon.inside import run_inside
from tests.daemon.place import Place

HASH = "ab" * 32
REQUEST: dict[str, Any] = {
    "period": "2026-10",
    "from_us": 1,
    "until_us": 2,
    "size": 3,
    "root": HASH,
    "files": {"report.json": HASH, "report.id.pdf": "cd" * 32},
}


def test_a_running_daemon_appends_the_issue_of_a_report(place: Place) -> None:
    """Its author is who asked; the hashes of the files stand in the entry."""
    found: list[int] = []

    async def act(daemon: Daemon) -> None:
        told = await asyncio.to_thread(ask, place.control, "report-issued", **REQUEST)
        found.append(told["entry"])
        with pytest.raises(ControlError):
            await asyncio.to_thread(ask, place.control, "report-issued", period="2026-10")

    assert run_inside(place, act) == 0
    (issued,) = [(n, e) for n, e in place.numbered() if getattr(e, "act", "") == "report-issued"]
    assert issued[0] == found[0]
    assert issued[1].author != ""  # type: ignore[attr-defined]
    assert issued[1].detail["files"]["report.json"].hex() == HASH  # type: ignore[attr-defined]
    place.require_intact()


WRONG: list[dict[str, Any]] = [
    {"period": ""},
    {"period": "x" * 65},
    {"period": 7},
    {"size": -1},
    {"size": True},
    {"from_us": 1 << 61},
    {"until_us": None},
    {"root": "ab"},
    {"root": HASH.upper()},
    {"files": {}},
    {"files": {"../x": HASH}},
    {"files": {"report.json": "short"}},
    {"files": {f"f{n}": HASH for n in range(65)}},
    {"files": [HASH]},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_describes_no_report_is_refused(wrong: dict[str, Any]) -> None:
    """Nothing of it reaches the log."""
    with pytest.raises(ControlError):
        issue_of({**REQUEST, **wrong}, "ayu", 1)


names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)


@given(st.dictionaries(names, hashes, min_size=1, max_size=64))
def test_an_issue_is_an_entry_that_can_be_read_back(files: dict[str, str]) -> None:
    """However many files it has, it fits into one."""
    act = issue_of({**REQUEST, "files": files}, "ayu", 1)
    read = read_record(act.to_bytes())
    assert isinstance(read, OperatorAct)
    assert {name: digest.hex() for name, digest in read.detail["files"].items()} == files
