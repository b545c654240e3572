"""The two processes of a demo: the city and the agent. Started here, ended here, by their pid."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from monitor.demo.failure import DemoFailure
from monitor.demo.town import Places

START_S = 20.0
ORDER_S = 5.0
STOP_S = 12.0
_TOLD = 5
"""Lines of a process's stderr that are shown when it fails."""
_NOT_HANDED_ON = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """What the demo's processes get of ours: no proxies, and nothing of our own supervisor."""
    kept = {
        name: value
        for name, value in given.items()
        if name not in _NOT_HANDED_ON and not name.lower().endswith("_proxy")
    }
    return {**kept, "PYTHONUNBUFFERED": "1"}


class City:
    """The city's process: its ports, and what is done to it."""

    def __init__(self, process: asyncio.subprocess.Process, ports: Mapping[str, int]) -> None:
        self.ports = ports
        self._process = process

    @classmethod
    async def start(cls, places: Places) -> "City":
        """Start it and read its ports; DemoFailure with its last words when it cannot start."""
        with places.city_log.open("ab") as stderr:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "monitor.demo.city", str(places.servers)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
                env=environment(os.environ),
            )
        try:
            assert process.stdout is not None
            line = await asyncio.wait_for(process.stdout.readline(), START_S)
            return cls(process, json.loads(line))
        except (TimeoutError, ValueError):
            await stop(process)
            raise DemoFailure("demo.no-city", why=last_lines(places.city_log)) from None
        except asyncio.CancelledError:
            await stop(process)
            raise

    async def order(self, what: str, *names: str) -> None:
        """`down` or `up` with these servers; DemoFailure when the city does not obey in time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            for name in names:
                self._process.stdin.write(f"{what} {name}\n".encode())
                await self._process.stdin.drain()
                done = await asyncio.wait_for(self._process.stdout.readline(), ORDER_S)
                if done != b"done\n":
                    raise DemoFailure("demo.no-city", why=name)
        except (OSError, TimeoutError) as error:
            raise DemoFailure("demo.no-city", why=str(error) or name) from None

    async def end(self) -> None:
        """End it."""
        await stop(self._process)


async def start_agent(places: Places) -> asyncio.subprocess.Process:
    """`sasando run -c CONFIG` as it runs anywhere, tethered to us; stderr goes to a file."""
    command = ("monitor.cli.main", "run", "-c", str(places.config))
    with places.log.open("ab") as stderr:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "monitor.demo.tether", str(os.getpid()), *command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=stderr,
            stderr=stderr,
            # A Ctrl-C of the terminal is for us alone: we end the agent in order.
            start_new_session=True,
            env=environment(os.environ),
        )


async def stop(process: asyncio.subprocess.Process) -> int:
    """SIGTERM, then time to end, then SIGKILL; the exit code."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    return await process.wait()


def last_lines(log: Path) -> str:
    """The end of what a process said."""
    text = log.read_text(encoding="utf-8", errors="replace")
    return " | ".join(line for line in text.splitlines()[-_TOLD:] if line.strip()) or "–"
