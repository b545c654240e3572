"""The writer's thread: one commit at a time, tried until it succeeds or the daemon gives up.

The loop hands over a `Commit` and is called back on the loop with what became of it. The thread
never decides anything: a failed commit is reported, and the loop hands it over again; a defect
is reported too, and the daemon ends.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, Protocol

from monitor.declared import Declarations
from monitor.derive import Fold
from monitor.store.errors import StoreError
from monitor.store.ledger import Commit, Committed, Ledger

_VIEWED = ("state", "since_us", "last_us", "until_us")


@dataclass(frozen=True, slots=True)
class Defect:
    """What should never happen: the ledger cannot be trusted to go on in this process."""

    error: Exception


Outcome = Committed | StoreError | Defect
Told = Callable[[Outcome], None]
Act = Callable[[Ledger], Any]
"""What the thread does to the ledger; a StoreError that it raises is its outcome."""


class LoopPost(Protocol):
    """The loop's door for other threads (`call_soon_threadsafe`)."""

    def __call__(self, call: Callable[[Outcome], None], outcome: Outcome, /) -> object:
        """Run `call(outcome)` on the loop, soon."""
        ...


class Writer:
    """Owns the ledger from `start` to `stop`; at most one commit is under way.

    `view` is what stands as of the last commit. Others never look at the ledger's own fold:
    while a commit is under way it is ahead of the database, and this thread changes it.
    """

    def __init__(self, ledger: Ledger, post: LoopPost) -> None:
        self._ledger = ledger
        self._post = post
        self._work: SimpleQueue[tuple[Act, Callable[[Any], None]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self.busy = False
        self.view = viewed(ledger.fold)

    def start(self) -> None:
        """Begin to take commits."""
        self._thread.start()

    @property
    def alive(self) -> bool:
        """False when a defect ended the thread: then nothing more can be committed."""
        return self._thread.is_alive()

    def write(self, commit: Commit, told: Told) -> None:
        """Hand one over; `told` is called on the loop. Not while `busy`."""
        self.act(lambda ledger: ledger.append(commit), told)

    def act(self, act: Act, told: Callable[[Any], None]) -> None:
        """Let something else be done to the ledger, as `write` does; not while `busy`."""
        self.busy = True
        self._work.put((act, told))

    def stop(self, longest_s: float) -> bool:
        """Finish what is under way and end the thread; the ledger stays open.

        False when a commit is still under way after this time (a disk that hangs).
        """
        self._work.put(None)
        self._thread.join(longest_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            act, told = work
            self._post(self._settle(told), self._done(act))

    def _done(self, act: Act) -> Any:
        try:
            done = act(self._ledger)
        except StoreError as error:
            return error
        # An exception of a thread reaches nobody by itself: the daemon would only fall silent.
        except Exception as error:  # noqa: BLE001
            return Defect(error)
        self.view = viewed(self._ledger.fold)
        return done

    def _settle(self, told: Told) -> Told:
        def settled(outcome: Outcome) -> None:
            self.busy = False
            told(outcome)

        return settled


def viewed(fold: Fold) -> Fold:
    """A copy of what people ask for: the present state of each series, the open incidents."""
    view = Fold()
    view.count = fold.count
    view.columns = {name: fold.columns[name][: fold.count].copy() for name in _VIEWED}
    view.incidents = dict(fold.incidents)
    view.declarations = Declarations(fold.declarations.rows())
    view.runs = dict(fold.runs)
    view.holds = fold.holds.copy()
    return view
