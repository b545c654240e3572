"""dns: does a name server answer, and with what was expected? One recursive question."""

import asyncio
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote

from checks.address import families_of
from checks.base import Assignment, CheckKind, Evidence, Net, Prober, Settings
from checks.datagram import Endpoint, endpoint, failure_of
from checks.dns_evidence import DnsEvidence, DnsSettings, answered, unanswered
from checks.dns_query import AnswerError, ask, question
from checks.hosts_file import nameservers_of
from checks.reach import reached
from checks.task_prober import TaskProber
from monitor.model import Family, Fault, FaultKind


async def measure(net: Net, assignment: Assignment) -> Evidence | Fault:
    """One question to one server, without a second try: a lost packet is a lost packet."""
    settings = assignment.settings
    assert isinstance(settings, DnsSettings)
    deadline = asyncio.get_running_loop().time() + settings.timeout / 1e6
    server = _server(net, settings)
    if isinstance(server, Fault):
        return server
    try:
        async with asyncio.timeout_at(deadline):
            where = await reached(net, server, assignment.family)
    except TimeoutError:
        return Fault(kind=FaultKind.RESOLVER, message="no answer from the resolvers in time")
    if isinstance(where, Fault):
        return where
    if where is None:
        return unanswered("dns", "no such name", "")
    try:
        async with asyncio.timeout_at(deadline):
            return await _asked(net, settings, where)
    except TimeoutError:
        return unanswered("timeout", "", where.address)


async def _asked(net: Net, settings: DnsSettings, where: Endpoint) -> Evidence | Fault:
    query = question(settings.name, settings.kind, mixed_case=False)
    since_ns = net.boottime_ns()
    try:
        answer = await ask(where, query)
        delay_us = max(0, net.boottime_ns() - since_ns) // 1_000
        return answered(settings, answer, delay_us, where.address)
    except AnswerError as error:
        return unanswered("malformed", str(error)[:255], where.address)
    except TimeoutError:
        raise
    except OSError as error:
        why = failure_of(error)
        return why if isinstance(why, Fault) else unanswered(why.outcome, why.reason, where.address)


def _server(net: Net, settings: DnsSettings) -> Endpoint | Fault:
    """The server of the settings, else the agent's first resolver."""
    if settings.server:
        return endpoint(settings.server, 53)
    known = net.nameservers or nameservers_of(Path("/etc/resolv.conf"))
    if known:
        return endpoint(known[0], 53)
    return Fault(
        kind=FaultKind.RESOLVER,
        message="no server to ask: set server, or resolvers in agent.yaml",
    )


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return TaskProber(net, measure)


def from_url(url: SplitResult) -> DnsSettings:
    """Settings of `dns://server/name?type=A`; without a server the agent's first resolver."""
    wishes = parse_qs(url.query, keep_blank_values=True)
    if not url.path.strip("/") or set(wishes) - {"type"}:
        raise ValueError("write dns://server/name or dns://server/name?type=AAAA")
    name = unquote(url.path.strip("/"))
    return DnsSettings(server=url.netloc, name=name, type=wishes.get("type", ["A"])[0])


def families(settings: Settings) -> tuple[Family, ...]:
    """Of a server's literal address its own; of a name both; the agent's resolver: none."""
    assert isinstance(settings, DnsSettings)
    if not settings.server:
        return (Family.NONE,)
    return families_of(endpoint(settings.server, 53).address)


KIND = CheckKind(
    name="dns",
    settings=DnsSettings,
    evidence=DnsEvidence,
    prober=prober,
    available="evidence.as_expected",
    from_url=from_url,
    families=families,
)
