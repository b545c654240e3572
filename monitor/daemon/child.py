"""A heavy job as a process of its own: bounded in time, ended with the daemon."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress

GRACE_S = 3.0
"""Between SIGTERM and SIGKILL."""
_KEPT = 4_096
"""Bytes of what it says last."""
_PIECE = 65_536


async def run(words: Sequence[str], longest_s: float, given: bytes = b"") -> tuple[int, str]:
    """(exit code, the end of what it said on stderr) of this Python with these words.

    `given` is its standard input. OSError where it cannot be started, TimeoutError where it takes
    longer; it is ended then, as it is when the caller is cancelled.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *words,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(longest_s):
            said = await _said(process, given)
            code = await process.wait()
    finally:
        await _end(process)
    return code, said


async def _said(process: asyncio.subprocess.Process, given: bytes) -> str:
    assert process.stdin is not None
    assert process.stderr is not None
    with suppress(ConnectionError):
        process.stdin.write(given)
        await process.stdin.drain()
        process.stdin.close()
    kept = b""
    while piece := await process.stderr.read(_PIECE):
        kept = (kept + piece)[-_KEPT:]
    return kept.decode(errors="replace").strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(GRACE_S):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
