"""The console command itself: its start, its boundary, its exit codes, its languages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli import main as boundary
from monitor.cli.main import COMMANDS
from tests.cli.running_command import ROOT, Inside, sasando

HEAVY = ("sqlalchemy", "apprise", "scapy", "numpy", "cel_expr_python", "yaml", "rich")


def test_help_imports_nothing_heavy() -> None:
    """`sasando --help` loads no heavy dependency and few modules, whatever its commands need."""
    code = (
        "import sys; from monitor.cli.main import main; main(['--help']);"
        f"print([n for n in {HEAVY!r} if n in sys.modules], len(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    loaded, _, count = done.stderr.strip().rpartition(" ")
    assert loaded == "[]"
    assert int(count) < 260


@pytest.mark.parametrize("command", ["verify", "keys", "now", "policy", "alert", "ledger"])
def test_help_of_a_command_imports_nothing_heavy(command: str) -> None:
    """The help of a command that does heavy work does not do it."""
    code = (
        f"import sys; from monitor.cli.main import main; main(['{command}', '--help']);"
        f"print([n for n in {HEAVY!r} if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr.strip() == "[]"


def test_keys_show_needs_no_database(tmp_path: Path) -> None:
    """What needs only keys loads neither the database nor the policies."""
    vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
    code = (
        f"import sys; from monitor.cli.main import main; main(['keys', 'show', '--key', '{vkey}']);"
        f"print([n for n in {HEAVY!r} if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr.strip() == "[]"


def test_the_version_is_told() -> None:
    """`--version` prints one line and exits with 0."""
    done = sasando("--version")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("sasando ")


def test_help_lists_every_command() -> None:
    """`sasando --help` names every command with its first sentence, and exits with 0."""
    done = sasando("--help")
    assert done.code == 0
    flat = " ".join(done.out.split())
    assert [name for name, (_, text) in COMMANDS.items() if f"{name} {text}" not in flat] == []


def test_nothing_asked_shows_the_help(inside: Inside) -> None:
    """Without a command the help goes to stderr and the exit code is 2."""
    done = inside()
    assert done.code == 2
    assert "Commands:" in done.err


@pytest.mark.parametrize(
    ("words", "code", "english", "indonesian"),
    [
        (["nwo"], 2, "No such command 'nwo'. Did you mean 'now'?", "Tidak ada perintah nwo."),
        (["now", "--nope"], 2, "No such option: --nope", "Tidak ada opsi --nope"),
        (["check", "--nope"], 3, "No such option: --nope", "Tidak ada opsi --nope"),
        (["verify"], 2, "Missing argument 'PATH'.", "PATH belum diisi."),
        (["incidents", "--limit", "0"], 2, "Invalid value for", "--limit harus 1 atau lebih."),
        (["incidents", "--limit", "x"], 2, "Invalid value for", "--limit harus bilangan bulat."),
        (["now", "extra"], 2, "Got unexpected extra argument", "Argumen terlalu banyak"),
        (["keys", "show", "--key"], 2, "'--key' requires an argument", "Opsi --key memerlukan"),
    ],
)
def test_a_wrong_command_line_is_told_in_both_languages(
    inside: Inside, words: list[str], code: int, english: str, indonesian: str
) -> None:
    """A command line that cannot be read is one sentence and a hint, in the language asked for."""
    told, own = inside(*words), inside("--lang", "id", *words)
    assert (told.code, own.code) == (code, code)
    assert english in told.err
    assert indonesian in own.err


@pytest.mark.parametrize(
    "words", [["--lang", "id", "now"], ["now", "--lang", "id"], ["now", "--lang=id"]]
)
def test_the_language_may_stand_anywhere(inside: Inside, tmp_path: Path, words: list[str]) -> None:
    """`--lang` counts before and after the command."""
    done = inside(*words, "-c", tmp_path / "none")
    assert done.code == 2
    assert "direktori ini tidak ada" in done.err.lower()


def test_the_environment_chooses_the_language() -> None:
    """SASANDO_LANG comes before the locale."""
    own = sasando("--help", environment={"SASANDO_LANG": "id", "LANG": "en_US.UTF-8"})
    assert own.out.startswith("Cara pakai: sasando")


@pytest.mark.parametrize(
    "command", ["now", "incidents", "policy lint", "policy test", "alert test"]
)
def test_a_bad_configuration_is_named_with_its_place(
    inside: Inside, tmp_path: Path, command: str
) -> None:
    """Every command that reads the configuration names file, line and column, and exits with 2."""
    (tmp_path / "agent.yaml").write_text("origin: a\nnonsense: 1\n")
    done = inside(*command.split(), "-c", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert f"{tmp_path}/agent.yaml:2:1: " in done.err
    assert "Traceback" not in done.err


def test_check_says_unknown_for_a_bad_configuration(inside: Inside, tmp_path: Path) -> None:
    """`check` exits with 3 for bad input, as monitoring plugins do."""
    (tmp_path / "agent.yaml").write_text("origin: a\n")
    assert inside("check", "website", "-c", tmp_path).code == 3


def test_a_defect_keeps_its_traceback(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exception that nobody typed is not dressed up as bad input."""

    def broken(*_: object) -> None:
        raise LookupError("defect")

    monkeypatch.setattr("monitor.cli.standing.load_configuration", broken)
    with pytest.raises(LookupError, match="defect"):
        inside("now", "-c", tmp_path)


def test_an_interrupt_is_quiet(
    inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends a command with 130 and without a traceback."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("monitor.cli.standing.load_configuration", interrupted)
    done = inside("now", "-c", tmp_path)
    assert (done.code, done.out, done.err) == (boundary.INTERRUPTED, "", "")


def test_a_closed_pipe_is_quiet() -> None:
    """A reader that goes away ends the command without a word."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "monitor.cli.main", "--help"],
            cwd=ROOT,
            stdout=pipe,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (boundary.BROKEN_PIPE, b"")


def test_a_wrong_command_line_is_told_where_help_is(inside: Inside) -> None:
    """After what is wrong stands which help page to read."""
    assert inside("nwo").err.splitlines()[-1] == "Try: sasando --help"
    assert (
        inside("now", "--nope", "--lang", "id").err.splitlines()[-1] == "Coba: sasando now --help"
    )


def test_a_bare_path_is_walked_on_loopback(inside: Inside, tmp_path: Path) -> None:
    """Without a configuration the way to this machine itself is shown, and nothing is recorded."""
    done = inside("check", "path://127.0.0.1", "-c", tmp_path)
    assert done.code == 3  # no rule judges it
    lines = dict(line.split(None, 1) for line in done.out.splitlines() if len(line.split()) > 1)
    assert lines["outcome"] == "reached"
    assert lines["hops"] == "127.0.0.1"


def test_a_silent_hop_keeps_its_place_in_a_list() -> None:
    """An empty item of a list is a dash."""
    from monitor.cli.evidence_lines import flat

    assert flat({"hops": ["192.0.2.1", "", "192.0.2.9"]}) == [("hops", "192.0.2.1, –, 192.0.2.9")]
