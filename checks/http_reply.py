"""An HTTP/1.1 reply read from bytes that cannot be trusted. Pure; sources: RFC 9110, RFC 9112.

Every reply comes to one end, however its bytes are split. Nothing of the body is kept unless the
caller wishes (`Keeping`): it is counted, and searched for one text. Bounds: the head (with all
interim replies and trailers), the number of its lines, the chunk lines, and the body.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from checks.http_body import BodyWatch

HEAD_BOUND = 65_536
"""Bytes of all heads together: the final one, interim (1xx) ones, and trailers."""
LINES_BOUND = 512
_CHUNK_LINE_BOUND = 1_024
_DIGITS_BOUND = 18
"""Digits of a length: more than any body that fits a 63-bit count."""

_START = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: [^\x00-\x08\x0a-\x1f\x7f]*)?")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\x00-\x08\x0a-\x1f\x7f]*)")
_FIELDS = re.compile(rb"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*\r?\n)*(?=\r?\n)")
_KEPT_FIELDS = re.compile(
    rb"^(content-length|transfer-encoding|content-encoding|location):([^\r\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
_EVERY_FIELD = re.compile(rb"^([^:\r\n]+):([^\r\n]*)", re.MULTILINE)
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
_KEPT = frozenset({b"content-length", b"transfer-encoding", b"content-encoding", b"location"})

End = Literal["", "complete", "malformed", "too-large"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is known of a reply so far, or at its end."""

    end: End
    reason: str
    status: int | None
    location: str
    encoding: str
    size: int
    """Bytes of the body without its framing, counted up to the bound."""
    contains: bool
    """The text looked for was seen; meaningless when none was looked for."""
    start: bytes = b""
    """The first bytes of the body, `http_body.LOOKED_AT` at most; never evidence."""


@dataclass(slots=True)
class Keeping:
    """What a reader keeps on demand; the reader's own bounds hold.

    A body above its bound is kept up to it, whether or not its length was told beforehand.
    """

    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    """Every field of the final head in order: name as sent, value without surrounding spaces."""
    body: bytearray = field(default_factory=bytearray)
    """The body without its framing."""
    head_read: bool = False
    """The final head was read to its end."""


Step = Callable[["ReplyReader"], bool]
"""One step over the bytes at hand; False: it needs more, or the reply is at its end."""


class ReplyReader:
    """Reads one reply to one request; the state machine of RFC 9112, sections 4 to 7.

    It leaves to others: content codings (none was asked for), cookies, and what follows the
    reply on the connection.
    """

    def __init__(
        self,
        *,
        head_only: bool,
        max_body: int,
        text: bytes = b"",
        keeping: Keeping | None = None,
    ) -> None:
        self._head_only = head_only
        self._keeping = keeping
        self._watch = BodyWatch(max_body, text)
        self._step: Step = ReplyReader._read_start
        self._buffer = b""
        self._at = 0
        self._head_left = HEAD_BOUND
        self._lines_left = LINES_BOUND
        self._fields: dict[bytes, list[bytes]] = {}
        self._last = b""
        self._expected = 0
        self._framing = 0
        self._until_close = False
        self.end: End = ""
        self.reason = ""
        self.status: int | None = None

    def reply(self) -> Reply:
        """What was read."""
        return Reply(
            end=self.end,
            reason=self.reason,
            status=self.status,
            location=self._text_of(b"location"),
            encoding=self._text_of(b"content-encoding").lower(),
            size=self._watch.size,
            contains=self._watch.contains,
            start=self._watch.start,
        )

    def feed(self, chunk: bytes) -> bool:
        """Take the next bytes; empty bytes are the end of the stream. True: at the end."""
        if self.end:
            return True
        if not chunk:
            self._closed()
            return True
        self._buffer, self._at = self._buffer[self._at :] + chunk, 0
        while not self.end and self._step(self):
            pass
        return bool(self.end)

    def _closed(self) -> None:
        if self._until_close:
            self._finish("complete")
        elif (
            self.status is None and self._at == len(self._buffer) and self._head_left == HEAD_BOUND
        ):
            self._finish("malformed", "closed without a reply")
        else:
            self._finish("malformed", "closed before its end")

    def _finish(self, end: End, reason: str = "") -> bool:
        self.end, self.reason = end, reason
        self._buffer, self._at = b"", 0
        return False

    def _line(self) -> bytes | None:
        """The next line of a head without its end (CRLF, or LF alone as 2.2 allows)."""
        before = self._at
        line = self._line_within(self._head_left, "head too long")
        if line is None:
            return None
        self._head_left -= self._at - before
        self._lines_left -= 1
        if self._lines_left < 0:
            self._finish("malformed", "too many header lines")
            return None
        return line

    def _line_within(self, bound: int, reason: str) -> bytes | None:
        """The next line if it ends within `bound` bytes; a longer one is malformed."""
        end = self._buffer.find(b"\n", self._at, self._at + bound)
        if end < 0:
            if len(self._buffer) - self._at >= bound:
                self._finish("malformed", reason)
            return None
        line = self._buffer[self._at : end]
        self._at = end + 1
        return line.removesuffix(b"\r")

    def _read_start(self) -> bool:
        # What cannot become "HTTP/1." is no reply: there is no need to wait for its line.
        if not b"HTTP/1.".startswith(self._buffer[self._at : self._at + 7]):
            return self._finish("malformed", "not an HTTP/1 reply")
        line = self._line()
        if line is None:
            return False
        match = _START.fullmatch(line)
        if match is None:
            return self._finish("malformed", "not an HTTP/1 reply")
        self.status = int(match[1])
        self._step = ReplyReader._read_field
        self._read_fields_at_once()
        return True

    def _read_fields_at_once(self) -> None:
        """A well-formed head that is all there, in one pass; any other is read line by line.

        It takes exactly the lines that `_read_field` would take one after another.
        """
        match = _FIELDS.match(self._buffer, self._at, self._at + self._head_left)
        if match is None:
            return
        lines = match[0]
        count = lines.count(b"\n")
        if count > self._lines_left:
            return
        self._at = match.end()
        self._head_left -= len(lines)
        self._lines_left -= count
        for name, value in _KEPT_FIELDS.findall(lines):
            self._fields.setdefault(name.lower(), []).append(value.strip(b" \t"))
        if self._keeping is not None:
            every = _EVERY_FIELD.findall(lines)
            self._keeping.fields += ((name, value.strip(b" \t")) for name, value in every)

    def _read_field(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if not line:
            return self._head_read()
        if line[:1] in (b" ", b"\t"):
            return self._folded(line)
        match = _FIELD.fullmatch(line)
        if match is None:
            return self._finish("malformed", "bad header line")
        self._last = match[1].lower()
        if self._last in _KEPT:
            self._fields.setdefault(self._last, []).append(match[2].strip(b" \t"))
        if self._keeping is not None:
            self._keeping.fields.append((match[1], match[2].strip(b" \t")))
        return True

    def _folded(self, line: bytes) -> bool:
        """An obsolete folded line (5.2) continues the field before it."""
        if not self._last or _FIELD.fullmatch(b"f:" + line) is None:
            return self._finish("malformed", "bad header line")
        if self._last in _KEPT:
            values = self._fields[self._last]
            values[-1] = (values[-1] + b" " + line.strip(b" \t")).strip(b" \t")
        if self._keeping is not None:
            name, value = self._keeping.fields[-1]
            self._keeping.fields[-1] = name, (value + b" " + line.strip(b" \t")).strip(b" \t")
        return True

    def _head_read(self) -> bool:
        """The framing of the body, by the rules of 6.3 in their order."""
        assert self.status is not None
        self._last = b""
        if self.status == 101:
            return self._finish("malformed", "protocol switched without being asked")
        if self.status < 200:
            self._fields.clear()
            if self._keeping is not None:
                self._keeping.fields.clear()
            self.status = None
            self._step = ReplyReader._read_start
            return True
        if self._keeping is not None:
            self._keeping.head_read = True
        if self._head_only or self.status in (204, 304):
            return self._finish("complete")
        if b"transfer-encoding" in self._fields:
            return self._transfer_coded()
        if b"content-length" in self._fields:
            return self._length_known()
        self._until_close = True
        self._step = ReplyReader._read_until_close
        return True

    def _transfer_coded(self) -> bool:
        codings = b",".join(self._fields[b"transfer-encoding"]).lower().split(b",")
        if [coding.strip(b" \t") for coding in codings] != [b"chunked"]:
            return self._finish("malformed", "transfer coding that was not asked for")
        self._step = ReplyReader._read_chunk_line
        return True

    def _length_known(self) -> bool:
        """One length, or the same one repeated (6.3, point 5)."""
        values = b",".join(self._fields[b"content-length"]).split(b",")
        lengths = {value.strip(b" \t") for value in values}
        text = lengths.pop()
        if lengths or not text.isdigit() or len(text) > _DIGITS_BOUND:
            return self._finish("malformed", "bad content-length")
        self._expected = int(text)
        if self._expected > self._watch.bound and self._keeping is None:
            return self._finish("too-large", "content-length above the bound")
        self._step = ReplyReader._read_sized
        return True

    def _read_sized(self) -> bool:
        self._take_expected()
        if self._expected or self.end:
            return False
        return self._finish("complete")

    def _read_until_close(self) -> bool:
        self._body(self._taken(len(self._buffer) - self._at))
        return False

    def _read_chunk_line(self) -> bool:
        """The size of the next chunk (7.1); extensions are ignored, as 7.1.1 asks.

        Framing may not outweigh the body by more than a head's bound: a stream of chunks of
        one byte would cost more than it says.
        """
        before = self._at
        line = self._line_within(_CHUNK_LINE_BOUND, "chunk line too long")
        if line is None:
            return False
        self._framing += self._at - before
        if self._framing > self._watch.size + HEAD_BOUND:
            return self._finish("malformed", "more framing than body")
        match = _CHUNK.fullmatch(line)
        if match is None:
            return self._finish("malformed", "bad chunk size")
        self._expected = int(match[1], 16)
        self._step = ReplyReader._read_chunk if self._expected else ReplyReader._read_trailer
        return True

    def _read_chunk(self) -> bool:
        self._take_expected()
        if self._expected or self.end:
            return False
        self._step = ReplyReader._read_chunk_end
        return True

    def _read_chunk_end(self) -> bool:
        end = self._buffer[self._at : self._at + 2]
        if end in (b"", b"\r"):
            return False
        if end != b"\r\n" and end[:1] != b"\n":
            return self._finish("malformed", "bad chunk end")
        self._at += 2 if end == b"\r\n" else 1
        self._step = ReplyReader._read_chunk_line
        return True

    def _read_trailer(self) -> bool:
        """Trailers (7.1.2) are read within the head's bound and ignored."""
        line = self._line()
        if line is None:
            return False
        return self._finish("complete") if not line else True

    def _take_expected(self) -> None:
        taken = self._taken(self._expected)
        self._expected -= len(taken)
        self._body(taken)

    def _taken(self, count: int) -> bytes:
        taken = self._buffer[self._at : self._at + count]
        self._at += len(taken)
        return taken

    def _body(self, taken: bytes) -> None:
        if self._keeping is not None:
            self._keeping.body += taken[: self._watch.bound - self._watch.size]
        if not self._watch.take(taken):
            self._finish("too-large", "body above the bound")

    def _text_of(self, field: bytes) -> str:
        """The first value of a field; bytes outside ASCII as ISO-8859-1 (RFC 9110, 5.5)."""
        values = self._fields.get(field, ())
        return values[0].decode("latin-1") if values else ""
