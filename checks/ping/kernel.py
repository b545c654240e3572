"""What the kernel tells beside a datagram: time stamps and their ids.

Pure: bytes of control messages in, arrays out. Layouts of a 64-bit Linux: a control message is
a 16-byte header (length, level, type) and its data, each padded to 8 bytes.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

RX_CONTROL_BYTES: Final = 128
TX_CONTROL_BYTES: Final = 192

SO_TIMESTAMPING: Final = 37
STAMP_FLAGS: Final = (1 << 1) | (1 << 3) | (1 << 4) | (1 << 11)
"""TX_SOFTWARE, RX_SOFTWARE, SOFTWARE (report them) and OPT_TSONLY (no payload is looped)."""
OPT_ID: Final = 1 << 7
"""Each sent datagram's stamp carries a number; switching the option on starts it at 0."""

_SOL_SOCKET = 1
_STAMP_SPACE = 64
"""CMSG_SPACE(struct scm_timestamping): header 16, three timespecs of 16."""
_ERROR_AT = _STAMP_SPACE + 16
"""Where struct sock_extended_err starts in a stamp's message on the error queue."""
_TX_LEAST = _ERROR_AT + 16
_ORIGIN_TIMESTAMPING = 4


class TxStamps(NamedTuple):
    """When datagrams were handed to the device: ids and CLOCK_REALTIME nanoseconds."""

    keys: Ints
    times_ns: Ints


def rx_stamps(control: Bytes, lengths: NDArray[np.uint64]) -> Ints:
    """CLOCK_REALTIME ns at which each datagram arrived; 0 where the kernel gave no stamp."""
    return np.where(_stamped(control, lengths, _STAMP_SPACE), _seconds_ns(control), 0)


def tx_stamps(control: Bytes, lengths: NDArray[np.uint64]) -> TxStamps:
    """The stamps on the error queue; whatever else is queued there is left out."""
    good = _stamped(control, lengths, _TX_LEAST)
    good &= control[:, _ERROR_AT + 4] == _ORIGIN_TIMESTAMPING
    keys = control[:, _ERROR_AT + 12 : _ERROR_AT + 16].copy().view(np.uint32)[:, 0]
    return TxStamps(keys.astype(np.int64)[good], _seconds_ns(control)[good])


def _stamped(control: Bytes, lengths: NDArray[np.uint64], least: int) -> NDArray[np.bool_]:
    head = control[:, 8:16].copy().view(np.uint32)
    stamped: NDArray[np.bool_] = (lengths >= least) & (head[:, 0] == _SOL_SOCKET)
    stamped &= head[:, 1] == SO_TIMESTAMPING
    return stamped


def _seconds_ns(control: Bytes) -> Ints:
    stamp = control[:, 16:32].copy().view(np.int64)
    return stamp[:, 0] * 1_000_000_000 + stamp[:, 1]
