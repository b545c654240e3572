"""How large the store is, and from which moment its growth is measured."""

from pathlib import Path

from monitor.derive import HOUR_US
from monitor.store.connect import place_of


class Growth:
    """Of one store since the daemon's start; sizes in bytes."""

    def __init__(self, url: str, started_us: int, opened_us: int) -> None:
        """`opened_us`: when the log began."""
        self._place = place_of(url)
        self._started_us, self._opened_us = started_us, opened_us
        self._at_start = self.stored_bytes()

    def stored_bytes(self) -> int:
        """Bytes of the database's files; 0 where it is not a file of this host."""
        files = (Path(self._place), Path(f"{self._place}-wal"))
        return sum(file.stat().st_size for file in files if file.is_file())

    def since(self, now_us: int) -> tuple[int, int]:
        """(moment, bytes then) that growth is measured from: the start, or the log's opening."""
        if now_us - self._started_us >= HOUR_US:
            return self._started_us, self._at_start
        return self._opened_us, 0
