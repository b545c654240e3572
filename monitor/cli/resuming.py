"""`sasando verify --resume DIR`: where a long verification keeps how far it came."""

import os
import secrets
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cli.common import CommandError

if TYPE_CHECKING:
    from monitor.halfway import Keeper

KEY_BYTES = 32
EVERY_S = 30.0
_DIRECTORY, _FILE = 0o700, 0o600


def keeper_in(folder: Path, judged: Path | None) -> "Keeper":
    """The keeper of a directory, made if need be.

    CommandError where it belongs to somebody else, or lies with what is verified: whoever hands
    over a log must not hand over what is to be believed of it.
    """
    from monitor.halfway import Keeper

    place = folder.absolute()
    if judged is not None and judged.is_dir():
        for one in (place, _key_place()):
            if one.resolve().is_relative_to(judged.resolve()):
                raise CommandError("verify.resume-inside", folder=one)
    try:
        place.mkdir(mode=_DIRECTORY, parents=True, exist_ok=True)
        _require_own(place)
        key = _key(_key_place())
    except OSError as error:
        cause = error.strerror or str(error)
        raise CommandError("verify.resume-folder", folder=folder, cause=cause) from None
    return Keeper(folder=place, key=key, due=_due())


def _require_own(place: Path) -> None:
    found = place.stat()
    if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise CommandError("verify.resume-foreign", folder=place)


def _key_place() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "sasando" / "resume.key"


def _key(place: Path) -> bytes:
    """The verifier's own key, made when it is first needed; it signs nothing but kept states."""
    place.parent.mkdir(mode=_DIRECTORY, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _FILE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
    _require_own(place)
    with place.open("rb") as file:
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        # Crash while it was written, or another file: nothing that was kept can be believed.
        raise CommandError("verify.resume-key", place=place)
    return key


def _due() -> Callable[[], bool]:
    """True every half a minute."""
    last = time.monotonic()

    def due() -> bool:
        nonlocal last
        now = time.monotonic()
        if now - last < EVERY_S:
            return False
        last = now
        return True

    return due
