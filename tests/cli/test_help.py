"""Every help text: in both languages, with an example, and nothing left over."""

from collections.abc import Iterator
from typing import Any

import pytest

from monitor.cli.help import EXAMPLE, FRAMEWORK, indonesian, paragraphs, texts_of
from monitor.cli.main import COMMANDS, commands
from tests.cli.running_command import Inside


def _leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if below is None:
        yield " ".join(path), command
        return
    for name, one in list(below.items()) if path else [(n, below[n]) for n in below]:
        yield from _leaves(one, (*path, name))


LEAVES = dict(_leaves(commands()))


def test_every_help_text_is_translated() -> None:
    """No sentence of any command, option or argument lacks its Indonesian twin."""
    assert sorted({text for text in texts_of(commands()) if text not in indonesian()}) == []


def test_no_translation_is_left_over() -> None:
    """Every sentence of id/help.toml is said by some help page."""
    assert sorted(set(indonesian()) - set(texts_of(commands())) - set(FRAMEWORK)) == []


def test_translations_differ_and_are_not_empty() -> None:
    """An Indonesian text is neither empty nor the English one."""
    assert [text for text, own in indonesian().items() if not own.strip() or own == text] == []


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_has_an_example(path: str) -> None:
    """The help of a command ends with an example that begins with the command itself."""
    examples = [p for p in paragraphs(LEAVES[path].help or "") if p.startswith(EXAMPLE)]
    assert [one.startswith(f"{EXAMPLE}sasando {path}") for one in examples] == [True]


@pytest.mark.parametrize("path", LEAVES)
def test_every_option_and_argument_is_explained(path: str) -> None:
    """No option and no argument stands in a help page without a sentence."""
    silent = [p.name for p in LEAVES[path].params if not getattr(p, "help", None)]
    assert silent == []


@pytest.mark.parametrize("path", LEAVES)
def test_every_example_is_a_command_line_that_can_be_read(path: str) -> None:
    """What an example shows is taken by the command's own parser."""
    example = next(p for p in paragraphs(LEAVES[path].help or "") if p.startswith(EXAMPLE))
    words = example.removeprefix(f"{EXAMPLE}sasando {path}").partition(">")[0].split('"')
    plain = [w for i, part in enumerate(words) for w in ([part] if i % 2 else part.split())]
    LEAVES[path].make_context(path, plain)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_the_commands_say(name: str) -> None:
    """The first sentence shown by `sasando --help` is the first of the command's own help."""
    told = COMMANDS[name][1]
    assert paragraphs(commands().commands[name].help)[0] == told


def test_a_help_page_in_indonesian(inside: Inside) -> None:
    """Headings, marks and sentences are Indonesian; names of options stay."""
    done = inside("incidents", "--lang", "id", "--help")
    assert done.code == 0
    flat = " ".join(done.out.split())
    assert flat.startswith("Cara pakai: sasando incidents")
    assert "Daftar insiden, yang terbaru lebih dahulu. Contoh: sasando incidents --open" in flat
    assert "--limit N Paling banyak sekian. [bawaan: 20" in flat
    assert "Tampilkan pesan ini lalu selesai." in flat
    assert "Options" not in flat
