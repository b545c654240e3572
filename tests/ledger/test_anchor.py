"""The high-water mark: forward only, whole or not at all."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger import files
from monitor.ledger.anchor import advance, read
from monitor.ledger.checkpoint import Checkpoint, sign_checkpoint
from monitor.ledger.errors import AnchorError, CheckpointError, NoteError
from monitor.ledger.merkle import leaf_hash
from monitor.ledger.note import sign
from monitor.ledger.signer import Signer

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def note(size: int, *, origin: str = "agent.example/log", root: bytes = b"root") -> bytes:
    """A signed checkpoint."""
    checkpoint = Checkpoint(origin=origin, size=size, root=leaf_hash(root))
    return sign_checkpoint(checkpoint, Signer(name=origin, key=KEY))


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Where the mark is kept."""
    return tmp_path / "high-water"


def test_first_mark(mark: Path) -> None:
    """There is no mark before the first one, which is kept byte for byte."""
    assert read(mark) is None
    assert advance(mark, note(5))
    assert read(mark) == note(5)
    assert list(mark.parent.iterdir()) == [mark]


@given(st.lists(st.integers(1, 20), max_size=12))
def test_never_backwards(tmp_path_factory: pytest.TempPathFactory, sizes: list[int]) -> None:
    """After any sequence of marks the largest one stands."""
    mark, highest = tmp_path_factory.mktemp("mark") / "high-water", 0
    for size in sizes:
        if size < highest:
            with pytest.raises(AnchorError, match=r"ledger\.anchor-ahead"):
                advance(mark, note(size))
        else:
            assert advance(mark, note(size)) is (size > highest)
        highest = max(highest, size)
        assert read(mark) == note(highest)


def test_refused_marks(mark: Path) -> None:
    """Another root at the same size, another log, or no checkpoint leaves the mark as it is."""
    advance(mark, note(5))
    signer = Signer(name="agent.example/log", key=KEY)
    for wrong, error, code in (
        (note(5, root=b"fork"), AnchorError, "anchor-forked"),
        (note(6, origin="other.example/log"), AnchorError, "anchor-origin"),
        (b"", NoteError, "note-without-signatures"),
        (sign("no checkpoint\n", [signer]), CheckpointError, "checkpoint-lines"),
    ):
        with pytest.raises(error, match=rf"ledger\.{code}"):
            advance(mark, wrong)
    assert read(mark) == note(5)


def test_damaged_mark_is_not_replaced(mark: Path) -> None:
    """A mark that is no longer a checkpoint is reported, not overwritten."""
    mark.write_bytes(b"garbage")
    with pytest.raises(AnchorError, match=r"ledger\.anchor-damaged"):
        advance(mark, note(5))
    assert read(mark) == b"garbage"


def test_unreadable_and_unwritable(tmp_path: Path) -> None:
    """A mark that cannot be read or written is an error that names the path."""
    (tmp_path / "directory").mkdir()
    with pytest.raises(AnchorError, match=r"ledger\.anchor-unreadable.*directory"):
        read(tmp_path / "directory")
    with pytest.raises(AnchorError, match=r"ledger\.anchor-unwritable.*absent"):
        advance(tmp_path / "absent" / "mark", note(5))
    (tmp_path / "huge").write_bytes(b"x" * 1_000_001)
    with pytest.raises(AnchorError, match=r"ledger\.anchor-unreadable.*longer"):
        read(tmp_path / "huge")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_crash_while_writing(mark: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """A crash before the rename leaves the old mark, and the next advance goes through."""
    advance(mark, note(5))

    def crash(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(*((os, "fsync", crash) if step == "fsync" else (Path, "replace", crash)))
        with pytest.raises(KeyboardInterrupt):
            advance(mark, note(7))
    assert read(mark) == note(5)
    assert advance(mark, note(6))
    assert read(mark) == note(6)
    assert list(mark.parent.iterdir()) == [mark]


def test_written_in_a_durable_order(mark: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content is synced before the rename, the directory after it."""
    acts = list[str]()
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(descriptor: int) -> None:
        acts.append("directory" if os.path.isdir(f"/proc/self/fd/{descriptor}") else "content")  # noqa: PTH112
        fsync(descriptor)

    def seen_replace(source: Path, target: Path) -> Path:
        acts.append("rename")
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    advance(mark, note(5))
    assert acts == ["content", "rename", "directory"]


def test_failed_creation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that could not be written whole is taken away again."""

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        files.create_durably(tmp_path / "new", b"content", 0o600)
    assert list(tmp_path.iterdir()) == []
