"""Why bytes are no entry is told in the reader's language, wherever it stands."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import monitor
from monitor.daemon.control import ControlError
from monitor.derive import read_entry
from monitor.ledger.batch import plain_of
from monitor.ledger.entry import (
    MAGIC,
    EntryError,
    ExclusionProposed,
    LogPruned,
    MaintenanceDeclared,
    SilenceDeclared,
    frame,
    read_record,
    reason_of,
)
from monitor.ledger.wire import WireError, decode, encode
from monitor.proof import Proof
from monitor.text import LANGUAGES, Language, Reason, catalogue, plain, say, values_of
from tests.store.building import START_US, batch, observation

CHOSEN = {"no-open-maintenance", "no-open-exclusion"}
"""Keys that are put together at run time."""
_VALUES = st.text() | st.integers(-(1 << 63), (1 << 63) - 1)
REASONS = st.recursive(
    st.builds(Reason, st.just("entry.misshapen"), st.fixed_dictionaries({"cause": st.text()})),
    lambda inner: st.builds(
        Reason, st.just("entry.of"), st.fixed_dictionaries({"kind": _VALUES, "why": inner})
    ),
    max_leaves=4,
)


def _calls() -> Iterator[tuple[str, set[str] | None]]:
    """(name, values given, None where they are not written out) of each reason in the source."""
    for path in sorted(Path(monitor.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            first = node.args[0] if isinstance(node, ast.Call) and node.args else None
            if not isinstance(first, ast.Constant) or not str(first.value).startswith("entry."):
                continue
            assert isinstance(node, ast.Call)
            name, given = str(first.value).removeprefix("entry."), {k.arg for k in node.keywords}
            values = node.args[1:]
            if None in given or (values and not isinstance(values[0], ast.Dict)):
                yield name, None
                continue
            keys = values[0].keys if values and isinstance(values[0], ast.Dict) else []
            named = {str(key.value) for key in keys if isinstance(key, ast.Constant)}
            yield name, {str(one) for one in given} | named if len(named) == len(keys) else None


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_reason_has_its_text(lang: Language) -> None:
    """Each reason in the source has a text, no text is left over, and each uses what is given."""
    texts = catalogue(lang, "entry")
    used = {
        name: {field for _, field, _, _ in Formatter().parse(text) if field}
        for name, text in texts.items()
    }
    calls = list(_calls())
    assert set(texts) == {name for name, _ in calls} | CHOSEN
    assert [name for name, given in calls if given is not None and given != used[name]] == []


def _refused(raw: bytes) -> EntryError:
    with pytest.raises(EntryError) as caught:
        read_entry(raw)
    return caught.value


def _told(error: EntryError, lang: Language) -> str:
    """As `verify --json` says it."""
    proof = Proof()
    proof.add(None, "verify.entry", why=error.reason)
    findings = json.loads(json.dumps(proof.as_json(lang)))["findings"]
    return str(findings[0]["what"])


def test_a_finding_is_of_one_language() -> None:
    """English says what it always said; Indonesian has nothing of it, at any depth."""
    pruned = frame(LogPruned.CODE, encode({"boundary": 3}))
    batched = frame(1, b"\0" + encode({"groups": []})[:-1])
    sentence = "it cannot be read, or cannot follow what came before ({}).".format
    for raw, english in (
        (b"nothing", "not an entry of version 1"),
        (MAGIC + b"\xc8\x00", "unknown kind of entry 200"),
        (pruned, "LogPruned has the fields ['boundary']"),
        (batched, "a batch that cannot be read: the bytes end inside a number"),
    ):
        error = _refused(raw)
        assert _told(error, "en") == sentence(english)
        told = _told(error, "id")
        assert told.startswith("entri ini tidak dapat dibaca")
        assert not {"a", "of", "the", "not", "that", "has", "unknown"} & set(told.split())


@pytest.mark.parametrize(
    ("entry", "english", "own"),
    [
        (
            MaintenanceDeclared(
                targets=("a",),
                since_us=START_US,
                until_us=START_US + 1,
                author="ayu",
                reason="",
                at_us=START_US + 1,
            ),
            f"MaintenanceDeclared: maintenance from {START_US} that was declared at {START_US + 1}",
            "baru dinyatakan pada",
        ),
        (
            ExclusionProposed(
                target="a",
                since_us=0,
                until_us=1,
                cause="rain",
                incident=None,
                author="ayu",
                reason="",
                at_us=1,
            ),
            "ExclusionProposed: the cause 'rain'",
            "sebab 'rain'",
        ),
        (
            SilenceDeclared(
                targets=(), tags=(), rules=(), until_us=2, author="ayu", reason="", at_us=1
            ),
            "SilenceDeclared: it is about nothing",
            "tidak menyangkut apa pun",
        ),
    ],
)
def test_a_contradiction_is_told(
    entry: MaintenanceDeclared | ExclusionProposed | SilenceDeclared, english: str, own: str
) -> None:
    """What contradicts itself in an entry stands in the sentence about the entry."""
    with pytest.raises(EntryError) as caught:
        entry.to_bytes()
    assert say("verify.report-unreadable", "en", why=caught.value.reason).count(english) == 1
    assert own in say("verify.report-unreadable", "id", why=caught.value.reason)


@given(st.binary(max_size=60))
def test_whatever_is_refused_can_be_told(raw: bytes) -> None:
    """Damaged bytes are refused with a reason that both languages can say."""
    whole = batch([observation(0, 0)])
    for attempt in (
        lambda: decode(raw),
        lambda: read_record(MAGIC + raw),
        lambda: read_entry(frame(1, raw)),
        lambda: plain_of(whole[:4] + raw),
    ):
        try:
            attempt()
        except (EntryError, WireError) as error:
            said = {say("verify.entry", lang, why=reason_of(error)) for lang in LANGUAGES}
            assert len(said) == 2
        except (IndexError, ValueError):
            pass


@given(REASONS)
def test_a_reason_comes_back_from_json(reason: Reason) -> None:
    """What the daemon answers over its socket is told in the reader's language, not in its own."""
    sent = json.loads(json.dumps(plain({"place": "x", "cause": reason})))
    error = ControlError("store.failed", **values_of(sent))
    assert error.values == {"place": "x", "cause": reason}
