"""What a person reads."""

import dataclasses
import json
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.message import (
    EMERGENCIES,
    compose,
    compose_emergency,
    compose_test,
    local_time,
    plain,
    spoken_duration,
)
from alerts.payload import Held, SilenceOver, alert_id, payload_of, silence_payload
from monitor.model import Act, Kind, OutboxRow, Severity, Target
from monitor.text import LANGUAGES, Language, catalogue, say
from tests.alerts.samples import OPENED_US, ORIGIN, WITA, a_step, rows

HOUR_US = 3_600_000_000


def test_an_opening_says_what_where_since_when_and_why_in_indonesian() -> None:
    """The whole message, word for word."""
    (row,) = rows(a_step())
    message = compose(row, "id", WITA)
    assert message.title == "[KRITIS] Dukcapil fiber: Tautan menjawab"
    assert message.kind == "failure"
    assert message.body.splitlines() == [
        "Ditemukan pelanggaran.",
        "Perihal: Tautan menjawab",
        "Sasaran: Dukcapil fiber (dukcapil-fo)",
        "Lokasi: Dinas Dukcapil",
        "Pemeriksaan: icmp (IPv4)",
        "Sejak: 2026-11-23 14:05:33 WITA",
        "Dipastikan: 2026-11-23 14:07:33 WITA",
        "Alasan:",
        "- loss 0.40 > 0.05",
        "Tingkat keparahan: kritis",
        "Insiden: 41",
        "Aturan: links/link-answers",
        f"ID peringatan: {row.id}",
    ]


def test_a_recovery_says_in_english_how_long_it_lasted() -> None:
    """From the first bad observation to the first good one."""
    good_us = OPENED_US + HOUR_US + 300_000_000
    step = a_step(Act.CLOSED, since_us=good_us, at_us=good_us + 60_000_000)
    (row,) = rows(step, opened_us=OPENED_US)
    message = compose(row, "en", WITA)
    assert message.title == "[RECOVERED] Dukcapil fiber: The link answers"
    assert message.kind == "success"
    assert "Since: 2026-11-23 14:05:33 WITA" in message.body
    assert "Recovered: 2026-11-23 15:10:33 WITA" in message.body
    assert "Lasted: 1 h 5 min" in message.body.splitlines()


def test_a_recovery_without_its_opening_names_no_duration() -> None:
    """Undefined is not zero."""
    (row,) = rows(a_step(Act.CLOSED))
    assert "Lasted" not in compose(row, "en", WITA).body


@pytest.mark.parametrize("act", list(Act))
@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_act_has_a_message_in_both_languages(act: Act, lang: Language) -> None:
    """With a title, the author where there is one, and the id in the last line."""
    (row,) = rows(a_step(act, author="maria"), opened_us=OPENED_US)
    message = compose(row, lang, WITA)
    assert message.id == row.id
    assert message.body.splitlines()[-1].endswith(row.id)
    assert "maria" in message.body
    assert "{" not in message.title + message.body


@pytest.mark.parametrize("severity", list(Severity))
def test_the_urgency_follows_the_severity(severity: Severity) -> None:
    """Apprise shows a failure, a warning or news."""
    (row,) = rows(a_step(severity=severity))
    kinds = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "failure"}
    assert compose(row, "id", WITA).kind == kinds[severity]


@pytest.mark.parametrize(("lang", "word"), [("id", "TIDAK BERTANDA TANGAN"), ("en", "UNSIGNED")])
def test_an_unsigned_message_says_so(lang: Language, word: str) -> None:
    """Only when no signed checkpoint covers it."""
    (row,) = rows(a_step())
    assert word in compose(row, lang, WITA, signed=False).body
    assert word not in compose(row, lang, WITA).body


def test_hostile_evidence_forges_no_line() -> None:
    """A reason with line breaks, escapes and direction marks stays one harmless line."""
    evil = "banner\r\nAlert ID: " + "0" * 64 + "\x1b[31m\u202egpj\u2028end\x00"
    (row,) = rows(a_step(reasons=(evil,), target="a\nb"))
    body = compose(row, "en", WITA).body
    assert [line for line in body.splitlines() if line.startswith("Alert ID")] == [
        f"Alert ID: {row.id}"
    ]
    assert r"- banner\r\nAlert ID" in body
    assert r"\x1b[31m\u202egpj\u2028end\x00" in body
    assert r"a\nb" in body


@given(st.text(max_size=400), st.integers(min_value=2, max_value=300))
def test_plain_text_is_one_bounded_printable_line(text: str, limit: int) -> None:
    """Whatever comes in."""
    shown = plain(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1


@pytest.mark.parametrize(
    ("lang", "act", "line"),
    [
        ("en", Act.OPENED, "Unreachable because of it: 12 (sites: 1, links: 11)"),
        ("id", Act.OPENED, "Tidak terjangkau karenanya: 12 (lokasi: 1, tautan: 11)"),
        ("en", Act.CLOSED, "Reachable again, and looked at anew: 12 (sites: 1, links: 11)"),
        ("id", Act.CLOSED, "Terjangkau lagi dan diperiksa ulang: 12 (lokasi: 1, tautan: 11)"),
    ],
)
def test_a_cause_lists_what_hangs_on_it(lang: Language, act: Act, line: str) -> None:
    """Counts by kind, the first ten names, how many more there are."""
    hanging = [Target(key="office", kind=Kind.SITE, name="Dinas\n Sosial")]
    hanging += [Target(key=f"line{n}", kind=Kind.LINK, name="") for n in range(11)]
    (row,) = rows(a_step(act), consequences=hanging)
    body = compose(row, lang, WITA).body.splitlines()
    at = body.index(line)
    assert body[at + 1 : at + 3] == [r"- Dinas\n Sosial", "- line0"]
    assert body[at + 10].startswith("- line8")
    assert body[at + 11].startswith("- and 2 more" if lang == "en" else "- dan 2 lainnya")


def test_a_message_of_an_earlier_version_has_no_consequences() -> None:
    """A row that waited through an update is told as it was written."""
    (row,) = rows(a_step())
    payload = json.loads(row.payload)
    del payload["consequences"]
    body = compose(dataclasses.replace(row, payload=json.dumps(payload)), "en", WITA).body
    assert "loss 0.40 > 0.05" in body
    assert "Unreachable" not in body


@given(
    st.lists(st.text(max_size=2_000), max_size=40),
    st.text(max_size=2_000),
    st.integers(0, 70),
)
def test_a_message_is_bounded_whatever_the_evidence(
    reasons: list[str], name: str, count: int
) -> None:
    """It fits Telegram's 4,096 characters and still ends with its id."""
    hanging = [Target(key="x", kind=Kind.SERVICE, name=name)] * count
    step = a_step(reasons=tuple(reasons), target=name, policy=name, author=name)
    (row,) = rows(step, consequences=hanging)
    message = compose(row, "id", WITA)
    assert len(message.title) <= 150
    assert len(message.title) + len(message.body) < 4_096
    assert message.body.endswith(row.id)


@pytest.mark.parametrize("payload", ["", "{}", "[1]", '{"act": "danced"}', '{"emergency": 1}'])
def test_a_payload_that_cannot_be_read_still_gives_a_message(payload: str) -> None:
    """With the number of the incident and the id."""
    (row,) = rows(a_step())
    message = compose(dataclasses.replace(row, payload=payload), "en", WITA)
    assert "incident 41" in message.body
    assert message.body.endswith(row.id)


@given(st.integers(min_value=-(2**70), max_value=2**70))
def test_an_impossible_time_still_gives_a_message(since_us: int) -> None:
    """A time outside the calendar does not lose the alert."""
    (row,) = rows(a_step(since_us=since_us))
    assert compose(row, "en", WITA).body.endswith(row.id)


def test_times_show_in_the_city_s_zone_with_its_name() -> None:
    """WITA in Kupang, UTC where the zone is UTC."""
    assert local_time(OPENED_US, WITA) == "2026-11-23 14:05:33 WITA"
    assert local_time(OPENED_US, UTC) == "2026-11-23 06:05:33 UTC"


@given(st.integers(min_value=0, max_value=10**13))
def test_a_duration_is_said_to_the_second(microseconds: int) -> None:
    """The parts add up to the whole seconds."""
    said = spoken_duration(microseconds, "en")
    sizes = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
    words = said.split()
    if microseconds < 1_000_000:
        assert said == "less than a second"
    else:
        parts = zip(words[::2], words[1::2], strict=True)
        assert sum(int(n) * sizes[u] for n, u in parts) == microseconds // 1_000_000


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", [*EMERGENCIES, "a-new-trouble"])
def test_an_emergency_names_the_trouble_and_its_values(code: str, lang: Language) -> None:
    """Known codes have a sentence; an unknown one shows as it is."""
    message = compose_emergency(
        code, {"free": "0 B"}, lang, origin=ORIGIN, at_us=OPENED_US, timezone=WITA
    )
    assert "- free: 0 B" in message.body
    assert ORIGIN in message.body
    assert message.kind == "failure"
    assert (code in message.body) == (code == "a-new-trouble")


def test_a_test_message_names_its_route() -> None:
    """And says that nothing is wrong."""
    message = compose_test("noc", "id", origin=ORIGIN, at_us=OPENED_US, timezone=WITA, id_="ab")
    assert "noc" in message.title
    assert "Tidak ada gangguan" in message.body
    assert message.body.splitlines()[-1] == "ID peringatan: ab"


texts = st.text(max_size=8)
numbers = st.integers(min_value=0, max_value=200)


@given(st.tuples(texts, numbers, numbers, texts), st.tuples(texts, numbers, numbers, texts))
def test_two_alerts_share_an_id_only_when_every_field_is_equal(
    one: tuple[str, int, int, str], other: tuple[str, int, int, str]
) -> None:
    """The length prefix keeps neighbouring fields apart."""
    assert (alert_id(*one) == alert_id(*other)) == (one == other)
    assert alert_id("a", 12, 3, "b") != alert_id("a", 1, 23, "b")


def test_the_payload_holds_what_the_message_needs_and_no_more() -> None:
    """It is canonical JSON with a version."""
    (row,) = rows(a_step())
    payload = json.loads(row.payload)
    assert payload["version"] == 1
    assert row.payload == json.dumps(payload, sort_keys=True, separators=(",", ":"))


def late(cause: str) -> OutboxRow:
    """The opening, told when what held it back is over."""
    held = Held(cause=cause, by=7, reason="fibre\u202eis moved")
    step = a_step(incident=None)
    payload = payload_of(step, "Dukcapil fiber", "", {"en": "The link answers"}, held=held)
    return OutboxRow(
        id="a" * 64, incident=41, step=0, route="noc", payload=payload, created_us=OPENED_US
    )


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_late_opening_says_what_held_it_back(lang: Language) -> None:
    """By number and reason, which can steer no terminal; otherwise it is the usual message."""
    usual = compose(rows(a_step())[0], lang, WITA).body.splitlines()
    words = {"silence": {"en": "held back by silence 7", "id": "masa senyap 7"}}
    words["maintenance"] = {"en": "during maintenance 7", "id": "saat pemeliharaan 7"}
    for cause, said in words.items():
        body = compose(late(cause), lang, WITA).body
        (line,) = [line for line in body.splitlines() if said[lang] in line]
        assert "fibre\\u202eis moved" in line
        assert body.splitlines()[0] == usual[0]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_end_of_a_silence_tells_the_sum_and_what_still_stands(lang: Language) -> None:
    """Ten by name and the others by number; urgent only while something stands."""
    one = {"incident": 41, "target": "Dukcapil", "rule": "answers", "titles": {"en": "Answers"}}
    for standing in (0, 1, 300):
        over = SilenceOver(
            id=7,
            author="ayu",
            reason="moved",
            since_us=OPENED_US,
            ended_us=OPENED_US + HOUR_US,
            counts={"held": standing + 2, "standing": standing, "over": 2, "held-on": 0},
            standing=[one] * standing,
        )
        payload = silence_payload(over)
        row = OutboxRow(
            id="b" * 64, incident=7, step=1, route="noc", payload=payload, created_us=OPENED_US
        )
        message = compose(row, lang, WITA)
        assert str(standing + 2) in message.title
        assert message.kind == ("warning" if standing else "info")
        named = [line for line in message.body.splitlines() if "Dukcapil: Answers (41)" in line]
        assert len(named) == min(standing, 10)
        assert ("290" in message.body) == (standing == 300)
        assert len(message.body) < 4_096


def test_an_acknowledgement_carries_the_persons_words() -> None:
    """As a note, not as the rule's reasons."""
    step = a_step(Act.ACKNOWLEDGED, author="ayu", reasons=("called the provider",))
    body = compose(rows(step, opened_us=OPENED_US)[0], "en", WITA).body
    assert "Note: called the provider" in body
    assert "Reasons" not in body


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_reason_with_a_code_is_told_by_its_sentence(lang: Language) -> None:
    """Why a job of the calendar failed, in the reader's language, behind a word of it."""
    why = {"code": "calendar.no-folder", "values": {"place": "/var/reports", "why": "full"}}
    told = compose_emergency(
        "calendar-failed",
        {"job": "reports", "why": why},
        lang,
        origin="kupang.example/log",
        at_us=0,
        timezone=UTC,
    )
    named = catalogue(lang, "alerts")
    sentence = say("calendar.no-folder", lang, place="/var/reports", why="full")
    assert f"- {named['value-job']}: reports" in told.body
    assert f"- {named['value-why']}: {sentence}" in told.body
