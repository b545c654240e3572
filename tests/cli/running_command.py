"""The console command as users call it: as a process of its own, or inside the test's process."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monitor.cli.main import main

ROOT = Path(__file__).parents[2]
PATIENCE_S = 100


@dataclass(frozen=True, slots=True)
class Done:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Its stdout as JSON."""
        return json.loads(self.out)


def sasando(
    *words: str | Path,
    stdin: str = "",
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Done:
    """Run the command in a process of its own, in English unless the environment says else."""
    told = {"SASANDO_LANG": "en", **os.environ, **(environment or {})}
    done = subprocess.run(
        [sys.executable, "-m", "monitor.cli.main", *map(str, words)],
        input=stdin,
        cwd=cwd or ROOT,
        env={**told, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Inside:
    """Runs the command inside the test's process: the same boundary, without the start."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *words: str | Path) -> Done:
        """One command line."""
        self._capture.readouterr()
        code = main([str(word) for word in words])
        captured = self._capture.readouterr()
        return Done(code, captured.out, captured.err)
