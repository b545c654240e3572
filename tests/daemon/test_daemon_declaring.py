"""Maintenance and exclusions through a running daemon."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest

from monitor.cli.declaring import moment_us
from monitor.clock import SystemClock
from monitor.config.loader import load
from monitor.daemon.control import ControlError, ask
from monitor.daemon.declaring import MOST_OPEN, Desk, declaration_of
from monitor.daemon.service import Daemon
from monitor.declared import DeclarationRow, Declarations
from monitor.derive import IncidentRow
from monitor.ledger.entry import ExclusionDecided, ExclusionProposed, MaintenanceDeclared
from tests.daemon.inside import run_inside
from tests.daemon.place import Place

HOUR_US = 3_600_000_000
NOW_US = 1_790_000_000_000_000


def desk_of(place: Place, rows: Sequence[DeclarationRow] = (), rule: str = "answers") -> Desk:
    """A desk on which incident 7 lies, about this rule."""
    place.links["link-0"] = {"site": "core", "address": "127.0.0.1"}
    place.rules = [
        {"id": "answers", "check": "icmp", "require": "evidence.received > 0",
         "availability": True},
        {"id": "loss", "check": "icmp", "require": "evidence.loss < 0.5"},
    ]  # fmt: skip
    place.write()
    configuration = load(place.configuration, today=date(2026, 10, 1))
    (policy,) = {one.name for one in configuration.policies if one.rules}
    row = IncidentRow(
        id=7,
        target="link-0",
        check="icmp",
        family=4,
        policy=policy,
        rule=rule,
        severity=2,
        reasons=(),
        since_us=NOW_US - 2 * HOUR_US,
        opened_us=NOW_US - HOUR_US,
        step=0,
        act="opened",
        ended_since_us=None,
        ended_us=None,
        acknowledged_by="",
    )
    return Desk(
        configuration=configuration,
        declarations=Declarations(rows),
        incident=lambda number: row if number == 7 else None,
        now_us=NOW_US,
        author="ayu",
    )


def proposal(number: int) -> DeclarationRow:
    """An exclusion that somebody else proposed."""
    return DeclarationRow(
        id=number,
        target="link-0",
        kind="exclusion",
        since_us=NOW_US - 2 * HOUR_US,
        until_us=NOW_US - HOUR_US,
        cause="power",
        incident=None,
        author="budi",
        reason="letter",
        at_us=NOW_US - HOUR_US,
        standing="proposed",
        decided_by="",
        decided_us=None,
    )


def test_a_full_desk_can_be_emptied(place: Place) -> None:
    """Where no more may be declared, what waits can still be decided."""
    desk = desk_of(place, [proposal(number) for number in range(MOST_OPEN)])
    more = {"act": "exclude", "incident": 7, "cause": "power", "reason": "letter"}
    with pytest.raises(ControlError) as refused:
        declaration_of(more, desk)
    assert refused.value.code == "declare.too-many"
    decided = declaration_of({"act": "exclude-decide", "id": 3, "approved": False}, desk)
    assert isinstance(decided, ExclusionDecided)
    assert decided.exclusion == 3


def test_an_incident_of_another_rule_is_no_outage(place: Place) -> None:
    """Its time was not unavailable; one about availability, or of a rule that is gone, is taken."""
    request = {"act": "exclude", "incident": 7, "cause": "power", "reason": "letter"}
    with pytest.raises(ControlError) as refused:
        declaration_of(request, desk_of(place, rule="loss"))
    assert refused.value.code == "declare.no-outage"
    for rule in ("answers", "gone"):
        made = declaration_of(request, desk_of(place, rule=rule))
        assert isinstance(made, ExclusionProposed)
        assert made.until_us - made.since_us == 2 * HOUR_US


def test_now_is_the_end_of_what_can_be_excluded() -> None:
    """A notice for now begins a moment later; an exclusion until now ends now, not after it."""
    before_us = SystemClock().wall_us()
    assert moment_us("now", UTC) >= before_us + 1_000_000
    assert moment_us("now", UTC, now_in_us=0) <= SystemClock().wall_us()


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
        await daemon.entries.appended(other, {})

    assert run_inside(place, act) == 0
    assert told == ["declare.own", "declare.no-open-exclusion", "cli.request", "declare.cause"]
    (notice,) = place.of(MaintenanceDeclared)
    (proposal,) = place.of(ExclusionProposed)
    assert notice.author == proposal.author != ""
    assert [row[10] for row in place.rows("declaration")] == ["stands", "approved"]
    place.require_intact()
