"""The documentation keeps up with the code, in both languages."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from checks.table import KINDS
from monitor.cli.main import COMMANDS, commands

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
TWINS = ("", ".id")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_BLOCK = re.compile(r"```.*?```", re.DOTALL)


def _leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(path), command
        return
    for name in below:
        yield from _leaves(below[name], (*path, name))


LEAVES = dict(_leaves(commands()))


def _section(twin: str, path: str) -> str:
    """The part of docs/commands*.md under the heading of a command."""
    text = (DOCS / f"commands{twin}.md").read_text(encoding="utf-8")
    _, found, rest = text.partition(f"\n## `sasando {path}`\n")
    return rest.partition("\n## ")[0] if found else ""


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("path", LEAVES)
def test_every_command_and_option_is_documented(path: str, twin: str) -> None:
    """Each command has a section, which names each of its options and an example."""
    section = _section(twin, path)
    assert f"sasando {path}" in section
    options = [max(p.opts, key=len) for p in LEAVES[path].params if p.opts[0].startswith("-")]
    assert [option for option in options if f"`{option}" not in section] == []


@pytest.mark.parametrize("twin", TWINS)
def test_no_command_is_documented_that_does_not_exist(twin: str) -> None:
    """A section of a command that is gone goes too."""
    text = (DOCS / f"commands{twin}.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^## `sasando (.+)`$", text, re.MULTILINE)) == set(LEAVES)


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("name", KINDS)
def test_every_check_is_documented(name: str, twin: str) -> None:
    """The page of a check names every setting that a user can write, and every fact."""
    kind = KINDS[name]
    page = DOCS / "checks" / f"{name}{twin}.md"
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    options = [f.name for f in fields(kind.settings) if not f.metadata.get("derived")]
    wanted = options + list(kind.evidence.FACTS)
    assert [one for one in wanted if f"`{one}`" not in text] == []


@pytest.mark.parametrize("name", ["README.md", "README.id.md"])
def test_the_readme_names_what_there_is(name: str) -> None:
    """The README names demo and test, promises no make target in vain, and lists the commands."""
    text = (ROOT / name).read_text(encoding="utf-8") if (ROOT / name).exists() else ""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    promised = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))
    assert {"demo", "test"} <= promised
    assert promised <= targets
    assert [one for one in COMMANDS if f"sasando {one}" not in text] == []


def test_every_relative_link_leads_somewhere() -> None:
    """No page of the repository links to a file that is not there."""
    pages = (*ROOT.glob("*.md"), *DOCS.rglob("*.md"))
    broken = [
        f"{page.relative_to(ROOT)}: {link}"
        for page in pages
        for link in _LINK.findall(_BLOCK.sub("", page.read_text(encoding="utf-8")))
        if "://" not in link and not link.startswith("mailto:")
        if not (page.parent / link).exists()
    ]
    assert broken == []


def test_every_page_has_its_twin() -> None:
    """What stands in docs/ stands there in English and in Indonesian.

    Decisions are in English; the glossary is one page in both.
    """
    alone = {DOCS / "glossary.md", *(DOCS / "decisions").rglob("*.md")}
    pages = set(DOCS.rglob("*.md")) - alone
    english = {p for p in pages if not p.name.endswith(".id.md")}
    twins = {p.with_name(p.name.replace(".md", ".id.md")) for p in english}
    assert sorted(str(p.relative_to(ROOT)) for p in twins ^ (pages - english)) == []
