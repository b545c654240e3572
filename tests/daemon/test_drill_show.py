"""A drill's entry as JSON, its exit code, its sentences, and the trigger on the client's side."""

from pathlib import Path
from typing import Any

import pytest

from monitor.cli.common import CommandError
from monitor.cli.drill_call import Trigger
from monitor.cli.drilling import lines_of
from monitor.daemon.drill_sample import NumberedSample
from monitor.daemon.drill_show import MOST_GAPS, detail_of, exit_code, shown
from monitor.drill import SPACING_US, Fate, PathSeen, Singleton
from monitor.ledger.entry import OperatorAct
from monitor.text import LANGUAGES, Language

DECLARED = {
    "link": "fo",
    "address": "203.0.113.7",
    "from_us": 0,
    "until_us": 10**12,
    "authorised_by": "Kepala Dinas",
    "letter": "555/9",
    "for_us": 10**7,
    "most_us": None,
    "hook": False,
    "begun": 3,
    "started_us": 1_000_000,
    "ended": "complete",
    "links_before": {"fo": "available", "lte": "unobserved"},
    "links_after": {"fo": "unavailable"},
}
KINDS = {"+": Fate.ANSWERED, "-": Fate.LOST, "?": Fate.UNMEASURED}
A, B = ("192.0.2.2",), ("192.0.2.6",)


def act_of(fates: str, *paths: tuple[str, ...] | None, **more: Any) -> OperatorAct:
    """The act of a drill whose singletons ended so, each sent when due."""
    singletons = [
        Singleton(
            number=n, sent_us=n * SPACING_US, fate=KINDS[one], delay_us=9 if one == "+" else None
        )
        for n, one in enumerate(fates)
    ]
    looks = [PathSeen(at_us=n * 1_000_000, routers=path) for n, path in enumerate(paths)]
    faults = {"local-network": fates.count("?")} if "?" in fates else {}
    detail = {**DECLARED, **detail_of(singletons, looks, faults), **more}
    return OperatorAct(act="drill", author="root", reason="", at_us=0, detail=detail)


@pytest.mark.parametrize(
    ("fates", "most_us", "code"),
    [
        ("++++", None, 0),
        ("++--++", None, 0),
        ("++--++", 200_000, 0),
        ("++--++", 199_999, 1),
        ("--++", 99_999, 1),
        ("++++", 0, 0),
        ("++--", None, 1),
        ("----", None, 3),
        ("????", None, 3),
        ("", None, 3),
    ],
)
def test_exit_codes(fates: str, most_us: int | None, code: int) -> None:
    """3 nothing measured; 1 down at the end or a gap above the limit; else 0."""
    assert exit_code(shown(act_of(fates, most_us=most_us), 7)) == code


def test_undefined_values_are_absent() -> None:
    """No null, no zero in place of what nobody knows; `entry` alone may be null."""
    found = shown(act_of("++--"), None)
    assert found["entry"] is None
    assert None not in [value for name, value in found.items() if name != "entry"]
    assert {"path_before", "path_changed", "path_returned", "allowed_ms"}.isdisjoint(found)
    assert found["gaps"] == [
        {
            "since": "1970-01-01T00:00:01.200000Z",
            "least_ms": 100.0,
            "lost": 2,
            "unmeasured": 0,
        }
    ]
    assert "longest" not in shown(act_of("++++"), 1)


def test_a_drill_under_heavy_loss_fits_into_an_entry() -> None:
    """Half an hour of every second singleton lost: the longest gaps are told, all are counted."""
    act = act_of("+-" * 8_999 + "+---++", *([("x" * 64,) * 64] * 900), reason="r")
    assert len(act.to_bytes()) < 60_000
    found = shown(act, 1)
    assert found["gap_count"] == 9_000
    assert len(found["gaps"]) == MOST_GAPS
    assert found["longest"]["lost"] == 3


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize(
    "act",
    [
        act_of("++--++", A, B, A),
        act_of("++--++++++++", A, A, None),
        act_of("++--", A, B, ended="client"),
        act_of("??", ended="stopping"),
        act_of("++++" + "-+" * 20, ended="window"),
        act_of("++", ended="scope", links_after={}),
        act_of("++", ended="withdrawn"),
        act_of("--++", ended="defect"),
    ],
)
def test_every_result_has_its_sentences(act: OperatorAct, lang: Language) -> None:
    """Nothing is missing in either language, whatever the drill came to."""
    for entry in (7, None):
        lines = lines_of(shown(act, entry), lang)
        assert all(line.strip() for line in lines)


def test_the_sentences_of_a_failover() -> None:
    """What a person reads: outcome, counts, gap with bounds, path, links, entry."""
    assert lines_of(shown(act_of("++++++++++--" + "+" * 12, A, B, A), 7), "en") == [
        "fo: 203.0.113.7 was INTERRUPTED and came back.",
        "24 probes sent: 22 answered, 2 lost; 0 not measured.",
        "Gap of 0.20 s (between 0.10 s and 0.30 s) from 1970-01-01T00:00:02.000000Z: 2 lost; "
        "afterwards the first path",
        "The path CHANGED.",
        "  before: 192.0.2.2",
        "  during: 192.0.2.6",
        "  at the end: 192.0.2.2",
        "At the end the first path was back.",
        "  link fo: available, at the end UNAVAILABLE",
        "  link lte: unobserved, at the end –",
        "Recorded as entry 7 (begun in entry 3).",
    ]


def _trigger(hook: str | None, after_us: int = 1_000_000) -> Trigger:
    trigger = Trigger(hook=hook, after_us=after_us, lang="en")
    trigger.prepare()
    return trigger


def test_the_trigger_waits_for_calm_and_acts_once(tmp_path: Path) -> None:
    """Not while looking, not before an answer, not before the time has passed; then once."""
    log = tmp_path / "ran"
    trigger = _trigger(f"sh -c 'echo x >> {log}'")
    for progress in (
        {"phase": "looking"},
        {"answered": 0, "calm_ms": 0},
        {"answered": 9, "calm_ms": 999},
    ):
        trigger.look(progress)
        assert trigger.process is None
    for _ in range(3):
        trigger.look({"answered": 10, "calm_ms": 1_000})
    trigger.finish()
    assert log.read_text() == "x\n"
    assert not trigger.failed
    assert trigger.told["exit_code"] == 0


def test_a_hook_that_goes_on_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook has a moment after the drill, not for ever."""
    monkeypatch.setattr("monitor.cli.drill_call.HOOK_GRACE_S", 0.05)
    trigger = _trigger("sleep 60", 0)
    trigger.look({"answered": 1, "calm_ms": 0})
    trigger.finish()
    assert trigger.failed
    assert trigger.told["exit_code"] == -9


def test_a_hook_that_was_never_run_has_failed(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing was calm nothing was triggered, and that is said."""
    trigger = _trigger("true")
    trigger.finish()
    assert trigger.failed
    assert "was not run" in capsys.readouterr().err


@pytest.mark.parametrize("hook", ["", "'", "no-such-command-here"])
def test_a_hook_that_cannot_be_run_is_refused(hook: str) -> None:
    """Before anything is probed."""
    with pytest.raises(CommandError):
        _trigger(hook)


class _Clock:
    """A boot clock that a test moves."""

    def __init__(self) -> None:
        self.now_us = 5_000_000

    def boottime_ns(self) -> int:
        return self.now_us * 1_000

    def wall_us(self) -> int:
        return 0

    def boot_id(self) -> str:
        return ""


class _Prober:
    """Answers nothing by itself; keeps what was begun."""

    def __init__(self) -> None:
        self.begun: list[int] = []

    def begin(self, batch: Any, done: Any) -> None:
        self.begun += [probe.slot for probe in batch]

    def tick(self) -> None:
        pass


def test_a_loop_that_was_held_up_sends_no_burst() -> None:
    """Numbers whose time passed are unmeasured; the next one leaves in its own tenth."""
    clock, prober = _Clock(), _Prober()
    sample = NumberedSample(prober, "127.0.0.1", clock)  # type: ignore[arg-type]
    sample.start()
    for passed_us in (0, 30_000, 100_000, 750_000, 790_000, 800_000):
        clock.now_us = 5_000_000 + passed_us
        sample.step()
    assert prober.begun == [0, 1, 7, 8]
    assert sample.faults == {"late": 5}
    assert sample.waiting
    fates = [one.fate for one in sample.end()]
    assert fates == [Fate.UNMEASURED] * 9
    assert sample.faults == {"late": 5, "unawaited": 4}
