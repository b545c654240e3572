"""Compiling policies, and judging with memory."""

# ruff: noqa: E501 - exact sentences stand on one line

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.model import Compliant, Indeterminate, Severity, Target, Violated
from monitor.model import Kind as TargetKind
from monitor.text import LANGUAGES, catalogue
from policies.judge import _REMEMBERED
from policies.rule import (
    CaseSource,
    ConfirmSource,
    LossSource,
    ObjectiveSource,
    Policy,
    PolicyErrors,
    PolicySource,
    Rule,
    RuleSource,
    WaiverSource,
    WindowSource,
    compile_applies,
    compile_policy,
    default_rule,
)

LOSS = RuleSource(id="r", check="icmp", require="evidence.loss <= 0.05")


def test_mentions(rule: Callable[..., Rule]) -> None:
    """A rule knows the facts it speaks of, also those it only asks for."""
    built = rule("has(evidence.loss) && target.kind == 'link' || 'evidence.sent' == 'x'")
    assert built.mentions == {"loss"}
    assert built.target_mentions == {"kind"}


def test_applies(rule: Callable[..., Rule]) -> None:
    """A rule judges the targets its condition is true for; undefined is no."""
    built = rule("true", applies_to='target.labels.tier == "one"')
    assert built.applies({"labels": {"tier": "one"}})
    assert not built.applies({"labels": {"tier": "two"}})
    assert not built.applies({"labels": {}})


def test_route_condition() -> None:
    """A route's condition is the same language over the target alone."""
    applies = compile_applies('target.kind == "link"')
    assert applies(Target(key="a", kind=TargetKind.LINK, name="A"))
    assert not applies(Target(key="b", kind=TargetKind.SITE, name="B"))


def test_same_values_same_verdict(rule: Callable[..., Rule]) -> None:
    """A verdict is remembered by the values of the mentioned facts alone."""
    built = rule("evidence.loss <= 0.05")
    first = built.judge({"loss": 0.4, "sent": 1}, {})
    assert built.judge({"loss": 0.4, "sent": 2}, {"key": "x"}) is first
    assert built.judge({}, {}) == Indeterminate(why="undefined", detail="loss")
    assert built.judge({"loss": 0.04}, {}) == Compliant()


def test_memory_is_bounded(rule: Callable[..., Rule]) -> None:
    """However many values come, a rule remembers a bounded number of verdicts."""
    built = rule("evidence.sent >= 0")
    for sent in range(3 * _REMEMBERED):
        built.judge({"sent": sent}, {})
    assert len(built._verdicts) <= _REMEMBERED


VALUE = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.sampled_from(["a", "\0absent"])
)
ANY = VALUE | st.lists(VALUE, max_size=3) | st.dictionaries(st.sampled_from("ab"), VALUE)


@given(st.lists(st.dictionaries(st.sampled_from(["loss", "sent"]), ANY), max_size=12))
def test_memory_changes_no_verdict(sequence: list[dict[str, Any]]) -> None:
    """A rule that remembers judges as one that never saw anything before."""
    facts = {"icmp": {"loss": "double", "sent": "int"}}
    source = RuleSource(id="r", check="icmp", require="evidence.loss <= 0.05 || evidence.sent > 1")
    policy = PolicySource(policy="p", version=1, rules=[source])
    old = compile_policy(policy, facts).rules[0]
    for values in sequence:
        assert old.judge(values, {}) == compile_policy(policy, facts).rules[0].judge(values, {})


def test_lists_and_maps_are_remembered(rule: Callable[..., Rule]) -> None:
    """Values that cannot be hashed are remembered by their contents."""
    built = rule("evidence.chain.all(c, c.subject != '')", check="tls")
    first = built.judge({"chain": [{"subject": ""}]}, {})
    assert isinstance(first, Violated)
    assert built.judge({"chain": [{"subject": ""}]}, {}) is first
    assert built.judge({"chain": [{"subject": "a"}]}, {}) == Compliant()


def test_default_rule() -> None:
    """A check's own expression becomes a critical rule of the policy `default`."""
    built = default_rule("icmp", "evidence.received > 0", {"received": "int"})
    assert (built.id, built.policy, built.severity) == (
        "icmp-available",
        "default",
        Severity.CRITICAL,
    )
    assert (built.availability, built.open, built.close) == (True, (2, 3), (2, 2))


ERRORS: list[tuple[dict[str, Any], tuple[str | int, ...], str, str]] = [
    ({"policy": "Bad Name"}, ("policy",), "Bad Name is not the name of a policy; use small letters, digits, single hyphens and dots, at most 64", "Bad Name bukan nama kebijakan yang sah; pakai huruf kecil, angka, tanda hubung dan titik tunggal, paling banyak 64"),
    ({"policy": "dots..twice"}, ("policy",), "dots..twice is not the name of a policy; use small letters, digits, single hyphens and dots, at most 64", "dots..twice bukan nama kebijakan yang sah; pakai huruf kecil, angka, tanda hubung dan titik tunggal, paling banyak 64"),
    ({"policy": "default"}, ("policy",), "the policy name default is taken by the rules that checks bring along; choose another", "nama kebijakan default dipakai oleh aturan bawaan pemeriksaan; pilih nama lain"),
    ({"version": 0}, ("version",), "0 is not a version; count from 1", "0 bukan versi; mulailah dari 1"),
    ({"rules": [RuleSource(id="r", check="icpm", require="true")]}, ("rules", 0, "check"), "there is no check icpm; checks are: icmp, tls", "tidak ada pemeriksaan icpm; yang ada: icmp, tls"),
    ({"rules": [RuleSource(id="r", check="icmp", require="evidence.los > 1.0")]}, ("rules", 0, "require"), "there is no fact evidence.los; did you mean: evidence.loss", "tidak ada fakta evidence.los; mungkin maksudnya: evidence.loss"),
    ({"rules": [RuleSource(id="r", check="icmp", require="true", applies_to="evidence.loss > 1.0")]}, ("rules", 0, "applies_to"), "evidence.loss cannot be used here: applies_to sees only target; move the condition to require", "evidence.loss tidak dapat dipakai di sini: applies_to hanya melihat target; pindahkan syarat ini ke require"),
    ({"rules": [RuleSource(id="r", check="icmp", require="true", confirm=ConfirmSource(open="3/2"))]}, ("rules", 0, "confirm", "open"), "3/2 is not N/M; write how many of the last observations must agree, such as 2/3, with M at most 60", "3/2 bukan N/M; tulis berapa dari pengamatan terakhir yang harus sepakat, misalnya 2/3, dengan M paling besar 60"),
    ({"rules": [RuleSource(id="r", check="icmp", require="true", tests=[CaseSource(evidence={"delay_ms": {"mean": 1}}, verdict="violated")])]}, ("rules", 0, "tests", 0, "evidence", "delay_ms", "mean"), "the check's evidence has no fact delay_ms.mean; did you mean: delay_ms.median, delay_ms.max", "bukti dukung pemeriksaan ini tidak memiliki fakta delay_ms.mean; mungkin maksudnya: delay_ms.median, delay_ms.max"),
    ({"rules": [RuleSource(id="r", check="icmp", require="true", tests=[CaseSource(evidence={"loss": "much"}, verdict="violated")])]}, ("rules", 0, "tests", 0, "evidence", "loss"), "'much' is not a value for loss, which is of type double", "'much' bukan nilai untuk loss, yang bertipe double"),
    ({"rules": [RuleSource(id="r", check="icmp", require="true", waivers=[WaiverSource(target="x", justification=" ", until=date(2026, 1, 1), author="a")])]}, ("rules", 0, "waivers", 0, "justification"), "a waiver without justification does not count; fill it in", "pengecualian tanpa justification tidak berlaku; isilah"),
    ({"rules": [LOSS, LOSS]}, ("rules", 1, "id"), "r is used twice in this policy; give each rule and each objective its own id", "r dipakai dua kali dalam kebijakan ini; beri setiap aturan dan setiap sasaran id tersendiri"),
    ({"objectives": [ObjectiveSource(id="o", indicator="availability", measured_by=["r"], target="99.5")]}, ("objectives", 0, "target"), "99.5 is not a percentage; write a target such as 99.5%", "99.5 bukan persentase; tulis target seperti 99.5%"),
    ({"objectives": [ObjectiveSource(id="o", indicator="delay", measured_by=["r"], target="5%")]}, ("objectives", 0, "target"), "5% is not a duration; write a target such as 750ms or 24h", "5% bukan durasi; tulis target seperti 750ms atau 24h"),
    ({"objectives": [ObjectiveSource(id="o", indicator="mttr", measured_by=["r"], target="24h", window=WindowSource(timezone="Asia/Kupang"))]}, ("objectives", 0, "window", "timezone"), "there is no time zone Asia/Kupang; write a name such as Asia/Makassar", "tidak ada zona waktu Asia/Kupang; tulis nama seperti Asia/Makassar"),
    ({"objectives": [ObjectiveSource(id="o", indicator="availability", measured_by=[], target="99%")]}, ("objectives", 0, "measured_by"), "an objective needs at least one rule; name it in measured_by", "sasaran memerlukan sedikitnya satu aturan; sebutkan dalam measured_by"),
    ({"objectives": [ObjectiveSource(id="o", indicator="availability", measured_by=["r"], target="99%", loss=LossSource(over="5"))]}, ("objectives", 0, "loss", "over"), "5 is not a duration; write a number with a unit, such as 5m", "5 bukan durasi; tulis angka dengan satuan, misalnya 5m"),
    ({"objectives": [ObjectiveSource(id="o", indicator="availability", measured_by=["r"], target="99%", loss=LossSource(ratio=20))]}, ("objectives", 0, "loss", "ratio"), "20 is not a ratio; write a number from 0 to 1", "20 bukan rasio; tulis angka dari 0 sampai 1"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "path", "english", "indonesian"), ERRORS)
def test_error(
    policy: Callable[..., Policy],
    fields: dict[str, Any],
    path: tuple[str | int, ...],
    english: str,
    indonesian: str,
) -> None:
    """Each mistake of a policy has its path and its sentence in both languages."""
    with pytest.raises(PolicyErrors) as caught:
        policy(*fields.pop("rules", []), **fields)
    (error,) = caught.value.errors
    assert error.path == path
    assert (error.sentence("en"), error.sentence("id")) == (english, indonesian)


def test_every_mistake_at_once(policy: Callable[..., Policy]) -> None:
    """One load tells all mistakes, with the place inside the expression."""
    bad = RuleSource(id="a", check="icmp", require="true &&\n  evidence.x", applies_to="1")
    with pytest.raises(PolicyErrors) as caught:
        policy(bad, RuleSource(id="B", check="nope", require="true"))
    found = [(e.rule, e.field, e.code, e.line, e.column) for e in caught.value.errors]
    assert found == [
        ("a", "applies_to", "not-bool", 1, 1),
        ("a", "require", "unknown-fact", 2, 3),
        ("B", "id", "name", 0, 0),
        ("B", "check", "unknown-check", 0, 0),
    ]


def test_objective_target(policy: Callable[..., Policy]) -> None:
    """A target is an exact ratio or microseconds."""
    made = policy(
        LOSS,
        objectives=[
            ObjectiveSource(id="a", indicator="availability", measured_by=["r"], target="99.5%"),
            ObjectiveSource(id="d", indicator="delay", measured_by=["r"], target="750ms"),
        ],
    ).objectives
    assert [(str(o.ratio), o.duration_us) for o in made] == [("0.995", None), ("None", 750_000)]


def test_catalogues_agree() -> None:
    """Both languages have the same sentences with the same placeholders."""
    from string import Formatter

    def holes(lang: Any) -> dict[str, set[str | None]]:
        texts = catalogue(lang, "policies")
        return {k: {h for _, h, _, _ in Formatter().parse(t) if h} for k, t in texts.items()}

    assert holes(LANGUAGES[0]) == holes(LANGUAGES[1])
