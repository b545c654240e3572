"""The commands of the configuration, and the schema for editors."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from checks.table import KINDS
from monitor.cli.configuring import register
from monitor.config.json_schema import document


def _run(*arguments: str) -> tuple[int, str, str]:
    app = typer.Typer()
    register(app)
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


def test_check_tells_what_there_is(good: Path) -> None:
    """A valid configuration exits 0 and is counted."""
    code, out, err = _run("config", "check", "-c", str(good), "--lang", "en")
    assert (code, err) == (0, "")
    assert "2 sites, 2 links, 1 hotspots, 1 services, 1 canaries" in out


def test_check_tells_every_problem(good: Path) -> None:
    """A bad one exits 2; each problem is a line on stderr, in the language asked for."""
    (good / "inventory/bad.yaml").write_text("sites:\n  a: {nam: x}\n  B: {}\n")
    code, out, err = _run("config", "check", "-c", str(good), "--lang", "id")
    assert (code, out) == (2, "")
    lines = err.strip().split("\n")
    assert lines[0].endswith(
        'bad.yaml:2:7: kunci "nam" tidak dikenal di sini; apakah maksudnya "name"?'
    )
    assert lines[-1] == "2 masalah; tidak ada yang diubah."


def test_check_prints_json(good: Path) -> None:
    """The same as data, valid or not."""
    code, out, _ = _run("config", "check", "-c", str(good), "--json")
    assert (code, json.loads(out)["valid"]) == (0, True)
    (good / "agent.yaml").write_text("{}")
    code, out, _ = _run("config", "check", "-c", str(good), "--json")
    told = json.loads(out)
    assert (code, told["valid"]) == (2, False)
    assert {"file", "line", "column", "key", "what"} == set(told["problems"][0])


def test_check_of_no_directory_exits_2(tmp_path: Path) -> None:
    """A directory that is not there is a problem like any other."""
    code, _, err = _run("config", "check", "-c", str(tmp_path / "none"), "--lang", "en")
    assert code == 2
    assert "there is no such directory" in err


def test_init_then_check_is_valid(tmp_path: Path) -> None:
    """What is written passes, and a second init refuses with 2."""
    directory = str(tmp_path / "new")
    code, out, _ = _run("init", directory, "--lang", "en")
    assert code == 0
    assert "kupang.example/sasando+" in out
    assert _run("config", "check", "-c", directory)[0] == 0
    code, _, err = _run("init", directory, "--lang", "en")
    assert code == 2
    assert "nothing was written" in err


def test_import_tells_errors_by_line(tmp_path: Path) -> None:
    """A bad table exits 2 and writes nothing; a good one exits 0."""
    table = tmp_path / "t.csv"
    table.write_text("kind,key\nsite,A\n")
    code, _, err = _run("inventory", "import", str(table), "--lang", "en")
    assert code == 2
    assert "t.csv:2:2:" in err
    table.write_text("kind;key\nsite;a\n")
    assert _run("inventory", "import", str(table))[0] == 0
    assert "a: {}" in (tmp_path / "t.yaml").read_text()


def test_the_schema_is_one_stable_document_without_dangling_references() -> None:
    """Editors find every definition, and two runs give the same."""
    text = json.dumps(document())
    assert text == json.dumps(document())
    definitions = document()["$defs"]
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/$defs/')[1:]}:
        assert reference in definitions
    assert set(definitions["Checks"]["properties"]) == set(KINDS)
    assert definitions["Inventory"]["properties"].keys() >= {"sites", "links", "access"}


@pytest.mark.parametrize("name", ["Agent", "Inventory", "Policy", "Alerts"])
def test_the_schema_has_each_kind_of_file(name: str) -> None:
    """One definition a file, by a name that does not change."""
    assert name in document()["$defs"]


def test_lengths_of_time_are_texts_in_the_schema() -> None:
    """An editor offers 60s, not a number of microseconds."""
    interval = document()["$defs"]["IcmpSettings"]["properties"]["interval"]
    assert (interval["type"], interval["default"]) == ("string", "1m")
