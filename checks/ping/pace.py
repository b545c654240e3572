"""How often a lane must be stepped so that its receive buffer does not overflow. Pure."""

from typing import Final

_SKB_BYTES: Final = 1_536
"""Receive buffer that one packet under way takes: its reply and its transmit stamp."""
_MAX_SKB_BYTES: Final = 16_384
_WINDOW_NS: Final = 50_000_000
_SLOWEST_NS: Final = 1_000_000_000
_FASTEST_NS: Final = 1_000_000


class Pace:
    """The rate of packets, and what an overflow taught. `sent` is counted up by the lane."""

    def __init__(self) -> None:
        self.sent = 0
        self.overflow_ns = -1
        """When an overflow was last noticed (boot): what left before may have been answered."""
        self._rate = 0.0
        self._window_ns = 0
        self._drops = 0
        self._skb_bytes = _SKB_BYTES

    def step(self, drops: int, now_ns: int) -> int:
        """Take in the socket's count of dropped datagrams; how many are new.

        The rate is of windows of 50 ms, or of a step if that is longer: a rise shows at once, a
        fall slowly, and the length of steps does not matter. A drop means that datagrams take
        more room than was thought.
        """
        passed_ns = now_ns - self._window_ns
        self._rate = max(self._rate, self.sent * 1e9 / max(passed_ns, _WINDOW_NS))
        if passed_ns >= _WINDOW_NS:
            self._rate *= 0.95
            self.sent, self._window_ns = 0, now_ns
        new = (drops - self._drops) % (1 << 32)
        if new:
            self._drops, self.overflow_ns = drops, now_ns
            self._skb_bytes = min(2 * self._skb_bytes, _MAX_SKB_BYTES)
        return new

    def limit_ns(self, receive_bytes: int) -> int:
        """The longest step in which the replies fit into three quarters of the buffer."""
        if self._rate < 1.0:
            return _SLOWEST_NS
        room = receive_bytes * 3 // 4 // self._skb_bytes
        return min(_SLOWEST_NS, max(_FASTEST_NS, int(room / self._rate * 1e9)))
