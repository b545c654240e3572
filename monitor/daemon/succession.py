"""The first entry of a log that succeeds another one."""

from monitor.clock import SystemClock
from monitor.config.configuration import Configuration
from monitor.daemon.control import ControlError
from monitor.daemon.folders import make_folders
from monitor.daemon.keyring import open_ledger
from monitor.ledger.entry import LogOpened
from monitor.store.connect import place_of
from monitor.store.ledger import Commit


def begin_after(configuration: Configuration, previous: bytes) -> None:
    """Open the configured log, which must not have begun, with an entry that names a checkpoint.

    `previous` is the signed note, verified by the caller. ControlError where the log has begun;
    StoreBusyError while a daemon writes it; EntryError where the note does not fit an entry.
    """
    agent = configuration.agent
    make_folders(agent)
    clock = SystemClock()
    ledger = open_ledger(agent).ledger
    try:
        if ledger.size:
            place = place_of(agent.store_url())
            raise ControlError("cli.succeed-begun", place=place, size=ledger.size)
        now_us = clock.wall_us()
        first = LogOpened(
            origin=agent.origin,
            vantage=agent.vantage,
            opened_us=now_us,
            previous=previous.decode(),
        )
        # Crash here: an empty log; the same command may be given again.
        ledger.append(Commit(entries=[first.to_bytes()], at_us=now_us))
    finally:
        ledger.close(clock.wall_us())
