"""Our survey beside the truth and beside the oracles: what agrees, what differs, who is right."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import uvloop

from checks.base import Outcome, Probe
from checks.tls import check as tls
from checks.tls.settings import TlsSettings
from monitor.model import Family
from tests.checks.harness import assignment, facts, net_of
from tests.lab.tlsfarm.credentials import NAME
from tests.lab.tlsfarm.entry import Raised

Facts = Mapping[str, Any]
COMPARED = (
    "protocols", "cipher_suites", "groups", "trusted", "hostname_matches", "not_after", "key_type",
    "key_bits", "ocsp", "stapled", "alpn", "client_certificate", "compression", "renegotiation",
    "client_renegotiation", "early_data", "post_quantum", "dhe", "dh_bits", "sni_missing",
    "sni_wrong",
)  # fmt: skip
_BOUND_S = 600.0
_AT_ONCE = 8
"""Servers surveyed at once: all servers of the farm share one machine with us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One fact on which two disagree."""

    server: str
    fact: str
    ours: Any
    theirs: Any

    def __str__(self) -> str:
        return f"{self.server} {self.fact}: {_short(self.ours, self.theirs)}"


def survey(
    servers: Sequence[Raised], ca_file: str, mode: str = "full", at_once: int = _AT_ONCE
) -> Mapping[str, Outcome]:
    """Our own check on all of them, with one prober, a few servers at once; by name."""
    found: dict[str, Outcome] = {}
    waiting = list(enumerate(servers))

    async def scenario() -> None:
        prober = tls.KIND.prober(net_of(ca_file=ca_file))
        ended = asyncio.Event()

        def begin() -> None:
            slot, one = waiting.pop(0)
            wish = assignment(tls.KIND, settings_of(one, mode), Family.IPV4)
            prober.begin([Probe(slot, replace(wish, target=one.name))], done)

        def done(slot: int, outcome: Outcome) -> None:
            found[servers[slot].name] = outcome
            if waiting:
                asyncio.get_running_loop().call_soon(begin)
            elif len(found) == len(servers):
                ended.set()

        for _ in range(min(at_once, len(servers))):
            begin()
        async with asyncio.timeout(_BOUND_S):
            while not ended.is_set():
                prober.tick()
                await asyncio.sleep(0.01)
        await prober.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
    return found


def settings_of(one: Raised, mode: str) -> TlsSettings:
    """How a server of the farm is looked at."""
    settings = TlsSettings(host=one.address, port=one.port, server_name=NAME)
    return replace(settings, mode=mode)


def told(outcome: Outcome) -> Facts:
    """Our facts, comparable: suites and groups without their order."""
    found = dict(facts(outcome))
    if "cipher_suites" in found:
        suites = found["cipher_suites"].items()
        found["cipher_suites"] = {version: sorted(names) for version, names in suites}
    for name in ("groups", "alpn"):
        if name in found:
            found[name] = sorted(found[name])
    if found.get("chain"):  # the absence of a staple is told only where one is expected
        found["stapled"] = found.get("ocsp", "absent") != "absent"
    return found


def differences(server: str, ours: Facts, theirs: Facts) -> list[Difference]:
    """Facts that both know and that differ."""
    return [
        Difference(server=server, fact=name, ours=ours[name], theirs=theirs[name])
        for name in COMPARED
        if name in ours and name in theirs and not _same(name, ours[name], theirs[name])
    ]


def undefined(ours: Facts, truth: Facts) -> list[str]:
    """Facts that are true of a server and that we do not tell."""
    return [name for name in COMPARED if name in truth and name not in ours]


def table(rows: Iterable[Sequence[str]]) -> str:
    """Columns, aligned."""
    listed = [list(row) for row in rows]
    widths = [max(len(row[at]) for row in listed) for at in range(len(listed[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in listed
    )


def _same(name: str, one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return sorted(one) == sorted(other)
    return bool(one == other)


def _short(ours: Any, theirs: Any) -> str:
    """Both, or of collections only what one has and the other lacks."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        keys = [key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key)]
        return "; ".join(
            f"{key} {_short(list(ours.get(key, ())), list(theirs.get(key, ())))}"
            for key in sorted(keys)
        )
    if isinstance(ours, list) and isinstance(theirs, list):
        more, less = sorted(set(ours) - set(theirs)), sorted(set(theirs) - set(ours))
        return f"ours more {more[:5]} ({len(more)}), ours less {less[:5]} ({len(less)})"
    return f"ours {ours!r}, theirs {theirs!r}"
