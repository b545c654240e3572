"""The calendar through the daemon's door: stamps, digests, reports, pruning, after downtime too."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psutil
import pytest

from monitor.calendar import day_of
from monitor.cli.standing_calendar import calendar_lines, stamp_lines
from monitor.config.loader import load
from monitor.daemon import calendar as module
from monitor.daemon import jobs
from monitor.daemon.control import ControlError
from monitor.daemon.folders import make_folders
from monitor.daemon.keyring import open_ledger
from monitor.daemon.service import Daemon
from monitor.exported import ExportedLog
from monitor.ledger.entry import (
    BATCH_CODE,
    CalendarRan,
    CheckpointStamped,
    ClockAnchored,
    LogOpened,
    LogPruned,
    LossCounted,
    OperatorAct,
    Record,
    code_of,
    read_record,
)
from monitor.ledger.keys import read_vkeys
from monitor.ledger.stamp import roots_in
from monitor.proof import Proof
from monitor.rejoined import Rejoined
from monitor.store import reader
from monitor.store.glance import reading
from monitor.store.ledger import Commit
from monitor.store.pinned import PinnedDatabase
from monitor.store.pruning import REPORT_ISSUED
from monitor.text import LANGUAGES
from monitor.verify import verify
from tests.daemon.inside import SettableClock, run_inside, until
from tests.daemon.place import ORIGIN, Place
from tests.lab.authority import Authority, Issuer, answer
from tests.lab.parts import require
from tests.lab.receivers import Webhook

DAY_US = 86_400_000_000
ZONE = ZoneInfo("Asia/Makassar")


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    """Keys and certificates of an authority."""
    require("openssl")
    return Issuer(tmp_path_factory.mktemp("tsa") / "a")


@pytest.fixture
def authority(issuer: Issuer) -> Iterator[Authority]:
    """A time-stamping authority."""
    with Authority(issuer) as made:
        yield made


def stamped_by(place: Place, *authorities: Authority) -> None:
    """Write these authorities into agent.yaml."""
    place.agent["time_stamps"] = [
        {"name": f"tsa{n}", "url": one.url, "root": str(one.issuer.root)}
        for n, one in enumerate(authorities)
    ]
    place.write()


def runs(place: Place) -> list[tuple[str, str, str]]:
    """(job, outcome, what else) of every run in the log but that it was set."""
    ran = [one for one in stored(place) if isinstance(one, CalendarRan) and one.outcome != "set"]
    return [(one.job, one.outcome, one.told) for one in ran]


def stored(place: Place) -> list[Record]:
    """Every entry but the batches, of a pruned log too."""
    with reading(place.url) as connection:
        raws = [raw for _, raw in reader.read_entries(connection, 0, reader.MAX_BIGINT)]
    return [read_record(raw) for raw in raws if code_of(raw) != BATCH_CODE]


def proof(place: Place, issuer: Issuer) -> Proof:
    """What an auditor finds who trusts the authority."""
    key = read_vkeys(place.configuration / "trust" / "log.vkey")
    with PinnedDatabase(place.url) as database:
        return verify(database, key, (), roots=roots_in(issuer.root))


async def known(daemon: Daemon, *jobs: str) -> None:
    """Until the log knows these jobs."""
    await until("the jobs are set", lambda: set(jobs) <= set(daemon.writer.view.runs))


def before_two_ends_of_months() -> int:
    """µs from now back to a moment with two ends of months in between."""
    now = datetime.now(ZONE)
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    before = (first - timedelta(days=1)).replace(day=1)
    return -((now - before + timedelta(days=2)) // timedelta(microseconds=1))


def test_a_checkpoint_is_stamped_at_once_and_shown(
    place: Place, authority: Authority, issuer: Issuer
) -> None:
    """The token is kept with its entry, `now` tells of it, and `verify` believes it."""
    stamped_by(place, authority)

    async def act(daemon: Daemon) -> None:
        await until("a token", lambda: daemon.calendar.jobs.newest["tsa0"].size)
        (told,) = daemon.calendar.stamps()
        assert 0 <= told["age_s"] < 300
        (job,) = daemon.calendar.told()
        assert (job["job"], job["trouble"], job["attempts"]) == ("time-stamp/tsa0", None, 0)
        for lang in LANGUAGES:
            assert "tsa0" in stamp_lines([told], str, lang)[0]
            assert len(calendar_lines([job], str, lang)) == 1

    assert run_inside(place, act) == 0
    assert authority.asked == 1
    assert sum(isinstance(one, CheckpointStamped) for one in place.entries()) == 1
    found = proof(place, issuer)
    assert (found.verdict, found.stamps.proved) == ("intact", 1)

    async def again(daemon: Daemon) -> None:
        commits = daemon.committing.commits
        await until("commits", lambda: daemon.committing.commits > commits + 2)
        assert daemon.calendar.stamps()[0]["size"] == told_size

    told_size = found.stamps.size
    assert run_inside(place, again) == 0
    assert authority.asked == 1  # today's is there


def test_a_refused_stamp_is_tried_again_and_said(
    place: Place, authority: Authority, issuer: Issuer
) -> None:
    """Commits go on, `now` says why, the next attempt comes after a pause, and succeeds."""
    stamped_by(place, authority)
    authority.answering = lambda request, _query: answer(request, b"no", 503)

    async def act(daemon: Daemon) -> None:
        await until("a failure", lambda: daemon.calendar.told()[0]["trouble"])
        commits = daemon.committing.commits
        await until("more commits", lambda: daemon.committing.commits > commits + 2)
        (job,) = daemon.calendar.told()
        assert (job["trouble"]["code"], job["attempts"]) == ("stamp.http", 1)
        assert "503" in calendar_lines([job], str, "en")[1]
        assert authority.asked == 1
        authority.answering = authority.honest
        daemon.calendar.standings["time-stamp/tsa0"].due_ns = 0
        # As if the host's naive clock had been set back by a year: the hand is wound anew.
        (hand,) = daemon.calendar._hand.jobs
        hand.next_run = datetime.now() + timedelta(days=365)  # noqa: DTZ005 - as `schedule` does
        await until("a token", lambda: daemon.calendar.jobs.newest["tsa0"].size)
        await until("no trouble", lambda: daemon.calendar.told()[0]["trouble"] is None)

    assert run_inside(place, act) == 0
    assert proof(place, issuer).stamps.proved == 1


def test_downtime_over_two_ends_of_months_is_made_up_for_once(
    place: Place, hook: Webhook, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both monthly reports, issued in order and each once; one digest; one stamp; then nothing."""
    folder = place.root / "reports"
    place.agent["calendar"] = {
        "reports": {"folder": str(folder), "at": "00:00", "formats": ["json"]}
    }
    place.digest = "daily 00:00"
    place.rules = [{"id": "never", "check": "tcp", "require": 'evidence.outcome == "dns"'}]
    place.write()
    clock = SettableClock()
    clock.offset_us = before_two_ends_of_months()
    monkeypatch.setattr(jobs, "MOST_INCIDENTS", 0)

    async def first(daemon: Daemon) -> None:
        await known(daemon, "reports", "digest/noc")
        count = len(place.services)
        await until("incidents", lambda: len(daemon.ledger.fold.incidents) == count)

    assert run_inside(place, first, clock) == 0
    assert runs(place) == []
    stamped_by(place, authority)

    async def second(daemon: Daemon) -> None:
        first = datetime.now(ZONE).date().replace(day=1)
        view = daemon.writer
        await until("reports", lambda: day_of(view.view.runs["reports"], ZONE) == first)
        await until("a digest", lambda: day_of(view.view.runs["digest/noc"], ZONE) >= first)
        await until("a token", lambda: daemon.calendar.jobs.newest["tsa0"].size)

    assert run_inside(place, second) == 0
    now = datetime.now(ZONE).replace(day=1)
    one = now - timedelta(days=1)
    two = one.replace(day=1) - timedelta(days=1)
    months = [f"{two:%Y-%m}", f"{one:%Y-%m}"]
    assert sorted(path.name for path in folder.iterdir()) == months
    assert all((folder / month / "report.json").is_file() for month in months)
    done = [(job, outcome) for job, outcome, _ in runs(place)]
    assert sorted(done) == [("digest/noc", "done"), ("reports", "done"), ("reports", "done")]
    issued = [o.detail["period"] for o in place.entries() if isinstance(o, OperatorAct)]
    assert issued == months
    digests = [one for one in hook.wait(1) if "Digest" in one.title]
    assert [one.title for one in digests] == [
        f"Digest: {len(place.services)} incidents stand, 0 are over"
    ]

    async def third(daemon: Daemon) -> None:
        commits = daemon.committing.commits
        await until("commits", lambda: daemon.committing.commits > commits + 3)

    size = len(runs(place))
    assert run_inside(place, third) == 0
    assert (len(runs(place)), authority.asked) == (size, 1)
    place.require_intact()


def test_a_report_that_cannot_be_made_is_given_up_and_told(
    place: Place, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried again after a pause, at most so often; then an entry, a message, and no more."""
    monkeypatch.setattr(module, "MOST_ATTEMPTS", 2)
    (place.root / "reports").write_text("a file in the folder's place")
    place.agent["calendar"] = {"reports": {"folder": str(place.root / "reports"), "at": "00:00"}}
    place.write()
    clock = SettableClock()
    clock.offset_us = before_two_ends_of_months()

    async def first(daemon: Daemon) -> None:
        await known(daemon, "reports")

    assert run_inside(place, first, clock) == 0

    async def second(daemon: Daemon) -> None:
        standing = daemon.calendar.standings.setdefault("reports", module.Standing())

        now = datetime.now(ZONE).replace(day=1)

        def given_up() -> bool:
            standing.due_ns = 0  # no pause: a second is long enough here
            over_us = daemon.writer.view.runs["reports"]
            return day_of(over_us, ZONE) == now.date()

        await until("both are given up", given_up)
        assert daemon.calendar.told()[0]["trouble"]["code"] == "calendar.no-folder"

    assert run_inside(place, second) == 0
    assert runs(place) == [("reports", "failed", "calendar.no-folder")] * 2
    assert any("calendar" in one.body for one in hook.wait(1))
    place.require_intact()


def test_the_end_of_the_daemon_ends_its_children(place: Place) -> None:
    """A report under way is no reason to live on; nothing of it is issued."""
    place.agent["calendar"] = {"reports": {"folder": str(place.root / "reports"), "at": "00:00"}}
    place.write()
    clock = SettableClock()
    clock.offset_us = before_two_ends_of_months()

    async def first(daemon: Daemon) -> None:
        await known(daemon, "reports")

    assert run_inside(place, first, clock) == 0
    mine = psutil.Process()
    others = set(mine.children())  # servers of other tests in this process
    children: list[psutil.Process] = []

    async def second(daemon: Daemon) -> None:
        await until("a child", lambda: set(mine.children()) - others)
        children.extend(set(mine.children()) - others)

    assert run_inside(place, second) == 0
    assert len(children) == 1
    assert not children[0].is_running()
    assert runs(place) == []
    assert not list((place.root / "reports").glob("*"))


def test_a_clock_that_was_far_ahead_does_not_silence_the_calendar(
    place: Place, hook: Webhook
) -> None:
    """A digest was sent in a year to come; set back, the clock makes the next one due tomorrow."""
    place.digest = "daily 00:00"
    place.write()
    clock = SettableClock()
    clock.offset_us = 400 * DAY_US

    async def ahead(daemon: Daemon) -> None:
        await known(daemon, "digest/noc")

    assert run_inside(place, ahead, clock) == 0
    clock.offset_us = 0

    async def back(daemon: Daemon) -> None:
        standing = daemon.calendar.standings.setdefault("digest/noc", module.Standing())
        ahead_us = daemon.writer.view.runs["digest/noc"]
        await until("a look", lambda: standing.back_us)
        commits = daemon.committing.commits
        await until("commits", lambda: daemon.committing.commits > commits + 2)
        assert runs(place) == []
        clock.offset_us = DAY_US
        await until("it", lambda: daemon.writer.view.runs["digest/noc"] != ahead_us)
        assert runs(place) == [("digest/noc", "done", "")]
        assert daemon.writer.view.runs["digest/noc"] < time.time_ns() // 1_000 + DAY_US

    assert run_inside(place, back, clock) == 0
    assert len([one for one in hook.wait(1) if "Digest" in one.title]) == 1


def old_log(place: Place) -> tuple[int, int]:
    """A log that began 100 days ago; (the end of what is reported, as an entry, and in µs)."""
    agent = load(place.configuration, datetime.now(UTC).date()).agent
    make_folders(agent)
    now_us = time.time_ns() // 1_000
    begun_us = now_us - 100 * DAY_US
    ledger = open_ledger(agent).ledger
    opened = LogOpened(origin=ORIGIN, vantage="test", opened_us=begun_us, previous=None)
    entries = [opened.to_bytes()]
    for day in range(60):
        at_us = begun_us + day * DAY_US
        anchor = ClockAnchored(wall_us=at_us, boottime_ns=0, boot_id="x", why="start", step_us=0)
        lost = LossCounted(since_us=at_us, until_us=at_us, counts={"late": day})
        entries += [anchor.to_bytes(), *[lost.to_bytes()] * 15]
    until_us = begun_us + 40 * DAY_US + 1
    for since, end in ((begun_us - DAY_US, begun_us + 30 * DAY_US), (begun_us, until_us)):
        detail = {"period": "x", "from_us": since, "until_us": end}
        act = OperatorAct(act=REPORT_ISSUED, author="ayu", reason="", at_us=end, detail=detail)
        entries.append(act.to_bytes())
    try:
        ledger.append(Commit(entries=entries))
    finally:
        ledger.close()
    return 1 + 41 * 16, until_us


def test_the_running_daemon_prunes_what_is_old_and_reported(place: Place) -> None:
    """Archived, verified, told of in the log, removed; what no report covers stays for ever."""
    archive = place.root / "archive"
    place.agent["retention"] = "30d"
    place.agent["calendar"] = {"pruning": {"archive": str(archive), "day": 1, "at": "00:00"}}
    place.write()
    end, until_us = old_log(place)
    clock = SettableClock()
    clock.offset_us = before_two_ends_of_months()

    async def first(daemon: Daemon) -> None:
        await known(daemon, "pruning")
        with pytest.raises(ControlError, match="ticket"):
            await daemon.calendar.jobs.removed({"ticket": "", "file": "/x"})

    assert run_inside(place, first, clock) == 0

    async def second(daemon: Daemon) -> None:
        before_us = daemon.writer.view.runs["pruning"]
        await until("it is over", lambda: daemon.writer.view.runs["pruning"] != before_us)
        commits = daemon.committing.commits
        await until("commits", lambda: daemon.committing.commits > commits + 1)

    assert run_inside(place, second) == 0
    key = read_vkeys(place.configuration / "trust" / "log.vkey")
    assert runs(place) == [("pruning", "done", "")]
    (told,) = [one for one in stored(place) if isinstance(one, LogPruned)]
    assert (told.author, told.boundary, told.before_us) == ("calendar", end // 256 * 256, until_us)
    assert not list(place.state.glob(".pruning-*"))
    with PinnedDatabase(place.url) as database:
        assert verify(database, key).verdict == "incomplete"
    (folder,) = archive.iterdir()
    with PinnedDatabase(place.url) as database, ExportedLog(folder) as old:
        assert old.head()[1] >= told.boundary
        assert verify(Rejoined(database, [old]), key).verdict == "intact"
