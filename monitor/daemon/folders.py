"""The directories that the daemon needs before it opens its ledger."""

from monitor.config.configuration import Agent
from monitor.store.errors import StoreError


def make_folders(agent: Agent) -> None:
    """The state directory and the mark's, closed to others; StoreError says what is in the way."""
    for folder in (agent.state, agent.high_water_mark.parent):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        except OSError as error:
            cause = error.strerror or str(error)
            raise StoreError("store.unwritable", place=str(folder), cause=cause) from error
