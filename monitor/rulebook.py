"""By which rules observations were judged, as one text that an entry names. Pure.

What a report says of rules (titles, controls, waivers) must be known to somebody who has neither
the policies nor a reader of their language: `rules.json` stands among the texts of each
configuration in force, beside the accounting terms.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Self

from monitor.ledger.errors import LedgerError

if TYPE_CHECKING:
    from policies.rule import Policy, Rule

RULES_TEXT = "rules.json"
"""Its name among the texts of a configuration in force."""
VERSION = 1


class RulebookError(LedgerError):
    """The text holds no rules that this program knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A violation that somebody accepts for one target until a day (the last one, UTC)."""

    policy: str
    rule: str
    target: str
    justification: str
    until: str
    author: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTerms:
    """One rule, as reports name it."""

    policy: str
    id: str
    title: Mapping[str, str]
    check: str
    severity: int
    controls: tuple[str, ...]
    waivers: tuple[Waiver, ...] = ()

    @property
    def key(self) -> str:
        """As series name it."""
        return f"{self.policy}/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlTerms:
    """One control of a rule book, as reports name it."""

    id: str
    title: Mapping[str, str]
    attested: bool
    """Only papers can say anything of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BookTerms:
    """The controls of a rule book that reports give a verdict of."""

    policy: str
    version: int
    book: str
    title: Mapping[str, str]
    controls: tuple[ControlTerms, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Every rule of a configuration by its key, and the rule books that it is held against."""

    rules: Mapping[str, RuleTerms]
    books: tuple[BookTerms, ...] = ()

    def to_bytes(self) -> bytes:
        """The canonical text; without books it is what it was before there were any."""
        plain: dict[str, object] = {
            "rules": [asdict(one) for one in self.rules.values()],
            "version": VERSION,
        }
        if self.books:
            plain["books"] = [asdict(one) for one in self.books]
        return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The rules again; RulebookError for anything but a text of a known version."""
        try:
            plain = json.loads(raw)
            if plain["version"] != VERSION:
                raise RulebookError("report.rules", why=f"version {plain['version']}"[:80])
            rules = [_rule(one) for one in plain["rules"]]
            books = tuple(_book(one) for one in plain.get("books", []))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise RulebookError("report.rules", why=str(error)[:200]) from error
        return cls(rules={one.key: one for one in rules}, books=books)


def _rule(plain: Mapping[str, object]) -> RuleTerms:
    waivers = plain.get("waivers", ())
    controls = plain.get("controls", ())
    if not isinstance(waivers, list) or not isinstance(controls, list):
        raise TypeError("a rule's lists are none")
    if type(plain["severity"]) is not int or not isinstance(plain["title"], dict):
        raise TypeError("a rule's severity or title is none")
    values = {
        **plain,
        "waivers": tuple(_waiver(one) for one in waivers),
        "controls": tuple(map(str, controls)),
    }
    return RuleTerms(**values)  # type: ignore[arg-type]


def _book(plain: Mapping[str, object]) -> BookTerms:
    listed = plain["controls"]
    if not isinstance(listed, list) or not isinstance(plain["title"], dict):
        raise TypeError("a book's controls or title are none")
    controls = [ControlTerms(**one) for one in listed]
    if not all(isinstance(one.title, dict) and type(one.attested) is bool for one in controls):
        raise TypeError("a control's title or class is none")
    return BookTerms(**{**plain, "controls": tuple(controls)})  # type: ignore[arg-type]


def _waiver(plain: Mapping[str, str]) -> Waiver:
    date.fromisoformat(plain["until"])
    return Waiver(**plain)


def rulebook_of(policies: Iterable["Policy"]) -> Rulebook:
    """The rules of a configuration's policies."""
    held = list(policies)
    terms = [_terms(rule) for policy in held for rule in policy.rules]
    books = tuple(_book_of(policy) for policy in held if policy.controls)
    return Rulebook(rules={one.key: one for one in terms}, books=books)


def _book_of(policy: "Policy") -> BookTerms:
    controls = tuple(
        ControlTerms(id=one.id, title=dict(one.title), attested=one.attested)
        for one in policy.controls
    )
    return BookTerms(
        policy=policy.name,
        version=policy.version,
        book=policy.book,
        title=dict(policy.title),
        controls=controls,
    )


def _terms(rule: "Rule") -> RuleTerms:
    return RuleTerms(
        policy=rule.policy,
        id=rule.id,
        title=dict(rule.title),
        check=rule.check,
        severity=int(rule.severity),
        controls=rule.controls,
        waivers=tuple(
            Waiver(
                policy=rule.policy,
                rule=rule.id,
                target=one.target,
                justification=one.justification,
                until=one.until.isoformat(),
                author=one.author,
            )
            for one in rule.waivers
        ),
    )
