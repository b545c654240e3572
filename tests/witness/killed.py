"""Kills a witness between any two lines of its code, and tells what it had cosigned by then.

Run as a program of its own: it forks, which a test process with threads had better not do.
Prints one JSON line a kill: [line, size kept after it, cosigned before, fork cosigned after].
"""

import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.clock import SystemClock
from monitor.ledger.witness import Code
from monitor.witness import service, state
from monitor.witness.service import Witness
from monitor.witness.state import WitnessState
from tests.witness.history import LOG, ORIGIN, history, submission

KEY = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
HONEST, FORK = history(), history(forked_at=20)
OLD, NEW = 20, 40
WATCHED = {
    service.__file__,
    state.__file__,
    str(Path(state.__file__).parents[1] / "ledger/files.py"),
}


def answer(folder: Path, body: bytes) -> Code:
    """One submission to a witness that was just started."""
    with WitnessState(folder) as kept:
        witness = Witness(
            name="w", key=KEY, logs={ORIGIN: LOG.verifier}, state=kept, clock=SystemClock()
        )
        return witness.answer(body).code


def killed_at(number: int, folder: Path, told: int) -> None:
    """In a child: die before the `number`-th watched line; else tell the code and die."""
    left = number

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in WATCHED:
            return None
        if event == "line":
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.settrace(trace)
    code = answer(folder, submission(HONEST, OLD, NEW))
    sys.settrace(None)
    os.write(told, f"{code}".encode())
    os._exit(0)


def try_line(number: int) -> bool:
    """Whether the child died before it was done; prints what came of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assert answer(folder, submission(HONEST, 0, OLD)) == Code.COSIGNED
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            killed_at(number, folder, writing)
        os.close(writing)
        cosigned = os.read(reading, 100) == b"200"
        os.close(reading)
        _, status = os.waitpid(child, 0)
        with WitnessState(folder) as kept:
            head = kept.kept(LOG.verifier)
        assert head is not None
        forked = answer(folder, submission(FORK, head.size, NEW)) == Code.COSIGNED
        os.write(1, (json.dumps([number, head.size, cosigned, forked]) + "\n").encode())
        return os.WIFSIGNALED(status)


def main() -> None:
    """Every line, once."""
    import structlog

    structlog.configure(processors=[lambda *_: (_ for _ in ()).throw(structlog.DropEvent)])
    number = 1
    while try_line(number):
        number += 1
        assert number < 2_000, "it never comes to its end"


if __name__ == "__main__":
    main()
