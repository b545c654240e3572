"""Acts without a daemon: the command takes the writer's lock and appends itself."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from monitor.clock import SystemClock, anchor_now
from monitor.config.configuration import Configuration
from monitor.daemon.answers import in_full, select_items
from monitor.daemon.control import account_of
from monitor.daemon.declaring import Desk, declaration_of
from monitor.daemon.folders import make_folders
from monitor.daemon.issuing import issue_of
from monitor.daemon.keyring import open_ledger
from monitor.daemon.net import LiveScope, Probers, build_net
from monitor.daemon.ondemand import act_of, probe_at, shown
from monitor.daemon.registry import Registry
from monitor.daemon.setup import legs_of, plan_of
from monitor.daemon.show import rfc3339
from monitor.daemon.silencing import SilenceDesk, acknowledged_step, silence_entry
from monitor.derive import IncidentRow
from monitor.ledger.entry import LogOpened, Record, SilenceDeclared
from monitor.sight import Look, Way
from monitor.store import reader
from monitor.store.ledger import Commit, Ledger


async def check_alone(
    configuration: Configuration, request: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Probe what the request names and append the act; StoreBusyError when a daemon writes."""
    agent = configuration.agent
    plan = plan_of(configuration, Registry(agent.vantage, ()))
    items = select_items(
        list(plan.items.values()),
        configuration,
        request["targets"],
        request["kinds"],
        request["tags"],
    )
    items = in_full(items, request["full"])
    make_folders(agent)
    ledger = open_ledger(agent).ledger
    clock = SystemClock()
    anchor = anchor_now(clock)
    unseen = legs_of(plan)
    net = build_net(
        clock,
        LiveScope(clock, agent.scope, agent.timezone),
        resolvers=agent.resolvers,
        time_servers=agent.time_servers,
        ca_file=agent.ca_file,
        packets=agent.packets,
        legs=lambda site: unseen.look(site, clock.boottime_ns(), _clear).legs,
    )
    probers = Probers(net)
    try:
        items, outcomes = await probe_at(items, probers, request["address"], ticking=False)
        act, records = act_of(
            items,
            outcomes,
            anchor,
            account_of(os.getuid()),
            request["reason"],
            clock.wall_us(),
        )
        entries = [] if ledger.size else [_opened(configuration, anchor.wall_us)]
        commit = Commit(entries=[*entries, act.to_bytes()], records=records, at_us=clock.wall_us())
        committed = ledger.append(commit)
        return shown(items, outcomes, anchor, agent.vantage, committed.size - 1)
    finally:
        await probers.close()
        ledger.close(clock.wall_us())


def declare_alone(configuration: Configuration, request: Mapping[str, Any]) -> dict[str, Any]:
    """Append a declaration; StoreBusyError when a daemon writes, ControlError for a refusal."""

    def entry(ledger: Ledger, now_us: int) -> Record:
        return declaration_of(request, _desk(configuration, ledger, now_us))

    return {"entry": _appended_alone(configuration, entry)}


def acknowledge_alone(configuration: Configuration, request: Mapping[str, Any]) -> dict[str, Any]:
    """Append the acknowledgement of an incident, of which nobody is told; errors as above."""

    def entry(ledger: Ledger, now_us: int) -> Record:
        desk = _desk(configuration, ledger, now_us)
        number = request.get("id")
        row = desk.incident(number) if isinstance(number, int) else None
        return acknowledged_step(row, desk, request)

    return {"entry": _appended_alone(configuration, entry)}


def silence_alone(configuration: Configuration, request: Mapping[str, Any]) -> dict[str, Any]:
    """Append a silence or its end, which the next agent heeds; errors as above."""
    told: dict[str, Any] = {}

    def entry(ledger: Ledger, now_us: int) -> Record:
        desk = SilenceDesk(
            configuration=configuration,
            holds=ledger.fold.holds,
            now_us=now_us,
            author=account_of(os.getuid()),
        )
        made = silence_entry(request, desk)
        if isinstance(made, SilenceDeclared):
            told["until"] = rfc3339(made.until_us)
        return made

    return {"entry": _appended_alone(configuration, entry), **told}


def _desk(configuration: Configuration, ledger: Ledger, now_us: int) -> Desk:
    def incident(number: int) -> IncidentRow | None:
        with ledger.engine.connect() as connection:
            return reader.incident(connection, number)

    return Desk(
        configuration=configuration,
        declarations=ledger.fold.declarations,
        incident=incident,
        now_us=now_us,
        author=account_of(os.getuid()),
    )


def _appended_alone(configuration: Configuration, make: Callable[[Ledger, int], Record]) -> int:
    """The index of the entry that `make` makes of the open ledger and the present moment."""
    agent = configuration.agent
    make_folders(agent)
    ledger = open_ledger(agent).ledger
    clock = SystemClock()
    now_us = anchor_now(clock).wall_us
    try:
        entry = make(ledger, now_us).to_bytes()
        opening = [] if ledger.size else [_opened(configuration, now_us)]
        return ledger.append(Commit(entries=[*opening, entry], at_us=now_us)).size - 1
    finally:
        ledger.close(clock.wall_us())


def issue_alone(configuration: Configuration, request: Mapping[str, Any]) -> dict[str, Any]:
    """Append the issue of a report; StoreBusyError when a daemon writes."""
    agent = configuration.agent
    make_folders(agent)
    ledger = open_ledger(agent).ledger
    clock = SystemClock()
    now_us = anchor_now(clock).wall_us
    try:
        entry = issue_of(request, account_of(os.getuid()), now_us).to_bytes()
        return {"entry": ledger.append(Commit(entries=[entry], at_us=now_us)).size - 1}
    finally:
        ledger.close(clock.wall_us())


def _clear(link: str, since_ns: int) -> Look:
    """Nobody has looked at parents: what the command sees now is all there is."""
    del link, since_ns
    return Look(way=Way.CLEAR)


def _opened(configuration: Configuration, at_us: int) -> bytes:
    agent = configuration.agent
    return LogOpened(
        origin=agent.origin, vantage=agent.vantage, opened_us=at_us, previous=None
    ).to_bytes()
