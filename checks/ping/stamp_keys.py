"""Which datagram a transmit stamp belongs to. Pure.

The kernel numbers the datagrams of a socket (SOF_TIMESTAMPING_OPT_ID) and a stamp carries that
number alone. A send that fails may or may not have used up a number (EPERM of a firewall does,
ENETUNREACH does not; it differs by kernel), so after a failure the numbering is started anew
instead of guessed. A datagram of an earlier numbering may still wait in a queue of the device or
for its neighbour's address: its stamp is believed only while its number cannot mean another one.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from checks.ping.kernel import Ints

_RING: Final = 65_536
_WRAP: Final = 1 << 32
_AMBIGUOUS: Final = -1
EARLIER_NS: Final = 10_000_000_000
"""How long a datagram of an earlier numbering may wait on this host before it is forgotten."""


class StampKeys:
    """The last 65,536 numbers of the present numbering, and what earlier ones left open."""

    def __init__(self) -> None:
        self._sequences = np.zeros(_RING, np.int64)
        self._next = 0
        self._known = 0
        self._earlier: dict[int, tuple[int, int]] = {}

    def sent(self, sequences: Ints) -> None:
        """These left the socket now, in this order, without a failure between them."""
        at = (self._next + np.arange(len(sequences))) % _RING
        self._sequences[at] = sequences
        self._next = (self._next + len(sequences)) % _WRAP
        self._known = min(self._known + len(sequences), _RING)

    def restart(self, unstamped: Callable[[Ints], NDArray[np.bool_]], now_ns: int) -> None:
        """The numbering starts at 0 again; `unstamped` says which sequences lack their stamp."""
        keys = (self._next - 1 - np.arange(self._known)) % _WRAP
        sequences = self._sequences[keys % _RING]
        open_ = unstamped(sequences)
        kept = {key: entry for key, entry in self._earlier.items() if entry[1] > now_ns}
        for key, sequence in zip(keys[open_].tolist(), sequences[open_].tolist(), strict=True):
            kept[key] = (_AMBIGUOUS if key in kept else sequence, now_ns + EARLIER_NS)
        self._earlier = kept
        self._next = self._known = 0

    def sequences(self, keys: Ints) -> Ints:
        """The sequence of each number, -1 where there is none, or more than one."""
        age = (self._next - 1 - keys) % _WRAP
        known = age < self._known
        found = np.where(known, self._sequences[keys % _RING], -1)
        for place, key in enumerate(keys.tolist()) if self._earlier else ():
            if key in self._earlier:
                found[place] = _AMBIGUOUS if known[place] else self._earlier[key][0]
        return found
