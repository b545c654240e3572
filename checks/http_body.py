"""What is learned from a body that is not kept. Pure."""


class BodyWatch:
    """Counts bytes up to a bound and searches them for one text, wherever the pieces are cut."""

    __slots__ = ("_tail", "_text", "bound", "contains", "size")

    def __init__(self, bound: int, text: bytes) -> None:
        self.bound = bound
        self.size = 0
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
        self.size += len(allowed)
        return len(allowed) == len(piece)
