"""Every error of the ledger has its sentence in both languages."""

import ast
from pathlib import Path
from string import Formatter

import pytest

from monitor.ledger import errors, token
from monitor.ledger.errors import KeyFileError
from monitor.text import LANGUAGES, Language, catalogue, say

MODULES = (
    "merkle",
    "tiles",
    "signer",
    "note",
    "checkpoint",
    "keys",
    "anchor",
    "log_proof",
    "token",
)
CLASSES = {name for name in [*vars(errors), *vars(token)] if name.endswith("Error")}
# Codes chosen at run time, with the values they are raised with.
CHOSEN = {
    "token-key-absent": {"label", "token"},
    "token-key-twice": {"label", "token"},
    "wrong-passphrase": {"path"},
    "key-malformed": {"path"},
    "vkey-malformed": set[str](),
    "signing-key-malformed": set[str](),
}


def raised() -> dict[str, set[str]]:
    """Each error name that the ledger's source raises, with the values given to it."""
    found = {name: set(values) for name, values in CHOSEN.items()}
    for module in MODULES:
        source = Path(errors.__file__).with_name(f"{module}.py").read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                first = node.args[0] if node.args else None
                if node.func.id in CLASSES and isinstance(first, ast.Constant):
                    name = str(first.value).removeprefix("ledger.")
                    given = {keyword.arg for keyword in node.keywords if keyword.arg}
                    assert found.setdefault(name, given) == given, name
    return found


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_error_has_its_sentence(lang: Language) -> None:
    """Each error has a sentence, no sentence is left over, and each uses the values given."""
    sentences = catalogue(lang, "ledger")
    placeholders = {
        name: {field for _, field, _, _ in Formatter().parse(sentence) if field}
        for name, sentence in sentences.items()
    }
    given = raised()
    assert set(sentences) == set(given)
    assert {
        name: used - given[name] for name, used in placeholders.items() if used - given[name]
    } == {}


def test_both_languages_say_the_same_values() -> None:
    """English and Indonesian name the same values in each sentence."""
    used = [
        {
            name: sorted(field for _, field, _, _ in Formatter().parse(sentence) if field)
            for name, sentence in catalogue(lang, "ledger").items()
        }
        for lang in LANGUAGES
    ]
    assert used[0] == used[1]


def test_an_error_is_said() -> None:
    """An error gives the caller all that the sentence needs; its own text is for logs."""
    error = KeyFileError("ledger.wrong-passphrase", path="/etc/sasando/log.key")
    assert "/etc/sasando/log.key" in say(error.code, "id", **error.values)
    assert str(error) == "ledger.wrong-passphrase (path='/etc/sasando/log.key')"
