"""One bad file per mistake, with its exact message in both languages.

The head of each file in `bad/` says where it belongs and what must be said of it.
"""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.config.yaml_tree import FILE_LIMIT
from monitor.text import LANGUAGES, Language

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
BAD = sorted((HERE / "bad").glob("*.yaml"))
Sentences = Callable[[str, bytes, Language], list[str]]


def _head(text: str, mark: str) -> list[str]:
    prefix = f"# {mark} "
    return [line.removeprefix(prefix) for line in text.split("\n") if line.startswith(prefix)]


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_refused_in_exact_words(
    path: Path, lang: Language, sentences: Sentences
) -> None:
    """Each mistake has its place, its value and what to do, in English and in Indonesian."""
    text = path.read_text()
    expected = _head(text, lang)
    assert expected
    assert sentences(_head(text, "in")[0], text.encode(), lang) == expected


BYTES = {
    "not UTF-8": (
        b"sites:\n  a: {name: \xff}\n",
        "inventory/bad.yaml:2:13: byte 0xff is not UTF-8 text; save the file as UTF-8",
    ),
    "UTF-16": (
        "sites: {}\n".encode("utf-16"),
        "inventory/bad.yaml:1:1: byte 0xff is not UTF-8 text; save the file as UTF-8",
    ),
    "a control character": (
        b"sites:\n  a: {name: x\x00}\n",
        "inventory/bad.yaml:2:14: the control character U+0000 is not allowed; remove it",
    ),
    "a lone carriage return": (
        b"sites:\r  a: {}\n",
        "inventory/bad.yaml:1:7: the control character U+000D is not allowed; remove it",
    ),
    "10 MB": (
        b"# " + b"x" * 10_000_000,
        "inventory/bad.yaml:1:1: the file is larger than 1,000,000 bytes and was not read; "
        "split it into several",
    ),
    "too many values": (
        b"[" + b"0," * 300_000 + b"]",
        "inventory/bad.yaml:1:400000: more than 200,000 values in one file; split it into several",
    ),
}


@pytest.mark.parametrize("name", BYTES)
def test_bytes_that_are_no_text_are_refused(name: str, sentences: Sentences) -> None:
    """What cannot be a YAML file of ours is refused with its place."""
    raw, expected = BYTES[name]
    assert sentences("inventory/bad.yaml", raw, "en") == [expected]


def test_a_file_of_just_the_limit_is_read(sentences: Sentences) -> None:
    """The bound is the bound, not one less."""
    raw = b"sites: {}\n#".ljust(FILE_LIMIT, b"x")
    assert sentences("inventory/bad.yaml", raw, "en") == []


def test_a_missing_agent_is_told(good: Path, sentences: Sentences) -> None:
    """Without agent.yaml nothing is accused but its absence."""
    (good / "agent.yaml").unlink()
    told = sentences("inventory/more.yaml", b"", "en")
    assert told == [
        "agent.yaml:1:1: this file is missing; run `sasando init` in an empty directory to see "
        "what belongs in it"
    ]


def test_a_directory_in_place_of_a_file_is_told(good: Path, sentences: Sentences) -> None:
    """A folder that is named like a file is refused, not read."""
    (good / "policies/links.yaml").unlink()
    (good / "policies/links.yaml").mkdir()
    told = sentences("inventory/more.yaml", b"", "en")
    assert told == [
        "policies/links.yaml:1:1: this is not a regular file; put a YAML file here or remove it"
    ]


def test_every_sentence_of_a_mistake_has_a_bad_file() -> None:
    """The catalogue holds no mistake of a file that no test shows."""
    catalogue = (ROOT / "monitor/texts/en/config.toml").read_text()
    head, _, _ = catalogue.partition("# Warnings")
    known = tomllib.loads(head)
    told = "\n".join(path.read_text() for path in BAD) + "\n".join(
        text for _, text in BYTES.values()
    )
    elsewhere = {
        "no-directory", "file-missing", "file-no-file", "file-unreadable", "too-many-files",
        "refused", "above", "below", "pack-unknown-near",
        "log-key-kind", "witness-log-twice", "listen-bad",  # test_witness_file.py
    }  # fmt: skip
    for name, sentence in known.items():
        if name in elsewhere or name.startswith("secret-"):
            continue
        pieces = re.split(r"\{\w+\}", sentence.replace("{{", "\0").replace("}}", "\1"))
        texts = [piece.replace("\0", "{").replace("\1", "}") for piece in pieces if piece]
        pattern = ".*".join(re.escape(text) for text in texts)
        assert re.search(pattern, told), name


def test_both_languages_have_the_same_sentences_and_placeholders() -> None:
    """Whoever reads Indonesian is told as much as whoever reads English."""
    english, indonesian = (
        tomllib.loads((ROOT / f"monitor/texts/{lang}/config.toml").read_text())
        for lang in LANGUAGES
    )
    assert english.keys() == indonesian.keys()
    for name, sentence in english.items():
        fields = sorted(re.findall(r"(?<!\{)\{(\w+)\}", sentence))
        assert fields == sorted(re.findall(r"(?<!\{)\{(\w+)\}", indonesian[name])), name


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_no_secret_is_shown(path: Path) -> None:
    """A secret that somebody wrote out is in no message."""
    shown = [line for line in path.read_text().split("\n") if line.startswith(("# en", "# id"))]
    assert not any("hunter2" in line or "12345:token" in line for line in shown)
