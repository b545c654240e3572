"""Many datagrams a system call: sendmmsg(2) and recvmmsg(2) on numpy buffers.

The kernel's structures are laid out for a 64-bit Linux; `SUPPORTED` says whether this is one.
Every call is non-blocking and holds the interpreter's lock (`PyDLL`): beside a busy thread,
giving the lock up and begging for it again costs 5 ms a call, the call itself far less.
"""

import ctypes
import errno
import sys
from typing import Final

import numpy as np
from numpy.typing import NDArray

SUPPORTED: Final = sys.platform == "linux" and ctypes.sizeof(ctypes.c_void_p) == 8
MSG_DONTWAIT: Final = 0x40
MSG_ERRQUEUE: Final = 0x2000
MSG_TRUNC: Final = 0x20
NAME_BYTES: Final = 28
"""sizeof(struct sockaddr_in6), the larger of the two."""

_HEADER = np.dtype(
    {
        "names": ["name", "namelen", "iov", "iovlen", "control", "controllen", "flags", "len"],
        "formats": ["u8", "u4", "u8", "u8", "u8", "u8", "i4", "u4"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, 56],
        "itemsize": 64,
    }
)
"""struct mmsghdr of a 64-bit Linux."""
_IOVEC = np.dtype([("base", "u8"), ("len", "u8")])

_LIBC = ctypes.PyDLL(None, use_errno=True)
_SENDMMSG = _LIBC.sendmmsg
_SENDMMSG.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
_RECVMMSG = _LIBC.recvmmsg
_RECVMMSG.argtypes = [*_SENDMMSG.argtypes, ctypes.c_void_p]


class Messages:
    """Buffers for `size` datagrams of at most `width` bytes, with addresses and control bytes.

    The arrays never move: the kernel is given their addresses once. A zero `control_bytes` or
    `named=False` leaves that part out.
    """

    def __init__(
        self, size: int, width: int, *, control_bytes: int = 0, named: bool = True
    ) -> None:
        self.size, self.width, self._control_bytes = size, width, control_bytes
        self.packets: NDArray[np.uint8] = np.zeros((size, width), np.uint8)
        self.names: NDArray[np.uint8] = np.zeros((size, NAME_BYTES), np.uint8)
        self.control: NDArray[np.uint8] = np.zeros((size, max(control_bytes, 8)), np.uint8)
        self._vectors = np.zeros(size, _IOVEC)
        self._vectors["base"] = _rows(self.packets)
        self._vectors["len"] = width
        self._headers = np.zeros(size, _HEADER)
        self._headers["iov"] = self._vectors.ctypes.data + np.arange(size) * _IOVEC.itemsize
        self._headers["iovlen"] = 1
        if named:
            self._headers["name"] = _rows(self.names)
            self._headers["namelen"] = NAME_BYTES
        if control_bytes:
            self._headers["control"] = _rows(self.control)
            self._headers["controllen"] = control_bytes
        self._at = self._headers.ctypes.data
        self._used = 0
        self.lengths = self._headers["len"]
        self.flags = self._headers["flags"]
        self.control_lengths = self._headers["controllen"]

    def prepare(self, lengths: NDArray[np.int64], name_bytes: int) -> None:
        """Say how long the next datagrams to send are, and their socket addresses."""
        self._vectors["len"][: len(lengths)] = lengths
        self._headers["namelen"][: len(lengths)] = name_bytes

    def send(self, fd: int, first: int, count: int) -> int:
        """Send datagrams `first` onward; how many left, or minus the errno of the first one."""
        at = self._at + first * _HEADER.itemsize
        sent: int = _SENDMMSG(fd, at, count, MSG_DONTWAIT)
        return sent if sent > 0 else -ctypes.get_errno()

    def receive(self, fd: int, flags: int = 0) -> int:
        """Fill the buffers with what waits; how many datagrams came, 0 when none waits.

        OSError for what is wrong with the socket itself.
        """
        if self._used:
            # The kernel wrote what it used; room is offered anew for those only.
            self._headers["namelen"][: self._used] = NAME_BYTES
            self.control_lengths[: self._used] = self._control_bytes
            self.flags[: self._used] = 0
        came: int = _RECVMMSG(fd, self._at, self.size, flags | MSG_DONTWAIT, None)
        self._used = max(came, 0)
        if came >= 0:
            return came
        number = ctypes.get_errno()
        if number in (errno.EAGAIN, errno.EINTR):
            return 0
        raise OSError(number, "recvmmsg failed")


def _rows(array: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """The address of each row."""
    first, stride = array.ctypes.data, array.strides[0]
    return np.arange(array.shape[0], dtype=np.uint64) * np.uint64(stride) + np.uint64(first)
