"""Expressions: what compiles, what it gives, and the exact words about what does not."""

# ruff: noqa: E501 - exact sentences stand on one line

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Indeterminate
from policies.errors import ExpressionError
from policies.expression import LONGEST, Environment

ENVIRONMENT = Environment(
    {
        "evidence.loss": "double",
        "evidence.sent": "int",
        "evidence.ok": "bool",
        "evidence.name": "string",
        "evidence.delay_ms.median": "double",
        "evidence.protocols": "list<string>",
        "evidence.not_after": "timestamp",
        "target.labels": "map<string,string>",
    }
)
VALUES = {
    "evidence.sent": 5,
    "evidence.ok": True,
    "evidence.name": "a",
    "evidence.protocols": ["TLSv1.2"],
    "evidence.not_after": "2027-01-01T00:00:00Z",
    "target.labels": {"public": "yes"},
}


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("evidence.sent == 5", True),
        ("evidence . sent == 5 // five", True),
        ("evidence.sent < 5", False),
        ('"public" in target.labels', True),
        ('has(target.labels.public) && target.labels.public == "yes"', True),
        ("has(evidence.sent)", True),
        ("has( evidence.loss )", False),
        ("has(evidence.loss) && evidence.loss <= 0.1", False),
        ("!has(evidence.loss) || evidence.loss <= 0.1", True),
        ("evidence.loss <= 0.1 || evidence.ok", True),
        ("evidence.ok || evidence.loss <= 0.1", True),
        ("evidence.loss <= 0.1 && evidence.sent == 4", False),
        ('evidence.not_after > timestamp("2026-10-01T00:00:00Z")', True),
        ("evidence.protocols.all(p, p in ['TLSv1.2'])", True),
    ],
)
def test_value(text: str, outcome: bool) -> None:
    """A condition gives its value, also where an undefined fact does not decide."""
    assert ENVIRONMENT.compile(text).evaluate(VALUES) is outcome


@pytest.mark.parametrize(
    ("text", "why", "detail"),
    [
        ("evidence.loss <= 0.05", "undefined", "loss"),
        ("evidence.delay_ms.median <= 5.0", "undefined", "delay_ms.median"),
        ("evidence.ok && evidence.loss <= 0.05", "undefined", "loss"),
        ("target.labels.secret == 'x'", "undefined", "secret"),
        ("10 / (evidence.sent - 5) == 1", "error", "divide-by-zero"),
        ("10 % (evidence.sent - 5) == 1", "error", "divide-by-zero"),
        ("evidence.sent + 9223372036854775807 > 0", "error", "overflow"),
        ("evidence.protocols[1] == 'x'", "error", "no-such-index"),
        ("duration(evidence.name) > duration('1h')", "error", "evaluation"),
    ],
)
def test_indeterminate(text: str, why: str, detail: str) -> None:
    """What has no value is Indeterminate: undefined by name, or an error by kind."""
    outcome = ENVIRONMENT.compile(text).evaluate(VALUES)
    assert outcome == Indeterminate(why=why, detail=detail)


ERRORS = [
    ("  ", "empty", 1, 1, "the expression is empty; write a condition such as evidence.loss <= 0.05", "ekspresi kosong; tulis syarat seperti evidence.loss <= 0.05"),
    ("true " + " " * LONGEST, "too-long", 1, 1, "the expression has 4101 characters, 4096 are allowed; split the rule", "ekspresi terdiri atas 4101 karakter, paling banyak 4096; pecah aturan ini"),
    ("(" * 40 + "1" + ")" * 40 + " == 1", "too-deep", 1, 1, "the expression is nested too deeply; use fewer parentheses and operators, or split the rule", "ekspresi bersarang terlalu dalam; kurangi tanda kurung dan operator, atau pecah aturan ini"),
    ("[1].all(a, [1].all(b, [1].all(c, true)))", "too-nested", 1, 27, "all, exists, map and filter may stand inside one another only 2 deep; split the rule", "all, exists, map, dan filter hanya boleh bersarang sedalam 2; pecah aturan ini"),
    ("evidence.ok 3", "syntax", 1, 13, "the expression is not valid CEL at 3; check operators, quotes and parentheses there", "ekspresi bukan CEL yang sah di 3; periksa operator, tanda kutip, dan tanda kurung di situ"),
    ("évidence.ok", "syntax", 1, 1, "the expression is not valid CEL at é; check operators, quotes and parentheses there", "ekspresi bukan CEL yang sah di é; periksa operator, tanda kutip, dan tanda kurung di situ"),
    ("evidence.ok &&", "syntax-end", 1, 15, "the expression ends too early; something is missing at its end", "ekspresi berakhir terlalu awal; ada yang kurang di ujungnya"),
    ("evidence.ok &&\n  evidence.los <= 0.1", "unknown-fact", 2, 3, "there is no fact evidence.los; did you mean: evidence.loss", "tidak ada fakta evidence.los; mungkin maksudnya: evidence.loss"),
    ("'é😀' == 'x' && has(evidence.delay_ms)", "unknown-fact", 1, 20, "there is no fact evidence.delay_ms; did you mean: evidence.delay_ms.median", "tidak ada fakta evidence.delay_ms; mungkin maksudnya: evidence.delay_ms.median"),
    ("loss <= 0.1", "unknown-name", 1, 1, "loss is not known; facts begin with evidence. or target.; did you mean: evidence.loss", "loss tidak dikenal; fakta diawali evidence. atau target.; mungkin maksudnya: evidence.loss"),
    ("evidence.name.reverse() == 'a'", "unknown-function", 1, 22, "there is no function reverse in CEL's standard library", "tidak ada fungsi reverse dalam pustaka standar CEL"),
    ("evidence.loss.foo == 1", "no-fields", 1, 14, "a value of type double has no fields; use the fact itself", "nilai bertipe double tidak memiliki bagian; pakai fakta itu sendiri"),
    ("evidence.name < 1", "types", 1, 15, "operator or function < does not work on (string, int); compare values of the same type", "operator atau fungsi < tidak berlaku untuk (string, int); bandingkan nilai yang tipenya sama"),
    ("evidence.loss <= 0", "int-double", 1, 15, "<= cannot mix int and double; write 0.0", "<= tidak dapat mencampur int dan double; tulis 0.0"),
    ("0 >= evidence.loss", "int-double", 1, 3, ">= cannot mix int and double; write 0.0", ">= tidak dapat mencampur int dan double; tulis 0.0"),
    ("evidence.loss <= evidence.sent", "int-double", 1, 15, "<= cannot mix int and double; write double(evidence.sent)", "<= tidak dapat mencampur int dan double; tulis double(evidence.sent)"),
    ("evidence.loss", "not-bool", 1, 1, "the expression gives double, a condition must give true or false; compare it with something", "ekspresi menghasilkan double, padahal syarat harus menghasilkan true atau false; bandingkan dengan sesuatu"),
    ("evidence.name.matches('(a')", "bad-matches", 1, 23, "'(a' is not a regular expression of RE2; correct the pattern", "'(a' bukan ekspresi reguler RE2; perbaiki polanya"),
    ("duration('3d') > duration('1h')", "bad-duration", 1, 10, "'3d' is not a duration of CEL; write hours, minutes or seconds, such as \"72h\"", "'3d' bukan durasi CEL; tulis dalam jam, menit, atau detik, misalnya \"72h\""),
    ("evidence.not_after > timestamp('2026')", "bad-timestamp", 1, 32, "'2026' is not a time; write RFC 3339, such as \"2026-10-01T00:00:00Z\"", "'2026' bukan waktu; tulis menurut RFC 3339, misalnya \"2026-10-01T00:00:00Z\""),
    ("99999999999999999999 == 1", "cel", 1, 1, "CEL does not accept the expression: invalid int literal", "CEL tidak menerima ekspresi ini: invalid int literal"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "line", "column", "english", "indonesian"), ERRORS)
def test_error(text: str, code: str, line: int, column: int, english: str, indonesian: str) -> None:
    """Each mistake has its code, its place and its sentence in both languages."""
    with pytest.raises(ExpressionError) as caught:
        ENVIRONMENT.compile(text)
    error = caught.value
    assert (error.code, error.line, error.column) == (code, line, column)
    assert (error.message, error.sentence("id")) == (english, indonesian)


def test_evidence_is_not_for_applies_to() -> None:
    """Where only the target is declared, a fact of evidence is refused with its remedy."""
    with pytest.raises(ExpressionError) as caught:
        Environment({"target.kind": "string"}).compile("evidence.loss <= 0.1")
    assert caught.value.code == "no-evidence-here"


@pytest.mark.parametrize("hostile", ["a\0", "a\0b", "\ud800", "\ud800a"])
def test_hostile_text_is_not_equal(hostile: str) -> None:
    """A text that goes on behind a NUL, or is no Unicode, never passes for its beginning."""
    expression = ENVIRONMENT.compile("evidence.name == 'a'")
    assert expression.evaluate({"evidence.name": hostile}) is False


def test_iterations_are_bounded() -> None:
    """A list longer than the runtime's budget is an error, not a long wait."""
    expression = ENVIRONMENT.compile("evidence.protocols.all(p, p == 'a')")
    outcome = expression.evaluate({"evidence.protocols": ["a"] * 50_000})
    assert outcome == Indeterminate(why="error", detail="too-many-iterations")


@pytest.mark.parametrize("moment", [0, 10**30, -(10**30), "9999-12-31T23:59:59Z", "0001-01-01"])
def test_any_time_has_a_place(moment: object) -> None:
    """Times beyond the calendar are held at its ends instead of failing."""
    expression = ENVIRONMENT.compile("evidence.not_after < timestamp('2026-01-01T00:00:00Z')")
    assert isinstance(expression.evaluate({"evidence.not_after": moment}), bool)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=6
)


@given(st.dictionaries(st.sampled_from(sorted(ENVIRONMENT.types)), ANYTHING))
def test_hostile_values_never_raise(values: dict[str, object]) -> None:
    """Whatever a probe brings back, evaluating gives a bool or Indeterminate."""
    for text in (
        "evidence.loss <= 0.05 && evidence.sent > 0 && evidence.name.matches('a+')",
        "evidence.protocols.all(p, p != evidence.name) || 'x' in target.labels",
        "evidence.not_after > timestamp('2026-01-01T00:00:00Z')",
    ):
        assert isinstance(ENVIRONMENT.compile(text).evaluate(values), bool | Indeterminate)


@given(st.text(max_size=40) | st.from_regex(r"[a-z.()'\"!&|<>=0-9\[\]? ]{0,40}", fullmatch=True))
def test_any_text_compiles_or_is_refused_with_a_sentence(text: str) -> None:
    """No text makes compiling fail in any other way than with a sentence and a place."""
    refusal: ExpressionError | None = None
    try:
        ENVIRONMENT.compile(text)
    except ExpressionError as error:
        refusal = error
    if refusal:
        assert refusal.sentence("en")
        assert refusal.sentence("id")
        assert min(refusal.line, refusal.column) >= 1
