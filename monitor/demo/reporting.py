"""The report of a demo and its audit bundle, made and verified by the commands anybody runs."""

import asyncio
import json
import os
import sys
from contextlib import suppress
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from monitor.demo.processes import environment, stop
from monitor.demo.town import TIMEZONE, Places
from monitor.text import Language

BUNDLE = "audit-bundle.zip"
MAKING_S = 60.0


def today() -> date:
    """The day in the demo's zone."""
    return datetime.now(UTC).astimezone(ZoneInfo(TIMEZONE)).date()


async def report(places: Places, lang: Language, since: date) -> int | None:
    """`sasando report` over the days of the demo; how many files it wrote, None where it failed."""
    period = f"{since.isoformat()}..{today().isoformat()}"
    where = ("--out", str(places.report), "-c", str(places.config))
    code, _ = await _told(places, "report", "--period", period, "--lang", lang, *where)
    return sum(1 for _ in places.report.iterdir()) if code == 0 else None


async def bundle_verdict(places: Places) -> str | None:
    """What `sasando verify` says of the bundle, from the pinned key alone; None: nothing."""
    key = str(places.config / "trust" / "log.vkey")
    _, said = await _told(places, "verify", str(places.report / BUNDLE), "--key", key, "--json")
    with suppress(ValueError, KeyError):
        return str(json.loads(said)["verdict"])
    return None


async def _told(places: Places, *argv: str) -> tuple[int, bytes]:
    """Exit code and output of one of our own commands; what it warns of goes to the log."""
    with places.log.open("ab") as stderr:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor.cli.main", *argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
            env=environment(os.environ),
        )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), MAKING_S)
    except TimeoutError:
        said = b""
    finally:
        code = await stop(process)
    return code, said
