"""A database in trouble: full, locked, unwritable, another version. Nothing committed is lost."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from monitor.store import connect, schema
from monitor.store.connect import migrate, open_engine, place_of
from monitor.store.errors import StoreBusyError, StoreError
from monitor.store.ledger import Ledger
from monitor.store.pinned import PinnedDatabase
from monitor.verify import verify
from tests.lab.parts import need_root, require
from tests.store.building import KEY, anchored, append, begin, ledger_at, rich

PRIVATE = ("unshare", "--mount", "--propagation", "private", "sh", "-c")
FILL = """
import sys
from pathlib import Path
from monitor.ledger.entry import OperatorAct
from monitor.store.errors import StoreFullError
from tests.store.building import KEY, append, anchored
from monitor.store.ledger import Ledger
url, mark, limit = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
if limit:
    import resource, signal
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
import os
ledger = Ledger.open(url, KEY, mark)
done = 0
try:
    for number in range(1000):
        detail = {"b": os.urandom(40_000)}
        act = OperatorAct(act="check", author="ayu", reason="r", at_us=0, detail=detail)
        done = append(ledger, act.to_bytes()).size
except StoreFullError as error:
    print("full", error.code, done)
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    else:
        Path(url.removeprefix("sqlite:///")).with_name("ballast").unlink()
    print("again", append(ledger, anchored()).first)
    ledger.close()
"""


def _filled(command: list[str], url: str, mark: Path, limit: int) -> dict[str, int]:
    done = subprocess.run(
        [*command, sys.executable, "-c", FILL, url, str(mark), str(limit)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    return {line[0]: int(line[-1]) for line in lines}


def test_a_full_quota_loses_nothing_and_is_ridden_out(tmp_path: Path, mark: Path) -> None:
    """The refused commit left no trace; with room again the writer goes on at the same place."""
    url = f"sqlite:///{tmp_path}/l.db"
    said = _filled([], url, mark, 3_000_000)
    assert said["full"] > 5
    assert said["again"] == said["full"]
    with PinnedDatabase(url) as source:
        proof = verify(source, KEY.verifier)
    assert (proof.verdict, proof.size) == ("intact", said["full"] + 1)


def test_a_full_disk_loses_nothing_and_is_ridden_out(tmp_path: Path) -> None:
    """The same on a small file system that really is full, with the mark on the same disk."""
    need_root()
    require("unshare", "mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        f"mount -t tmpfs -o size=3m tmpfs {disk} && head -c 300000 /dev/zero >{disk}/ballast"
        f' && "$@" && cp {disk}/l.db* {tmp_path}'
    )
    command = [*PRIVATE, script, "sh"]
    said = _filled(command, f"sqlite:///{disk}/l.db", disk / "mark", 0)
    assert said["full"] > 5
    assert said["again"] == said["full"]
    with PinnedDatabase(f"sqlite:///{tmp_path}/l.db") as source:
        proof = verify(source, KEY.verifier)
    assert (proof.verdict, proof.size) == ("intact", said["full"] + 1)


def test_a_database_locked_by_a_foreign_transaction_is_busy(
    tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit fails typed and unwritten; when the stranger lets go, it succeeds."""
    monkeypatch.setattr(connect, "BUSY_MS", 50)
    with ledger_at(f"sqlite:///{tmp_path}/l.db", mark) as ledger:
        begin(ledger)
        size = ledger.size
        with closing(sqlite3.connect(tmp_path / "l.db", isolation_level=None)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusyError) as caught:
                append(ledger, anchored())
            assert caught.value.code == "store.busy"
        assert append(ledger, anchored()).first == size


@pytest.mark.parametrize("place", ["/proc/nothing/l.db", "/dev/null/l.db"])
def test_a_directory_that_takes_no_file_is_unwritable(place: str, mark: Path) -> None:
    """Missing, or no directory at all: the same sentence, with the system's reason."""
    with pytest.raises(StoreError) as caught:
        Ledger.open(f"sqlite:///{place}", KEY, mark)
    assert caught.value.code == "store.unwritable"


def test_a_directory_without_the_right_to_write_is_unwritable(tmp_path: Path) -> None:
    """An ordinary user before a directory of another one is told so."""
    if os.geteuid() == 0:
        require("setpriv")
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        if folder.owner() != "root" or folder == tmp_path:
            folder.chmod(0o755)
    code = (
        "import sys; from pathlib import Path\n"
        "from monitor.store.errors import StoreError\n"
        "from monitor.store.ledger import Ledger\n"
        "from tests.store.building import KEY\n"
        "import os\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "try: Ledger.open(sys.argv[1], KEY, Path('/nonexistent/mark'))\n"
        "except StoreError as error: print(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{locked}/l.db"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "store.unwritable\n", done.stderr


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("nonsense", "store.url"),
        ("postgresql://postgres:geheim@127.0.0.1:1/x", "store.away"),
    ],
)
def test_a_wrong_address_is_told_without_its_password(url: str, code: str, mark: Path) -> None:
    """A URL that is none, a server that is not there."""
    with pytest.raises(StoreError) as caught:
        Ledger.open(url, KEY, mark)
    assert caught.value.code == code
    assert "geheim" not in str(caught.value.values)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path, mark: Path) -> None:
    """For the writer and for `verify` alike, with a StoreError."""
    path = tmp_path / "l.db"
    path.write_bytes(b"this is a text, not a database. " * 300)
    for opening in (
        lambda: Ledger.open(f"sqlite:///{path}", KEY, mark),
        lambda: PinnedDatabase(f"sqlite:///{path}"),
    ):
        with pytest.raises(StoreError) as caught:
            opening()
        assert caught.value.code == "store.failed"


def test_a_page_destroyed_on_disk_is_a_typed_error(tmp_path: Path, mark: Path) -> None:
    """Random bytes over the middle of the file: tampered or unreadable, never a crash."""
    with ledger_at(f"sqlite:///{tmp_path}/l.db", mark) as ledger:
        rich(ledger)
    whole = (tmp_path / "l.db").read_bytes()
    for page in range(1, len(whole) // 4096):
        broken = whole[: page * 4096] + b"\xa5" * 4096 + whole[(page + 1) * 4096 :]
        (tmp_path / "b.db").write_bytes(broken)
        try:
            with PinnedDatabase(f"sqlite:///{tmp_path}/b.db") as source:
                verify(source, KEY.verifier)
        except StoreError:
            pass


@pytest.mark.parametrize("missing", ["nothing.db", ""])
def test_a_database_that_is_not_there_is_told(tmp_path: Path, missing: str) -> None:
    """Reading creates no database."""
    with pytest.raises(StoreError) as caught:
        PinnedDatabase(f"sqlite:///{tmp_path}/{missing}")
    assert caught.value.code == "store.missing"
    assert list(tmp_path.iterdir()) == []


def test_a_newer_schema_is_refused_unchanged(url: str, mark: Path) -> None:
    """Both the writer and `verify` ask for the newer program."""
    with ledger_at(url, mark) as ledger:
        begin(ledger)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for opening in (lambda: Ledger.open(url, KEY, mark), lambda: PinnedDatabase(url)):
        with pytest.raises(StoreError) as caught:
            opening()
        assert (caught.value.code, caught.value.values["revision"]) == ("store.newer", "9999")


def test_a_foreign_database_is_refused(url: str, mark: Path) -> None:
    """No table is put among those of another program."""
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE wordpress (id INTEGER)"))
    with pytest.raises(StoreError) as caught:
        Ledger.open(url, KEY, mark)
    assert caught.value.code == "store.foreign"
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == ["wordpress"]
    engine.dispose()


def test_an_older_schema_is_backed_up_and_brought_up(
    tmp_path: Path, mark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database as it was lies beside the new one, and the ledger goes on."""
    url = f"sqlite:///{tmp_path}/l.db"
    with ledger_at(url, mark) as ledger:
        begin(ledger)
        size = ledger.size
    with closing(sqlite3.connect(tmp_path / "l.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
        connection.commit()

    def upgrade(engine: object, _place: str, _sqlite: bool) -> None:
        with engine.begin() as connection:  # type: ignore[attr-defined]
            connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))

    monkeypatch.setattr(connect, "_upgrade", upgrade)
    with ledger_at(url, mark) as ledger:
        assert ledger.backup == f"{tmp_path}/l.db.before-0003-from-0000"
        append(ledger, anchored())
        with closing(sqlite3.connect(ledger.backup)) as old:
            assert old.execute("SELECT count(*) FROM entry").fetchone() == (size,)
            assert old.execute("SELECT version_num FROM alembic_version").fetchone() == ("0000",)
    assert not list(tmp_path.glob("*.new"))


def test_the_migrated_schema_is_the_declared_one(url: str) -> None:
    """Tables made by the scripts equal those of `schema.metadata`, options included."""
    engine = open_engine(url)
    assert migrate(engine, url) is None
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()


def test_the_migrated_sqlite_tables_are_created_by_the_same_words(tmp_path: Path) -> None:
    """Also what alembic does not compare: WITHOUT ROWID, CHECK, primary keys."""

    def words(path: Path) -> dict[str, str]:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
            return {name: " ".join(sql.split()) for name, sql in rows if "alembic" not in name}

    url = f"sqlite:///{tmp_path}/migrated.db"
    engine = open_engine(url)
    migrate(engine, url)
    engine.dispose()
    declared = create_engine(f"sqlite:///{tmp_path}/declared.db")
    schema.metadata.create_all(declared)
    declared.dispose()
    assert words(tmp_path / "migrated.db") == words(tmp_path / "declared.db")


def test_head_is_the_newest_script() -> None:
    """A new migration without a new HEAD would never run."""
    scripts = ScriptDirectory(str(Path(connect.__file__).parent / "migrations"))
    assert scripts.get_heads() == [schema.HEAD]


def test_a_place_shows_no_password() -> None:
    """A path for SQLite, a masked URL for a server."""
    assert place_of("sqlite:////var/lib/l.db") == "/var/lib/l.db"
    assert "geheim" not in place_of("postgresql://u:geheim@h/d")


def test_a_ledger_on_a_read_only_medium_is_verified(tmp_path: Path, mark: Path) -> None:
    """A copy for the auditor lies in a directory that nobody can write to."""
    need_root()
    require("unshare", "mount")
    folder = tmp_path / "medium"
    folder.mkdir()
    with ledger_at(f"sqlite:///{folder}/l.db", mark) as ledger:
        begin(ledger)
    code = (
        "import sys\nfrom monitor.store.pinned import PinnedDatabase\n"
        "from monitor.verify import verify\nfrom tests.store.building import KEY\n"
        "with PinnedDatabase(sys.argv[1]) as source: print(verify(source, KEY.verifier).verdict)\n"
    )
    script = f'mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && exec "$@"'
    done = subprocess.run(
        [*PRIVATE, script, "sh", sys.executable, "-c", code, f"sqlite:///{folder}/l.db"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "intact\n", done.stderr


def test_a_live_database_is_verified_while_it_grows(url: str, mark: Path) -> None:
    """What is pinned stays what it was; the writer is not held up."""
    with ledger_at(url, mark) as ledger:
        rich(ledger)
        with PinnedDatabase(url) as source:
            size = ledger.size
            append(ledger, anchored())
            proof = verify(source, KEY.verifier)
            assert (proof.verdict, proof.size) == ("intact", size)
