"""The daily digest: what it says, in both languages, of whatever stands there."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.digest import MOST_NAMED, Noted, digest_row
from alerts.message import compose
from monitor.text import LANGUAGES, Language
from tests.alerts.samples import OPENED_US, ORIGIN, WITA

DAY_US = 86_400_000_000
TITLES = {"en": "The link answers", "id": "Tautan menjawab"}


def noted(name: str = "Dukcapil fiber", ended_us: int | None = None, **more: object) -> Noted:
    """An incident."""
    usual: dict[str, object] = {
        "titles": TITLES,
        "severity": "critical",
        "since_us": OPENED_US,
        "acknowledged": False,
    }
    return Noted(name=name, ended_us=ended_us, **{**usual, **more})  # type: ignore[arg-type]


def body(*incidents: Noted, unread: int = 0, lang: Language = "en") -> list[str]:
    """The lines of the message; so many more have ended than were read."""
    standing = sum(one.ended_us is None for one in incidents)
    over = len(incidents) - standing + unread
    span_us = (OPENED_US - DAY_US, OPENED_US)
    row = digest_row(ORIGIN, "noc", span_us, incidents, standing=standing, over=over)(77)
    message = compose(row, lang, WITA)
    assert message.id == row.id
    assert row.incident == 77
    assert message.body.splitlines()[-1].endswith(row.id)
    return [message.title, *message.body.splitlines()]


def test_what_stands_comes_first_and_what_ended_after_it() -> None:
    """Word for word."""
    lines = body(
        noted("b", OPENED_US + DAY_US), noted("a", acknowledged=True), noted("c", severity="info")
    )
    assert lines[:6] == [
        "Digest: 2 incidents stand, 1 are over",
        "From 2026-11-22 14:05:33 WITA to 2026-11-23 14:05:33 WITA:",
        "2 incidents stand, 1 ended.",
        "- critical, acknowledged: a: The link answers (since 2026-11-23 14:05:33 WITA)",
        "- info: c: The link answers (since 2026-11-23 14:05:33 WITA)",
        "- ended: b: The link answers (2026-11-23 14:05:33 WITA to 2026-11-24 14:05:33 WITA)",
    ]


def test_a_quiet_day_is_told_too() -> None:
    """Its absence says that the agent is silent."""
    assert body()[2] == "No incident."
    assert body(lang="id")[2] == "Tidak ada insiden."


def test_what_was_not_read_is_counted() -> None:
    """However many incidents were read, the digest says how many there are beyond the named."""
    lines = body(*[noted(str(n), OPENED_US + 1) for n in range(20)], unread=7_000)
    assert lines[0] == "Digest: 0 incidents stand, 7020 are over"
    assert lines[-2] == "And 7005 more: `sasando incidents`."


@pytest.mark.parametrize("lang", LANGUAGES)
@given(
    st.lists(
        st.builds(
            noted,
            st.text(max_size=300),
            st.none() | st.just(OPENED_US + 1),
            titles=st.dictionaries(st.sampled_from(["en", "id", "xx"]), st.text(max_size=300)),
            acknowledged=st.booleans(),
        ),
        max_size=40,
    )
)
def test_however_many_and_however_named_it_is_bounded(
    lang: Language, incidents: list[Noted]
) -> None:
    """At most 15 names, below Telegram's 4,096 characters; the rest is counted; one line each."""
    lines = body(*incidents, lang=lang)
    assert len("\n".join(lines[1:])) < 4_096
    named = [line for line in lines if line.startswith("- ")]
    assert len(named) == min(len(incidents), MOST_NAMED)
    more = len(incidents) - len(named)
    assert len(lines) == 4 + len(named) + (more > 0)
    if more > 0:
        assert str(more) in lines[-2]


def test_a_payload_that_is_no_digest_gives_a_message_all_the_same() -> None:
    """An alert is not lost because it cannot be told well."""
    row = digest_row(ORIGIN, "noc", (0, 1), (), standing=0, over=0)(5)
    spoilt = type(row)(
        id=row.id,
        incident=5,
        step=0,
        route="noc",
        payload=json.dumps({"digest": {}}),
        created_us=1,
    )
    assert row.id in compose(spoilt, "id", WITA).body
