"""The sentences of an alert. Pure: the same row, language and zone give the same message.

Rules enforced here: plain text; bounded length; whatever came from the network shows with its
control and direction characters escaped, so that it can forge neither a line nor a header; the
alert's id is the last line of every body, so that a repetition can be told from news.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal

from alerts.payload import NAMED, emergency_row
from monitor.model import Act, OutboxRow
from monitor.text import Language, catalogue, say, values_of

TITLE_LIMIT = 150
VALUE_LIMIT = 300
REASONS_LIMIT = 8
REASONS_BESIDE = 5
"""Beside a list of consequences."""
NAME_LIMIT = 40
CONSEQUENCE_KINDS = ("site", "link", "hotspot", "service")
"""With these limits a body stays below 4,096 characters, Telegram's bound."""

Urgency = Literal["failure", "warning", "success", "info"]
"""The kinds of message that Apprise knows."""

_URGENCY: Mapping[str, Urgency] = {"critical": "failure", "warning": "warning", "info": "info"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a person receives. `id` is the alert's id and is also the body's last line."""

    title: str
    body: str
    kind: Urgency
    id: str


def compose(row: OutboxRow, lang: Language, timezone: tzinfo, *, signed: bool = True) -> Message:
    """The message of an outbox row; `signed` False adds that no signed checkpoint covers it.

    A payload that cannot be read still gives a message, with the incident's number: an alert
    is not lost because it cannot be told well.
    """
    try:
        payload = json.loads(row.payload)
        if "digest" in payload:
            from alerts.digest import compose_digest  # which is made of this module's parts

            return compose_digest(row, payload["digest"], lang, timezone)
        if "emergency" in payload:
            return _emergency(row, payload, lang, timezone)
        if "silence" in payload:
            return _silence(row, payload["silence"], lang, timezone)
        return _Incident(row, payload, lang, timezone).message(signed)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        lines = [say("alerts.unreadable", lang, incident=row.incident, step=row.step)]
        title = say("alerts.title-unreadable", lang, incident=row.incident)
        return finished(title, lines, "warning", row.id, lang)


def compose_emergency(
    code: str,
    values: Mapping[str, object],
    lang: Language,
    *,
    origin: str,
    at_us: int,
    timezone: tzinfo,
) -> Message:
    """An alert about the agent itself. `code`: see `EMERGENCIES`; an unknown one shows as it is."""
    return compose(emergency_row(origin, code, values, "", at_us), lang, timezone)


def compose_test(
    route: str, lang: Language, *, origin: str, at_us: int, timezone: tzinfo, id_: str
) -> Message:
    """The message of `sasando alert test`."""
    lines = [
        say("alerts.test", lang),
        say("alerts.route", lang, route=plain(route)),
        say("alerts.agent", lang, origin=plain(origin)),
        say("alerts.time", lang, time=local_time(at_us, timezone)),
    ]
    return finished(say("alerts.title-test", lang, route=plain(route)), lines, "info", id_, lang)


EMERGENCIES = (
    "disk-full",
    "store-locked",
    "store-unwritable",
    "signing-failed",
    "ledger-ahead",
    "overload",
    "stopping",
    "calendar-failed",
    "stamp-stale",
    "clock-contradicted",
)
"""The agent's own troubles that have a sentence, `alerts.emergency-<code>`."""


def local_time(at_us: int, timezone: tzinfo) -> str:
    """`2026-11-23 14:05:33 WITA`: whole seconds in the city's zone, with the zone's name."""
    moment = (_EPOCH + timedelta(microseconds=at_us)).astimezone(timezone)
    return f"{moment:%Y-%m-%d %H:%M:%S} {moment.tzname() or f'{moment:%z}'}"


def spoken_duration(microseconds: int, lang: Language) -> str:
    """`1 h 5 min`: days to seconds, parts that are zero left out; below a second says so."""
    seconds = microseconds // 1_000_000
    if seconds < 1:
        return say("alerts.duration-instant", lang)
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(say(f"alerts.duration-{unit}", lang, count=count))
    return " ".join(parts)


def plain(text: object, limit: int = VALUE_LIMIT) -> str:
    r"""One line of at most `limit` characters; control, direction and line characters as `\x1b`.

    Every space that is not the ordinary one shows as the ordinary one.
    """
    shown: list[str] = []
    room = limit
    for character in str(text)[: limit + 1]:
        piece = _shown(character)
        if len(piece) > room - 1:
            return "".join(shown) + "…"
        shown.append(piece)
        room -= len(piece)
    return "".join(shown)


def _shown(character: str) -> str:
    if character.isprintable():
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


@dataclass(frozen=True, slots=True)
class _Incident:
    """A message about one step of an incident, line by line."""

    row: OutboxRow
    payload: Mapping[str, Any]
    lang: Language
    timezone: tzinfo

    def message(self, signed: bool) -> Message:
        act = Act(self.payload["act"])
        severity = say(f"alerts.severity-{self.payload['severity']}", self.lang)
        title = say(
            f"alerts.title-{act.value}",
            self.lang,
            severity=severity.upper(),
            target=plain(self.payload["target_name"] or self.payload["target"], 60),
            rule=plain(self._title(), 60),
        )
        lines = [*self._what(act), *self._when(act), *self._why(act), *self._hanging(act)]
        lines += self._held()
        lines.append(self._line("severity", severity))
        lines.append(self._line("incident", str(self.row.incident)))
        lines.append(self._line("rule-id", f"{self.payload['policy']}/{self.payload['rule']}"))
        if not signed:
            lines.append(say("alerts.unsigned", self.lang))
        return finished(title, lines, self._urgency(act), self.row.id, self.lang)

    def _what(self, act: Act) -> list[str]:
        payload = self.payload
        name, key = payload["target_name"], payload["target"]
        lines = [
            say(f"alerts.act-{act.value}", self.lang),
            self._line("rule", self._title()),
            self._line("target", f"{name} ({key})" if name and name != key else key),
        ]
        if payload["site_name"]:
            lines.append(self._line("site", payload["site_name"]))
        if payload["check"]:
            family = f" (IPv{payload['family']})" if payload["family"] else ""
            lines.append(self._line("check", f"{payload['check']}{family}"))
        if payload["author"]:
            lines.append(self._line("author", payload["author"]))
        return lines

    def _when(self, act: Act) -> list[str]:
        since, at, opened = (self.payload[name] for name in ("since_us", "at_us", "opened_us"))
        if act is Act.OPENED:
            return [self._moment("since", since), self._moment("confirmed", at)]
        lines = [] if opened is None else [self._moment("since", opened)]
        if act is Act.ACKNOWLEDGED:
            return [*lines, self._moment("acknowledged", at)]
        if act is Act.WITHDRAWN:
            return [*lines, self._moment("withdrawn", at)]
        lines.append(self._moment("recovered", since))
        lines.append(self._moment("confirmed", at))
        if opened is not None:
            lasted = spoken_duration(max(since - opened, 0), self.lang)
            lines.append(self._line("duration", lasted))
        return lines

    def _why(self, act: Act) -> list[str]:
        reasons: Sequence[object] = self.payload["reasons"]
        if not reasons:
            return []
        if act is Act.ACKNOWLEDGED:
            return [self._line("note", str(reasons[0]))]
        limit = REASONS_BESIDE if self.payload.get("consequences") else REASONS_LIMIT
        lines = [say("alerts.reasons", self.lang)]
        lines += [f"- {plain(reason)}" for reason in reasons[:limit]]
        if len(reasons) > limit:
            lines.append(say("alerts.more-reasons", self.lang, count=len(reasons) - limit))
        return lines

    def _hanging(self, act: Act) -> list[str]:
        """What cannot be reached because of it, or can be again."""
        told = self.payload.get("consequences")  # rows of earlier versions have none
        if not told or act not in (Act.OPENED, Act.CLOSED):
            return []
        kinds = ", ".join(
            say(f"alerts.kind-{kind}", self.lang, count=told["kinds"][kind])
            for kind in CONSEQUENCE_KINDS
            if kind in told["kinds"]
        )
        key = "alerts.hanging" if act is Act.OPENED else "alerts.regained"
        lines = [say(key, self.lang, count=told["count"], kinds=kinds)]
        lines += [f"- {plain(name, NAME_LIMIT)}" for name in told["names"][:NAMED]]
        more = told["count"] - len(told["names"][:NAMED])
        return [*lines, say("alerts.more-hanging", self.lang, count=more)] if more else lines

    def _held(self) -> list[str]:
        """Why it is told so late."""
        held = self.payload.get("held")
        if not held:
            return []
        key = "maintenance" if held["cause"] == "maintenance" else "silence"
        said = {"by": int(held["by"]), "reason": plain(held["reason"] or "–")}
        return [say(f"alerts.held-{key}", self.lang, **said)]

    def _title(self) -> str:
        return _rule_title(self.payload, self.lang)

    def _line(self, name: str, value: str) -> str:
        return say(f"alerts.{name}", self.lang, value=plain(value))

    def _moment(self, name: str, at_us: int) -> str:
        return self._line(name, local_time(at_us, self.timezone))

    def _urgency(self, act: Act) -> Urgency:
        if act is Act.CLOSED:
            return "success"
        return _URGENCY[self.payload["severity"]] if act is Act.OPENED else "info"


def _rule_title(named: Mapping[str, Any], lang: Language) -> str:
    titles = named["titles"]
    return str(titles.get(lang) or next(iter(titles.values()), "") or named["rule"])


def _silence(row: OutboxRow, told: Mapping[str, Any], lang: Language, timezone: tzinfo) -> Message:
    """What a silence came to, once it is over."""
    counts, number = told["counts"], int(told["id"])
    values = {"held": int(counts["held"]), "over": int(counts["over"]), "more": int(told["more"])}
    lines = [
        say("alerts.silence-over", lang, id=number),
        say("alerts.silence-from", lang, value=local_time(told["since_us"], timezone)),
        say("alerts.silence-until", lang, value=local_time(told["ended_us"], timezone)),
        say("alerts.author", lang, value=plain(told["author"])),
        say("alerts.note", lang, value=plain(told["reason"])),
        say("alerts.silence-counts", lang, **values),
    ]
    named = told["standing"][:NAMED]
    if named:
        lines.append(say("alerts.silence-standing", lang))
    for one in named:
        what = f"{plain(one['target'], NAME_LIMIT)}: {plain(_rule_title(one, lang), 100)}"
        lines.append(f"- {what} ({int(one['incident'])})")
    if values["more"] > len(named):
        lines.append(say("alerts.more-reasons", lang, count=values["more"] - len(named)))
    title = say("alerts.title-silence", lang, id=number, **values)
    return finished(title, lines, "warning" if named else "info", row.id, lang)


def _emergency(
    row: OutboxRow, payload: Mapping[str, Any], lang: Language, timezone: tzinfo
) -> Message:
    code = str(payload["emergency"])
    known = f"emergency-{code}" in catalogue(lang, "alerts")
    sentence = say(f"alerts.emergency-{code if known else 'other'}", lang, code=plain(code, 60))
    lines = [
        sentence,
        say("alerts.agent", lang, origin=plain(payload["origin"])),
        say("alerts.time", lang, time=local_time(payload["at_us"], timezone)),
    ]
    lines += [
        f"- {_named(name, lang)}: {plain(_reason(value, lang))}"
        for name, value in list(payload["values"].items())[:REASONS_LIMIT]
    ]
    lines.append(say("alerts.emergency-unlogged", lang))
    title = say("alerts.title-emergency", lang, origin=plain(payload["origin"], 60))
    return finished(title, lines, "failure", row.id, lang)


def _named(name: str, lang: Language) -> str:
    """What a value is about, in words where there are any."""
    return catalogue(lang, "alerts").get(f"value-{name}", plain(name, 60))


def _reason(value: object, lang: Language) -> object:
    """A value; one with a code is told by its sentence."""
    if isinstance(value, dict):
        return say(str(value["code"]), lang, **values_of(value["values"]))
    return value


def finished(title: str, lines: Sequence[str], kind: Urgency, id_: str, lang: Language) -> Message:
    """A message of these lines, its id the last one."""
    body = "\n".join([*lines, say("alerts.id", lang, id=id_)])
    return Message(title=plain(title, TITLE_LIMIT), body=body, kind=kind, id=id_)
