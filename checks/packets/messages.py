"""What the daemon and the packet process say to one another. Pure.

One datagram a message, on a SOCK_SEQPACKET Unix socket. Times are ages: microseconds before the
reply was made, so that neither side needs the other's clock. What is in a message is bounded, and
what did not fit is counted in it. No payload, no password, no address of anybody who was not
asked about.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Final

from checks.packets import codec
from checks.packets.codec import AtMost, Between, Form

ACCOUNT = "sasando-packets"
"""The account of the unit; beside the daemon's own and root the only one it believes."""
MAX_SPEAKERS = 16
MAX_ADDRESSES = 64
"""Virtual addresses kept of one advertisement; VRRP allows 255."""
MAX_CHANGES = 16
MAX_CLAIMS = 8
MAX_REQUESTS = 10
"""Requests for one address that one look may send."""
MAX_WINDOW_US = 10_000_000
MAX_KEEP_US = 2 * 86_400_000_000
MAX_AGE_US = 100 * 366 * 86_400_000_000
"""A century: no host is up for longer, and what lies so far back is still a date."""
REASONS = ("permission", "no-interface", "down", "busy", "no-ethernet")
"""Why a request was refused: no CAP_NET_RAW; no such interface; the interface is down or has no
carrier; too much is asked for at once; the interface is not Ethernet."""

_INTERFACE = re.compile(r"[^\s/:\x00-\x1f\x7f]{1,15}")
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_TOKEN = re.compile(r"[a-z0-9-]{1,32}")


def is_interface(text: str) -> bool:
    """Whether a text can name a network interface (Linux: dev_valid_name, 15 bytes)."""
    fits = _INTERFACE.fullmatch(text) is not None and text not in (".", "..")
    return fits and len(text.encode()) <= 15


def is_hardware_address(text: str) -> bool:
    """Whether a text is an EUI-48 as `00:00:5e:00:01:33`."""
    return _MAC.fullmatch(text) is not None


def _is_address(text: str) -> bool:
    try:
        return len(text) <= 39 and str(ip_address(text)) == text
    except ValueError:
        return False


def _is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


Id = Annotated[int, Between(0, 2**53)]
Count = Annotated[int, Between(0, 2**62)]
Age = Annotated[int, Between(0, MAX_AGE_US)]
Interface = Annotated[str, Form(is_interface)]
Address = Annotated[str, Form(_is_address)]
HardwareAddress = Annotated[str, Form(is_hardware_address)]
Token = Annotated[str, Form(_is_token)]
Family = Annotated[int, Between(4, 6)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hear:
    """What was heard of one group? The answer comes at once, and listening goes on."""

    id: Id
    interface: Interface
    protocol: Token
    """vrrp or hsrp."""
    family: Family
    group: Annotated[int, Between(0, 4_095)]
    version: Annotated[int, Between(0, 3)]
    """HSRP 1 and 2 are different groups; 0 for VRRP, whose versions share one."""
    keep_us: Annotated[int, Between(0, MAX_KEEP_US)]
    """How long to go on listening without being asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolve:
    """Who answers for this address? `count` requests, the answer after `window_us`."""

    id: Id
    interface: Interface
    address: Address
    count: Annotated[int, Between(1, MAX_REQUESTS)]
    spacing_us: Annotated[int, Between(100_000, MAX_WINDOW_US)]
    window_us: Annotated[int, Between(0, MAX_WINDOW_US)]
    """Time after the last request."""
    keep_us: Annotated[int, Between(0, MAX_KEEP_US)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """One router that speaks for a group, by its latest valid advertisement."""

    address: Address
    heard_age_us: Age
    adverts: Count
    active: bool
    """It claims to be the Active: a VRRP advertisement with a priority, an HSRP state Active."""
    state: Token
    """active, leaving, preempted (another took over while it still spoke), silent (another took
    over because it did not); of HSRP also standby, speak, listen, learn, initial, disabled."""
    version: Annotated[int, Between(1, 3)]
    priority: Annotated[int, Between(0, 2**32 - 1)]
    interval_us: Count
    hold_us: Count
    """How long it counts without being heard again."""
    addresses: Annotated[tuple[Address, ...], AtMost(MAX_ADDRESSES)]
    address_count: Annotated[int, Between(0, 255)]
    authentication: Token
    """none, text, md5, or default (HSRP's well-known text). Never the text itself."""
    left_age_us: Age | None
    """When it last said that it leaves (VRRP priority 0, HSRP resign)."""
    standby_age_us: Age | None
    """When it was last heard as Standby (HSRP)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The Active changed. Told when the new one had spoken twice and the old one no more."""

    before: Address
    after: Address
    age_us: Age
    """Of the first advertisement of the new one."""
    settled_age_us: Age
    """Since when it is known: never longer ago than `age_us`."""
    gap_us: Count
    """Without an advertisement of either, before that one."""
    left: bool
    """The old one had said that it leaves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Everything heard of a group since listening for it began without a break."""

    id: Id
    instance: Token
    """Another one after each start of the process."""
    listening_us: Age
    speakers: Annotated[tuple[Speaker, ...], AtMost(MAX_SPEAKERS)]
    more_speakers: Count
    """Advertisements of speakers beyond `MAX_SPEAKERS`."""
    changes: Annotated[tuple[Change, ...], AtMost(MAX_CHANGES)]
    """The latest ones, oldest first."""
    both_age_us: Age | None
    """When two routers were last Active at once."""
    malformed: Count
    wrong_ttl: Count
    lost: Count
    """Frames that the kernel dropped because they were too many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A hardware address that was used for the address asked about."""

    hardware_address: HardwareAddress
    age_us: Age
    answers: Count
    """Frames of this look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Who answered for an address, and who announced it unasked."""

    id: Id
    instance: Token
    listening_us: Age
    asked: Annotated[int, Between(0, MAX_REQUESTS)]
    claims: Annotated[tuple[Claim, ...], AtMost(MAX_CLAIMS)]
    more_claims: Count
    announced_age_us: Age | None
    """The latest gratuitous ARP or unsolicited neighbour advertisement."""
    malformed: Count
    lost: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Nothing was done, and why (see `REASONS`)."""

    id: Id
    reason: Annotated[str, Form(REASONS.__contains__)]


Request = Hear | Resolve
Reply = Heard | Resolved | Refused
_REQUESTS: Final[Mapping[str, type]] = {"hear": Hear, "resolve": Resolve}
_REPLIES: Final[Mapping[str, type]] = {"heard": Heard, "resolved": Resolved, "refused": Refused}
_NAMES: Final = {kind: name for name, kind in (*_REQUESTS.items(), *_REPLIES.items())}


def to_bytes(message: Request | Reply) -> bytes:
    """The datagram of a message."""
    return codec.encode(_NAMES[type(message)], message)


def read_request(raw: bytes) -> Request:
    """A request; `codec.WireError` for anything else."""
    request: Request = codec.decode(raw, _REQUESTS)
    return request


def read_reply(raw: bytes) -> Reply:
    """A reply; `codec.WireError` for anything else."""
    reply: Reply = codec.decode(raw, _REPLIES)
    return reply
