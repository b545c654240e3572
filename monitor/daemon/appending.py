"""An entry that somebody waits for: from the request to its place in the log."""

import asyncio
from collections.abc import Callable, Mapping

from monitor.daemon.committing import Committing
from monitor.daemon.control import ControlError
from monitor.daemon.recorder import Recorder
from monitor.ledger.entry import Record

APPEND_S = 30.0
MOST_WAITING = 1_000
"""Entries of operators that wait for a commit; more are refused."""


class Appending:
    """Appends for whoever asks on the socket. On the loop only."""

    def __init__(
        self, recorder: Recorder, committing: Committing, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._recorder, self._committing, self._loop = recorder, committing, loop

    def require_writing(self) -> None:
        """ControlError while an entry could not be committed soon."""
        trouble = self._committing.trouble
        if trouble is not None or self._recorder.waiting >= MOST_WAITING:
            raise ControlError("daemon.not-writing", cause=trouble.code if trouble else "full")

    async def appended(
        self,
        entry: Record,
        records: Mapping[bytes, bytes],
        beside: Callable[[], None] = lambda: None,
    ) -> int:
        """The index of an entry, once it is committed; `beside` adds what belongs to it.

        ControlError while nothing can be written: nothing is appended then; or when the commit
        takes too long: then it may still happen.
        """
        self.require_writing()
        index: asyncio.Future[int] = self._loop.create_future()

        def told(position: int) -> None:
            if not index.done():  # who asked may have gone meanwhile
                index.set_result(position)

        self._recorder.add(entry, records, told)
        beside()
        try:
            return await asyncio.wait_for(index, APPEND_S)
        except TimeoutError:
            raise ControlError("daemon.not-committed", seconds=int(APPEND_S)) from None
