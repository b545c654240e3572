"""The daemon's log: one line an event on stderr, key=value, no colour, no secrets.

systemd's journal adds the time; on a terminal the line carries its own. `<N>` prefixes give the
journal the level (sd-daemon(3)).
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from monitor.secret import mask_all

_PRIORITY = {"debug": "<7>", "info": "<6>", "warning": "<4>", "error": "<3>", "critical": "<2>"}


def configure_log() -> None:
    """Send structlog's and the standard library's events to stderr."""
    terminal = sys.stderr.isatty()
    processors: list[Any] = [structlog.stdlib.add_log_level, _masked]
    if terminal:
        processors.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    structlog.configure(
        processors=[*processors, _line],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="<4>%(message)s")


def _masked(_logger: object, _name: str, event: MutableMapping[str, Any]) -> Any:
    """URLs lose whatever may be a secret in them."""
    return {name: mask_all(v) if isinstance(v, str) else v for name, v in event.items()}


def _line(_logger: object, name: str, event: MutableMapping[str, Any]) -> str:
    prefix = "" if "timestamp" in event else _PRIORITY.get(name, "")
    head = [str(event.pop(key)) for key in ("timestamp", "level", "event") if key in event]
    return prefix + " ".join([*head, *(f"{name}={value!r}" for name, value in event.items())])
