"""What a person may tell the city, one line at a time. Pure but for the city itself."""

import signal
from collections.abc import Callable, Mapping, Sequence

from tests.lab.city.cable import CableRefusedError
from tests.lab.city.city import City

HELP = """\
break CABLE            cut a cable: both ends lose their carrier
unplug CABLE NODE      pull one plug of a network: lan operations
swallow CABLE [NODE]   lose everything, also toward one node only; the carrier stays
loss CABLE PERCENT     lose packets by chance
delay CABLE MS         a longer way, each direction (cables raised with --shaped)
hole CABLE MTU         packets larger than this vanish in silence
bend LEG               answers come back over the site's other leg
kill ROUTER            core1, core2, an office: without power
leave CORE | split CORE   VRRP ends in order | is killed and leaves its address behind
stop NAME              web, dns, dukcapil, kesehatan, pendidikan: end its server
uplink                 pull the agent's own plug
heal [CABLE]           undo everything, or what was done to one cable
map | events | help | quit"""


class UnknownOrderError(ValueError):
    """A line that says nothing the city can do; the text says what would."""


def obey(city: City, line: str) -> str:
    """Do what a line says; what it came to. UnknownOrderError or CableRefusedError otherwise."""
    word, *rest = line.split() or [""]
    try:
        act, least, most = _ORDERS[word]
    except KeyError:
        raise UnknownOrderError(f"{word or 'an empty line'}: not known; try help") from None
    if not least <= len(rest) <= most:
        raise UnknownOrderError(f"{word} takes {least} to {most} words; try help")
    try:
        act(city, rest)
    except KeyError as error:
        known = ", ".join(sorted({*city.cables, *city.plan.nodes}))
        raise UnknownOrderError(f"{error.args[0]}: the map has {known}") from None
    except (ValueError, TypeError) as error:
        if isinstance(error, CableRefusedError):
            raise
        raise UnknownOrderError(f"{line}: {error}") from None
    return f"done: {line.strip()}"


def _router(city: City, words: Sequence[str]) -> None:
    if words[0] not in city.plan.routers:
        raise KeyError(words[0])
    city.router(words[0])


def _leave(number: signal.Signals) -> Callable[[City, Sequence[str]], None]:
    return lambda city, words: city.vrrp(words[0], number)


def _heal(city: City, words: Sequence[str]) -> None:
    if words:
        city.cables[words[0]].heal()
    else:
        city.heal()


_ORDERS: Mapping[str, tuple[Callable[[City, list[str]], object], int, int]] = {
    "break": (lambda city, w: city.cables[w[0]].carrier(False), 1, 1),
    "unplug": (lambda city, w: city.cables[w[0]].carrier(False, w[1]), 2, 2),
    "swallow": (lambda city, w: city.cables[w[0]].blackhole(*w[1:]), 1, 2),
    "loss": (lambda city, w: city.cables[w[0]].lose(float(w[1])), 2, 2),
    "delay": (lambda city, w: city.cables[w[0]].delay(float(w[1])), 2, 2),
    "hole": (lambda city, w: city.cables[w[0]].mtu_hole(int(w[1])), 2, 2),
    "bend": (lambda city, w: city.asymmetric(w[0]), 1, 1),
    "kill": (_router, 1, 1),
    "leave": (_leave(signal.SIGTERM), 1, 1),
    "split": (_leave(signal.SIGKILL), 1, 1),
    "stop": (lambda city, w: city.service(w[0]), 1, 1),
    "uplink": (lambda city, _: city.uplink(), 0, 0),
    "heal": (_heal, 0, 1),
}


def picture(city: City) -> str:
    """The map with its addresses, and what is not whole."""
    lines = ["internet 198.51.100.129 ── core1, core2 ── lan: operations 192.0.2.10 (the agent)",
             "gateway 192.0.2.1 by VRRP, dmz 192.0.2.70: web and names"]  # fmt: skip
    for site in city.plan.sites.values():
        legs = ", ".join(f"{leg.name} {leg.address} ({leg.core})" for leg in site.legs)
        lines.append(f"{site.name:<11} {legs}; behind them {site.server}")
    broken = [name for name, line in city.cables.items() if not line.whole]
    lines.append(f"cables: {', '.join(city.cables)}")
    lines.append(f"broken: {', '.join(broken) or 'no cable'}; Active: {', '.join(city.active())}")
    return "\n".join(lines)
