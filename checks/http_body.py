"""What is learned from a body that is not kept. Pure."""

LOOKED_AT = 4_096
"""Bytes at the start that are kept until the reply is judged: landing pages are small."""


class BodyWatch:
    """Counts bytes up to a bound and searches them for one text, wherever the pieces are cut."""

    __slots__ = ("_tail", "_text", "bound", "contains", "size", "start")

    def __init__(self, bound: int, text: bytes) -> None:
        self.bound = bound
        self.size = 0
        self.start = b""
        """The first bytes, enough to tell a landing page by; forgotten with the reply."""
        self.contains = False
        """The text was seen; meaningless when none is looked for."""
        self._text = text
        self._tail = b""

    def take(self, piece: bytes) -> bool:
        """Look at the next bytes; False: they pass the bound, and only those within it count."""
        allowed = piece[: self.bound - self.size]
        if self._text and not self.contains:
            window = self._tail + allowed
            self.contains = self._text in window
            # As much of the end as could be the start of the text.
            self._tail = window[-(len(self._text) - 1) :] if len(self._text) > 1 else b""
        if self.size < LOOKED_AT:
            self.start += allowed[: LOOKED_AT - self.size]
        self.size += len(allowed)
        return len(allowed) == len(piece)
