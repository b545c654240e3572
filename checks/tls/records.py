"""Records and the handshake messages in them, put together again from any split. Pure, bounded.

RFC 8446 (5.1, 4), RFC 5246 (6.2.1, 7.4). Versions in records are not looked at beyond the 3.
"""

CHANGE_CIPHER_SPEC = 20
ALERT = 21
HANDSHAKE = 22
APPLICATION = 23
HEARTBEAT = 24

_HEADER = 5
_LENGTH_BOUND = 2**14 + 2048  # RFC 5246, 6.2.3; TLS 1.3 has less
RECORDS_BOUND = 1_000
MESSAGES_BOUND = 65_536


class MalformedError(ValueError):
    """The peer's bytes are not what the protocol allows; the text says which part, in a word."""


class ForeignError(MalformedError):
    """The peer speaks no TLS at all; the text says what it seems to speak, if that is known."""


class TooMuchError(MalformedError):
    """The peer sends, or announces, more than is read of it."""


# How servers begin that speak first or answer in plain text, by their first bytes.
_FOREIGN = ((b"HTTP/", "http"), (b"SSH-", "ssh"), (b"220", "smtp or ftp"), (b"<", "html"))


def is_text(start: bytes) -> bool:
    """Whether somebody could read it, so that it is no record of any version."""
    return all(32 <= byte < 127 or byte in b"\r\n\t" for byte in start)


def foreign(start: bytes) -> ForeignError:
    """What speaks so instead of TLS."""
    known = (word for prefix, word in _FOREIGN if start.startswith(prefix))
    return ForeignError(next(known, "text" if is_text(start) else ""))


class RecordReader:
    """Cuts a stream into records, `take` by `take`; raises MalformedError.

    At most `bound` records are given out; of a record only one more than is asked is kept.
    """

    __slots__ = ("_buffer", "_count", "bound")

    def __init__(self, bound: int = RECORDS_BOUND) -> None:
        self._buffer = bytearray()
        self._count = 0
        self.bound = bound

    @property
    def started(self) -> bool:
        """Whether there was anything to read."""
        return bool(self._buffer or self._count)

    def feed(self, chunk: bytes) -> None:
        """Add what was received."""
        self._buffer += chunk

    def take(self) -> tuple[int, bytes] | None:
        """Type and content of the next record; None until it is whole."""
        buffer = self._buffer
        if len(buffer) < _HEADER:
            return None
        kind, length = buffer[0], buffer[3] << 8 | buffer[4]
        if not CHANGE_CIPHER_SPEC <= kind <= HEARTBEAT or buffer[1] != 3:
            raise MalformedError("record") if self._count else foreign(bytes(buffer[:_HEADER]))
        if length > _LENGTH_BOUND:
            raise MalformedError("record length")
        if self._count >= self.bound:
            raise TooMuchError("records")
        if len(buffer) < _HEADER + length:
            return None
        content = bytes(buffer[_HEADER : _HEADER + length])
        del buffer[: _HEADER + length]
        self._count += 1
        return kind, content


class MessageReader:
    """Puts handshake messages together from fragments; raises MalformedError.

    Messages of one reader have at most `bound` bytes in all. What is announced counts, so that a
    certificate list of 16 MB ends this at its header.
    """

    __slots__ = ("_buffer", "_taken", "bound")

    def __init__(self, bound: int = MESSAGES_BOUND) -> None:
        self._buffer = bytearray()
        self._taken = 0
        self.bound = bound

    def feed(self, fragment: bytes) -> None:
        """Add the content of a handshake record."""
        if not fragment:
            raise MalformedError("empty record")  # RFC 8446, 5.1; RFC 5246, 6.2.1
        self._buffer += fragment

    def take(self) -> tuple[int, bytes] | None:
        """Type and the whole next message, its header of four bytes too; None until it is whole."""
        buffer = self._buffer
        if len(buffer) < 4:
            return None
        size = 4 + int.from_bytes(buffer[1:4], "big")
        if self._taken + size > self.bound:
            raise TooMuchError("messages")
        if len(buffer) < size:
            return None
        whole = bytes(buffer[:size])
        del buffer[:size]
        self._taken += size
        return whole[0], whole

    @property
    def pending(self) -> bool:
        """Whether a message has begun that is not whole."""
        return bool(self._buffer)
