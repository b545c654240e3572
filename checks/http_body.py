"""What is learned from a body, which only the one who asks for it gets. Pure."""


class BodyWatch:
    """Counts bytes up to a bound and searches them for one text, wherever the pieces are cut."""

    __slots__ = ("_tail", "_text", "bound", "contains", "kept", "size")

    def __init__(self, bound: int, text: bytes, keep: bool = False) -> None:
        self.bound = bound
        self.size = 0
        self.contains = False
        """The text was seen; meaningless when none is looked for."""
        self.kept = bytearray() if keep else None
        """What was within the bound; None where it is only counted."""
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
        if self.kept is not None:
            self.kept += allowed
        return len(allowed) == len(piece)
