"""Maintenance and exclusions through a running daemon."""

import asyncio
from datetime import UTC, datetime

import pytest

from monitor.daemon.control import ControlError, ask
from monitor.daemon.service import Daemon
from monitor.ledger.entry import ExclusionDecided, ExclusionProposed, MaintenanceDeclared
from tests.daemon.inside import run_inside
from tests.daemon.place import Place

HOUR_US = 3_600_000_000


def test_a_running_daemon_writes_declarations_and_refuses_what_it_must(place: Place) -> None:
    """The author is who asks; two decisions at once are one entry and one refusal."""
    told: list[str] = []

    async def act(daemon: Daemon) -> None:
        now_us = int(datetime.now(UTC).timestamp()) * 1_000_000
        target = next(iter(daemon.plan.configuration.targets))

        async def declare(**request: object) -> int:
            found = await asyncio.to_thread(ask, place.control, "declare", **request)
            return int(found["entry"])

        await declare(
            act="maintenance",
            targets=[target],
            since_us=now_us + HOUR_US,
            until_us=now_us + 2 * HOUR_US,
            reason="fibre",
        )
        number = await declare(
            act="exclude",
            target=target,
            since_us=now_us - HOUR_US,
            until_us=now_us - 60_000_000,
            cause="power",
            reason="letter",
        )
        for request in (
            {"act": "exclude-decide", "id": number, "approved": True},
            {"act": "exclude-decide", "id": 10**6, "approved": True},
            {"act": "nonsense"},
            {"act": "exclude", "target": target, "since_us": 1, "until_us": 2, "cause": "rain"},
        ):
            with pytest.raises(ControlError) as refused:
                await declare(**request)
            told.append(refused.value.code)
        # Somebody else decides; the daemon's own account is the only one a test has.
        desk = daemon.writer.view.declarations
        (row,) = desk.open(number)
        assert (row.target, row.standing) == (target, "proposed")
        other = ExclusionDecided(
            exclusion=number, approved=True, author="other", reason="", at_us=now_us
        )
        await daemon.appended(other, {})

    assert run_inside(place, act) == 0
    assert told == ["declare.own", "declare.no-open-exclusion", "cli.request", "declare.cause"]
    (notice,) = place.of(MaintenanceDeclared)
    (proposal,) = place.of(ExclusionProposed)
    assert notice.author == proposal.author != ""
    assert [row[10] for row in place.rows("declaration")] == ["stands", "approved"]
    place.require_intact()
