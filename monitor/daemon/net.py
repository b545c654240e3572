"""The probers' seam to the outside, made of a configuration."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, tzinfo
from ipaddress import ip_address
from pathlib import Path

from checks.base import Leg, Net, Prober, Scope, no_legs
from checks.packets.client import PacketClient
from checks.resolver import LoopResolver
from checks.scope import RangeScope, ScopeRange
from checks.table import KINDS
from monitor.clock import Clock
from monitor.model import Family, Fault


class LiveScope:
    """The scope in force: a reload puts another one in its place under the probers."""

    def __init__(self, clock: Clock, ranges: tuple[ScopeRange, ...], zone: tzinfo = UTC) -> None:
        """`zone`: where the day of an authority's `until` ends."""
        self._clock, self._zone = clock, zone
        self._minute, self._day = -1, date.min
        self.put(ranges)

    def put(self, ranges: tuple[ScopeRange, ...]) -> None:
        """From now on these ranges are what may be probed."""
        self._scope = RangeScope(ranges, today=self._today)

    def refusal(self, address: str) -> Fault | None:
        """See `checks.base.Scope`."""
        return self._scope.refusal(address)

    def _today(self) -> date:
        """The day, looked up anew each minute: every packet asks."""
        wall_us = self._clock.wall_us()
        if wall_us // 60_000_000 != self._minute:
            self._minute = wall_us // 60_000_000
            self._day = datetime.fromtimestamp(wall_us / 1_000_000, self._zone).date()
        return self._day


class _Everywhere:
    """For the resolver alone, whose only peers are its own servers."""

    def refusal(self, address: str) -> Fault | None:
        """Nothing is refused."""
        del address
        return None


def build_net(
    clock: Clock,
    scope: Scope,
    *,
    resolvers: tuple[str, ...] = (),
    time_servers: tuple[str, ...] = (),
    ca_file: str = "",
    tick_ms: int = 50,
    packets: Path | None = None,
    legs: Callable[[str], Sequence[Leg]] = no_legs,
) -> Net:
    """The scope by today's date (UTC), the resolver, the clocks, the way to the packet process."""
    # The agent's own name servers, configured or the system's, count as scope.
    resolver = LoopResolver(
        scope=_Everywhere(), boottime_ns=clock.boottime_ns, nameservers=resolvers
    )
    return Net(
        scope=scope,
        resolver=resolver,
        boottime_ns=clock.boottime_ns,
        wall_us=clock.wall_us,
        ca_file=ca_file,
        nameservers=resolvers,
        time_servers=time_servers,
        tick_ms=tick_ms,
        packets=None if packets is None else PacketClient(str(packets), clock.boottime_ns),
        legs=legs,
        aliases=resolver.aliases,
    )


class FixedResolver:
    """Every name is at one address: what `check --address` asks for."""

    def __init__(self, address: str) -> None:
        self._address = address

    def lookup(
        self, name: str, family: Family, found: Callable[[Sequence[str] | Fault], None]
    ) -> None:
        """See `checks.base.Resolver`; a literal name stays itself."""
        try:
            address = str(ip_address(name))
        except ValueError:
            address = self._address
        found([address] if family_of(address) == family else [])


def family_of(address: str) -> Family:
    """The family of a literal address; ValueError for anything else."""
    return Family(ip_address(address).version)


class Probers(Mapping[str, Prober]):
    """One prober for each kind of check."""

    def __init__(self, net: Net) -> None:
        self.net = net
        self._made = {name: kind.prober(net) for name, kind in KINDS.items()}

    def __getitem__(self, check: str) -> Prober:
        return self._made[check]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def counters(self) -> dict[str, int]:
        """Every prober's counters, by `check.name`."""
        return {
            f"{check}.{name}": count
            for check, prober in self.items()
            for name, count in prober.counters().items()
            if count
        }

    def notes(self) -> list[str]:
        """Every prober's visible restrictions."""
        return [note for prober in self.values() for note in prober.notes()]

    async def close(self) -> None:
        """Stop them all."""
        for prober in self.values():
            await prober.close()
        if isinstance(self.net.resolver, LoopResolver):
            await self.net.resolver.close()
        if self.net.packets is not None:
            await self.net.packets.close()
