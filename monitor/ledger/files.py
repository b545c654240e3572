"""Small files that must survive a crash whole: created once, or replaced as one act (shell)."""

import os
from pathlib import Path


def create_durably(path: Path, content: bytes, mode: int) -> None:
    """Creates a file with exactly this mode and syncs it and its name; FileExistsError if there.

    A crash can leave it incomplete, never readable by more than ``mode`` allows.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, mode)
    try:
        _fill(descriptor, content, mode)
    except BaseException:
        path.unlink()
        raise
    sync_directory(path.parent)


def replace_durably(path: Path, content: bytes, mode: int) -> None:
    """Replaces a file: whoever reads it, also after a crash, finds the old or the new, whole.

    One writer at a time; a temporary file left behind by a crash is overwritten.
    """
    temporary = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    _fill(os.open(temporary, flags, mode), content, mode)
    # Crash here: the old file stands.
    temporary.replace(path)
    # Crash here: the name may still lead to the old file, until the directory is synced.
    sync_directory(path.parent)


def erase(path: Path) -> None:
    """Overwrites a regular file with zeros and removes it; OSError where that cannot be done.

    What the file system or the disk kept of it elsewhere (a journal, a snapshot, a backup, worn
    flash) is out of reach.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "wb") as file:
        file.write(bytes(os.fstat(descriptor).st_size))
        file.flush()
        os.fsync(descriptor)
    # Crash here: zeros are left under the name.
    path.unlink()
    sync_directory(path.parent)


def read_bounded(path: Path, limit: int) -> bytes:
    """Reads a file of at most ``limit`` bytes; OSError also where it is longer."""
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(f"longer than {limit} bytes")
    return content


def sync_directory(directory: Path) -> None:
    """Makes names created or replaced in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fill(descriptor: int, content: bytes, mode: int) -> None:
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
