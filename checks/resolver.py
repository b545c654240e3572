"""Names to addresses on the loop: literals, /etc/hosts, a cache by TTL, and own queries.

Names are taken as absolute: no search list. The resolvers count as probed networks: the scope
is asked about each of them, so whoever makes the resolver has put them there.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype

from checks.address import ascii_host, literal_family
from checks.base import Aliases, Scope
from checks.connection import internal
from checks.datagram import Endpoint, endpoint
from checks.dns_query import AnswerError, ask, question
from checks.hosts_file import HostsFile, nameservers_of
from checks.pool import Pool
from monitor.model import Family, Fault, FaultKind

CACHED_NAMES = 10_000
_TTL_S = (1, 3_600)
_NEGATIVE_S = 300
"""Bound on how long an absence is believed; also used where the zone names no time."""
_FAULT_S = 1
"""A failure is remembered this long, so that a dead resolver is not asked by every probe."""
_ADDRESSES = 32
_ROUNDS_S = (0.8, 1.6)
"""Time for each server in the first and in the second round."""

Found = Callable[[Sequence[str] | Fault], None]
Answer = tuple[str, ...] | Fault
_NO_ALIASES = Aliases(names=(), gone=False)
_TYPES = {Family.IPV4: dns.rdatatype.A, Family.IPV6: dns.rdatatype.AAAA}


class LoopResolver:
    """See `checks.base.Resolver`. One query under way for each name and family, however many ask.

    NXDOMAIN and NODATA are answers (an empty sequence); SERVFAIL, REFUSED, silence and
    nonsense of every server are a RESOLVER fault. Bounded: queries under way, names waiting,
    names cached, time of one lookup.
    """

    def __init__(
        self,
        *,
        scope: Scope,
        boottime_ns: Callable[[], int],
        nameservers: Sequence[str] = (),
        hosts: Path = Path("/etc/hosts"),
        resolv_conf: Path = Path("/etc/resolv.conf"),
    ) -> None:
        texts = nameservers or nameservers_of(resolv_conf)
        self.servers: tuple[Endpoint, ...] = tuple(endpoint(text, 53) for text in texts)
        self._scope = scope
        self._boottime_ns = boottime_ns
        self._hosts = HostsFile(hosts)
        self._pool = Pool()
        self._cache: dict[tuple[str, Family], tuple[int, Answer]] = {}
        self._asking: dict[tuple[str, Family], list[Found]] = {}
        self._aliases: dict[tuple[str, Family], Aliases] = {}
        """Of cached answers, those with a CNAME record."""
        self._counts: Counter[str] = Counter()

    def lookup(self, name: str, family: Family, found: Found) -> None:
        """See `checks.base.Resolver.lookup`; may call `found` before it returns."""
        known = self._known(name, family)
        if known is not None:
            found(known)
            return
        key = (ascii_host(name).rstrip("."), family)
        cached = self._cache.get(key)
        if cached is not None and cached[0] > self._boottime_ns():
            self._counts["cached"] += 1
            found(cached[1])
        elif key in self._asking:
            self._asking[key].append(found)
        else:
            self._asking[key] = [found]
            if not self._pool.submit(lambda: self._run(key)):
                self._tell(
                    key, Fault(kind=FaultKind.OVERLOAD, message="too many names wait"), _FAULT_S
                )

    def aliases(self, name: str, family: Family) -> Aliases | None:
        """See `checks.base.Net.aliases`; None of what no server was asked, or none answered."""
        key = (name.rstrip("."), family or Family.IPV4)
        cached = self._cache.get(key)
        if cached is None or isinstance(cached[1], Fault):
            return None
        return self._aliases.get(key, _NO_ALIASES)

    def counters(self) -> Mapping[str, int]:
        """Lookups answered from the cache, queries sent, and those that failed."""
        return dict(self._counts)

    async def close(self) -> None:
        """Cancel what is under way; whoever waits is not told."""
        self._asking.clear()
        await self._pool.close()

    def _known(self, name: str, family: Family) -> Answer | None:
        """What needs no query: a literal, a name of the hosts file, or no name at all."""
        own = literal_family(name)
        if own:
            return (name,) if own is family else ()
        try:
            return self._hosts.addresses(ascii_host(name).rstrip("."), family)
        except ValueError:
            return ()

    async def _run(self, key: tuple[str, Family]) -> None:
        answer: Answer
        self._aliases.pop(key, None)
        try:
            answer, ttl_s, aliases = await self._resolved(*key)
            if aliases.names:
                self._aliases[key] = aliases
        except Exception as error:  # noqa: BLE001 - a probe's boundary: whoever waits must be told
            answer, ttl_s = internal(error), _FAULT_S
        self._tell(key, answer, ttl_s)

    def _tell(self, key: tuple[str, Family], answer: Answer, ttl_s: int) -> None:
        self._cache.pop(key, None)
        if len(self._cache) >= CACHED_NAMES:
            for oldest in list(islice(self._cache, CACHED_NAMES // 10)):
                del self._cache[oldest]
                self._aliases.pop(oldest, None)
        self._cache[key] = (self._boottime_ns() + ttl_s * 1_000_000_000, answer)
        for found in self._asking.pop(key, ()):
            found(answer)

    async def _resolved(self, name: str, family: Family) -> tuple[Answer, int, Aliases]:
        why = "no resolvers are configured: set resolvers in agent.yaml"
        for limit_s in _ROUNDS_S:
            for server in self.servers:
                refusal = self._scope.refusal(server.address)
                if refusal is not None:
                    why = f"resolver {server}: {refusal.message}"
                    continue
                answer = await self._asked(server, name, family, limit_s)
                if not isinstance(answer, str):
                    return answer
                self._counts["failed"] += 1
                why = f"resolver {server}: {answer}"
        fault = Fault(kind=FaultKind.RESOLVER, message=f"{name}: {why}")
        return fault, _FAULT_S, _NO_ALIASES

    async def _asked(
        self, server: Endpoint, name: str, family: Family, limit_s: float
    ) -> tuple[Answer, int, Aliases] | str:
        """One server's answer, or why it is none."""
        self._counts["sent"] += 1
        try:
            async with asyncio.timeout(limit_s):
                answer = await ask(server, question(name, _TYPES[family], mixed_case=True))
            return _addresses(answer)
        except TimeoutError:
            return "no answer"
        except (OSError, AnswerError, dns.exception.DNSException) as error:
            return str(error) or type(error).__name__


def _addresses(answer: dns.message.Message) -> tuple[Answer, int, Aliases] | str:
    """Addresses, seconds to keep them, aliases; dnspython bounds the chain of CNAMEs (16)."""
    code = answer.rcode()
    if code not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        return dns.rcode.to_text(code)
    if not isinstance(answer, dns.message.QueryMessage):
        return "not an answer to a query"
    chain = answer.resolve_chaining()
    shortest, longest = _TTL_S
    targets = tuple(str(record[0].target).lower().rstrip(".") for record in chain.cnames)
    aliases = Aliases(names=targets, gone=code == dns.rcode.NXDOMAIN)
    if chain.answer is None:
        return (), max(shortest, min(chain.minimum_ttl, _NEGATIVE_S)), aliases
    addresses = tuple(str(item.address) for item in islice(chain.answer, _ADDRESSES))
    return addresses, max(shortest, min(chain.minimum_ttl, longest)), aliases
