"""Which hops the legs of a site share: one router that fails takes both down. Pure.

Only what answers is seen: silent routers, tunnels and one duct under two cables are not.
"""

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address

Routers = Sequence[str]


def shared_hops(
    legs: Sequence[str],
    paths: Mapping[str, Routers],
    *,
    primary: str | None,
    common: Iterable[str] = (),
) -> tuple[str, ...] | None:
    """Routers on the primary's and on another leg's path, nearest first; None: not known.

    `paths`: the routers towards each leg whose path is known, nearest first, never empty. Without
    a primary any two legs are compared. `common` are left out, and so is the first router where
    it is the first on every known path: both are the agent's own way out, not the site's.
    Where nothing is shared it takes the paths of all legs to say so.
    """
    known = {leg: _plain(paths[leg]) for leg in legs if leg in paths}
    if len(known) < 2 or (primary is not None and primary not in known):
        return None
    own = {*_plain(common), *_uplink(list(known.values()))}
    leading = [primary] if primary is not None else list(known)
    found: dict[str, None] = {}
    for lead in leading:
        others = {hop for leg, hops in known.items() if leg != lead for hop in hops}
        found.update(dict.fromkeys(hop for hop in known[lead] if hop in others - own))
    if not found and len(known) < len(legs):
        return None
    return tuple(found)


def _uplink(paths: Sequence[Routers]) -> set[str]:
    firsts = {path[0] for path in paths}
    return firsts if len(firsts) == 1 else set()


def _plain(addresses: Iterable[str]) -> list[str]:
    """One text for one address: `2001:db8:0::1` is `2001:db8::1`."""
    return [str(ip_address(address)) for address in addresses]
