"""The client's side of a drill: progress on a terminal, the trigger, the end by Ctrl-C."""

import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from monitor.cli.common import CommandError, on_terminal, tell
from monitor.daemon.control import Call
from monitor.text import Language, say

UNKNOWN = 3
SILENCE_S = 90
"""The agent tells something more often than this; only its last look and commit take longer."""
_STDERR = 2
HOOK_GRACE_S = 10.0
"""How long a hook may go on after the drill; then it is ended."""


@dataclass(slots=True, kw_only=True)
class Trigger:
    """What brings the failover about: a hook, run here with the operator's own rights, or a hand.

    It acts once, when every probe was answered for `after_us`: what is not calm is not cut.
    """

    hook: str | None
    after_us: int
    lang: Language
    argv: Sequence[str] = ()
    pulled: bool = False
    process: subprocess.Popen[bytes] | None = None
    told: dict[str, Any] = field(default_factory=dict)
    """What the client says of its hook: no evidence, and in no entry."""

    @property
    def failed(self) -> bool:
        """Whether a hook was to trigger the failover and did not succeed."""
        return self.hook is not None and self.told.get("exit_code") != 0

    def prepare(self) -> None:
        """CommandError unless the hook can be run; before anything is probed."""
        if self.hook is None:
            return
        try:
            self.argv = shlex.split(self.hook)
        except ValueError as error:
            raise CommandError("drill.hook-form", UNKNOWN, cause=error) from None
        if not self.argv or shutil.which(self.argv[0]) is None:
            raise CommandError("drill.hook-none", UNKNOWN, hook=self.hook)

    def look(self, progress: Mapping[str, Any]) -> None:
        """Act when it is time; notice when the hook has ended."""
        if self.process is not None:
            self._notice(self.process.poll())
        elif not self.pulled and self._calm(progress):
            self.pulled = True
            if self.hook is None:
                tell("drill.pull", self.lang)
            else:
                self._run()

    def finish(self) -> None:
        """Wait a moment for the hook, then end it; say what it came to."""
        if self.process is not None and "exit_code" not in self.told:
            try:
                self._notice(self.process.wait(HOOK_GRACE_S))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self._notice(self.process.wait())
        if self.failed:
            code = self.told.get("exit_code")
            key = "drill.hook-not-run" if code is None else "drill.hook-failed"
            tell(key, self.lang, hook=self.hook, code=code)
        elif not self.pulled:
            tell("drill.never-calm", self.lang)

    def _calm(self, progress: Mapping[str, Any]) -> bool:
        calm_us = int(progress.get("calm_ms", 0)) * 1_000
        return progress.get("answered", 0) > 0 and calm_us >= self.after_us

    def _run(self) -> None:
        self.told = {"argv": list(self.argv), "started_at": _now()}
        tell("drill.hook-runs", self.lang, hook=self.hook)
        try:
            # Its words go to stderr: stdout is the result's alone.
            self.process = subprocess.Popen(  # noqa: S603 - the operator's own command, no shell
                self.argv, stdin=subprocess.DEVNULL, stdout=_STDERR
            )
        except OSError as error:
            self.told |= {"ended_at": _now(), "error": error.strerror or str(error)}

    def _notice(self, code: int | None) -> None:
        if code is not None and "exit_code" not in self.told:
            self.told |= {"ended_at": _now(), "exit_code": code}


def carried_out(
    control: Path, request: Mapping[str, Any], trigger: Trigger, *, quiet: bool
) -> dict[str, Any]:
    """The drill's result, with what the trigger did; ControlError or NoDaemonError as `Call`."""
    trigger.prepare()
    watched = on_terminal() and sys.stderr.isatty() and not quiet
    show = _Line(trigger.lang) if watched else None
    with Call(control, "drill", SILENCE_S, **request) as call, _ended_by_interrupt(call):

        def told(progress: Mapping[str, Any]) -> None:
            if show is not None:
                show.clear()  # what the trigger says has a line of its own
            trigger.look(progress)
            if show is not None:
                show(progress)

        try:
            found = dict(call.result(told))
        finally:
            if show is not None:
                show.clear()
    trigger.finish()
    return {**found, "hook": trigger.told} if trigger.told else found


@contextmanager
def _ended_by_interrupt(call: Call) -> Iterator[None]:
    """The first Ctrl-C ends the drill, whose result is still told; the second ends the command."""

    def end(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        call.end()

    before = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Line:
    """One line on the terminal, written anew."""

    def __init__(self, lang: Language) -> None:
        self._lang = lang

    def __call__(self, progress: Mapping[str, Any]) -> None:
        if progress.get("phase") != "measuring":
            self._write(say("drill.looking", self._lang))
            return
        self._write(
            say(
                "drill.progress",
                self._lang,
                passed=progress["passed_ms"] // 1_000,
                total=progress["for_ms"] // 1_000,
                answered=progress["answered"],
                lost=progress["lost"],
                silent=f"{progress['silent_ms'] / 1_000:.1f}",
            )
        )

    def clear(self) -> None:
        """Leave nothing behind."""
        self._write("")

    def _write(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write("\r\x1b[K" + text[:width])
        sys.stderr.flush()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
