"""Acts without a daemon: the command takes the writer's lock and appends itself."""

import os
from collections.abc import Mapping
from typing import Any

from monitor.clock import SystemClock, anchor_now
from monitor.config.configuration import Configuration
from monitor.daemon.answers import in_full, select_items
from monitor.daemon.control import account_of
from monitor.daemon.declaring import Desk, declaration_of
from monitor.daemon.folders import make_folders
from monitor.daemon.issuing import issue_of
from monitor.daemon.keyring import signer_of
from monitor.daemon.net import LiveScope, Probers, build_net
from monitor.daemon.ondemand import act_of, probe_at, shown
from monitor.daemon.registry import Registry
from monitor.daemon.setup import legs_of, plan_of
from monitor.derive import IncidentRow
from monitor.ledger.entry import LogOpened
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
    ledger = Ledger.open(agent.store_url(), signer_of(agent), agent.high_water_mark)
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
    agent = configuration.agent
    make_folders(agent)
    ledger = Ledger.open(agent.store_url(), signer_of(agent), agent.high_water_mark)
    clock = SystemClock()
    now_us = anchor_now(clock).wall_us

    def incident(number: int) -> IncidentRow | None:
        with ledger.engine.connect() as connection:
            return reader.incident(connection, number)

    try:
        desk = Desk(
            configuration=configuration,
            declarations=ledger.fold.declarations,
            incident=incident,
            now_us=now_us,
            author=account_of(os.getuid()),
        )
        entry = declaration_of(request, desk).to_bytes()
        opening = [] if ledger.size else [_opened(configuration, now_us)]
        committed = ledger.append(Commit(entries=[*opening, entry], at_us=now_us))
        return {"entry": committed.size - 1}
    finally:
        ledger.close(clock.wall_us())


def issue_alone(configuration: Configuration, request: Mapping[str, Any]) -> dict[str, Any]:
    """Append the issue of a report; StoreBusyError when a daemon writes."""
    agent = configuration.agent
    make_folders(agent)
    ledger = Ledger.open(agent.store_url(), signer_of(agent), agent.high_water_mark)
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
