"""A table of the inventory into a file: all or nothing."""

import csv
import io
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.importing import ImportFailure, as_yaml, import_csv, read_csv
from monitor.config.loader import load
from monitor.config.problem import ConfigurationError
from monitor.config.yaml_tree import read_tree

GOOD = """kind,key,name,site,kecamatan,address,provider,fee,labels,parents,url
site,bakunase,Kantor Lurah Bakunase,,Kota Raja,,,,,core,
link,bakunase-1,,bakunase,,192.0.2.20,provider-a,2500000,owner=kota uplink,,
service,sso,"Masuk, satu pintu",bakunase,,,,,public,,https://sso.example/
"""


def _lines(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read_csv(text.encode(), "t.csv")
    return [one.sentence("en") for one in caught.value.problems]


def test_a_table_becomes_a_file_that_loads(good: Path) -> None:
    """The file that is written is part of a valid configuration."""
    table = good.parent / "t.csv"
    table.write_text(GOOD)
    assert import_csv(table, good / "inventory/imported.yaml") == 3
    configuration = load(good, date(2026, 11, 23))
    assert configuration.targets["bakunase-1"].labels == {"owner": "kota", "uplink": ""}
    assert configuration.targets["sso"].name == "Masuk, satu pintu"
    assert configuration.fees["bakunase-1"] == 2_500_000


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_spelling_of_a_table_means_the_same(separator: str, mark: str, newline: str) -> None:
    """Comma, semicolon or tab; with or without a byte order mark; both ends of line."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=newline)
    writer.writerows(csv.reader(io.StringIO(GOOD)))
    text = (mark + out.getvalue()).encode()
    assert read_csv(text, "t.csv") == read_csv(GOOD.encode(), "t.csv")


def test_a_cell_that_looks_like_a_formula_is_just_text() -> None:
    """Nothing is computed and nothing refused."""
    plain = read_csv(b"kind,key,name\nsite,a,=1+1\n", "t.csv")
    assert plain == {"sites": {"a": {"name": "=1+1"}}}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("", "t.csv:1:1: there is no entry in this file"),
        ("kind,key\n", "t.csv:1:1: there is no entry in this file"),
        ("kind,key,nam\n", 't.csv:1:3: the column "nam" is not known; did you mean "name"?'),
        ("kind,key,key\n", 't.csv:1:3: the column "key" stands twice; remove one'),
        ("kind,key\nrouter,a\n",
         't.csv:2:1: kind must be site, link, hotspot or service, not "router"'),
        ("kind,key\nsite,a,b\n",
         "t.csv:2:1: the line has 3 cells and the header 2; "
         "quote a cell that holds a separator"),
        ("kind,key,url\nsite,a,https://www.example/\n",
         't.csv:2:3: a site has no "url"; empty the cell'),
        ('kind,key\n"site,a\n',
         "t.csv:2:1: a quote in this line is not closed or stands in the wrong place"),
        ("kind,key,site,address\nlink,a,core,192.0.2.300\n",
         't.csv:2:4: address "192.0.2.300" is neither an IP address nor a host name'),
        ("kind,key,site,address,fee\n\nlink,a,core,192.0.2.9,ten\n",
         't.csv:3:5: fee must be a whole number, not "ten"'),
        ("kind,key,site,address,enabled\nlink,a,core,192.0.2.9,maybe\n",
         't.csv:2:5: enabled must be true or false, not "maybe"'),
        ("kind,key,site\nlink,a,core\n", 't.csv:2:2: "address" is missing; add it'),
        ("kind,key\nsite,a\nsite,a\n",
         't.csv:3:2: the name "a" is taken: it stands at t.csv:2:2; '
         "names are unique over all files and kinds"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_its_line(table: str, expected: str) -> None:
    """The column of the place is the number of the cell."""
    assert _lines(table) == [expected]


def test_unknown_columns_and_a_missing_header_are_told() -> None:
    """The message lists the columns that are known."""
    assert 'the column "x" is not known; these are: kind, key, name' in _lines("kind,key,x\n")[0]
    assert "the first line must name the columns" in _lines("a;b\n")[0]


def test_all_mistakes_come_at_once_and_nothing_is_written(tmp_path: Path) -> None:
    """One bad line keeps the whole table out."""
    table = tmp_path / "t.csv"
    table.write_text("kind,key,name\nsite,a,A\nsite,B,B\nrouter,c,C\n")
    with pytest.raises(ConfigurationError) as caught:
        import_csv(table, tmp_path / "out.yaml")
    assert [one.line for one in caught.value.problems] == [3, 4]
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path) -> None:
    """An import adds; it never overwrites."""
    table = tmp_path / "t.csv"
    table.write_text("kind,key\nsite,a\n")
    (tmp_path / "t.yaml").write_text("mine")
    with pytest.raises(ImportFailure) as caught:
        import_csv(table, tmp_path / "t.yaml")
    assert "nothing was written" in caught.value.sentence("en")
    assert (tmp_path / "t.yaml").read_text() == "mine"


@given(st.binary(max_size=200))
def test_arbitrary_bytes_never_raise_anything_else(raw: bytes) -> None:
    """Whatever the bytes, there are entries or a ConfigurationError."""
    try:
        read_csv(b"kind,key,name\n" + raw, "t.csv")
    except ConfigurationError as error:
        told = error.problems
    else:
        return
    assert told


NAMES = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)


KEYS = st.from_regex(r"[a-z0-9][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)


@given(st.dictionaries(KEYS, NAMES, min_size=1))
def test_what_is_written_reads_back_as_the_same(entries: dict[str, str]) -> None:
    """No name, however strange, changes on its way into YAML."""
    plain = {"sites": {key: {"name": name, "aliases": [name]} for key, name in entries.items()}}
    tree = read_tree(as_yaml(plain, "t.csv").encode(), "out.yaml")
    assert (tree.plain, tree.problems) == (plain, ())
