"""What a verification came to, for people and for scripts. Pure.

Enforces: the first findings are kept and the others counted out; a finding stands once.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from monitor.ledger.finding import Finding
from monitor.ledger.handover import Handover
from monitor.ledger.signer import encode_base64
from monitor.stamped import Stamps, moment
from monitor.text import Language, Reason, say

MAX_FINDINGS = 20
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999."""


@dataclass(slots=True)
class Witnessed:
    """What one trusted witness vouches for: how often, up to which size, and when by its clock."""

    count: int = 0
    size: int = 0
    at_s: int = 0

    @property
    def at(self) -> str | None:
        """RFC 3339; None for a time that no calendar has."""
        if self.at_s > _LAST_SECOND:
            return None
        return datetime.fromtimestamp(self.at_s, UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What judging the observations again came to (`monitor.daemon.rejudge`)."""

    same: int
    blind: int
    differing: int
    left: dict[str, int]
    """Observations that could not be judged again, by reason."""
    findings: list[Finding]


@dataclass(slots=True)
class Proof:
    """What verification came to; `verdict` and `as_json` are the contract's."""

    size: int = 0
    root: bytes = b""
    anchor: str | None = None
    checkpoints: int = 0
    unsigned_tail: int = 0
    records: int = 0
    figures: bool = False
    witnesses: dict[str, Witnessed] = field(default_factory=dict)
    """Every trusted witness, whether it cosigned anything or not."""
    strangers: int = 0
    """Cosignatures of witnesses whose keys nobody named: they prove nothing here."""
    stamps: Stamps = field(default_factory=Stamps)
    pruned: int = 0
    """Entries that were removed by a pruning that the log itself tells of."""
    unverifiable: int = 0
    """Figures derived from them."""
    unreached: int = 0
    """Signed checkpoints of sizes below the boundary, whose roots cannot be computed any more."""
    followed: tuple[Handover, ...] = ()
    """Keys that nobody named, believed on the signed word of one that was."""
    findings: list[Finding] = field(default_factory=list)
    room: int = MAX_FINDINGS
    """How many are kept for now: of a page of entries more, until they are in order."""
    unusable: Finding | None = None
    sufficient: bool = False
    """Whether everything that was asked for (a bundle's report) rests on what is there."""
    again: Again | None = None
    """Where the observations were judged again."""

    @property
    def verdict(self) -> str:
        """intact, incomplete (all that is there is intact), tampered or unusable.

        differing: intact, and judged again some verdict is another one.
        """
        if self.unusable is not None:
            return "unusable"
        if self.findings:
            return "tampered"
        if self.again is not None and self.again.differing:
            return "differing"
        return "incomplete" if self.pruned and not self.sufficient else "intact"

    @property
    def full(self) -> bool:
        """Whether no further finding will be kept."""
        return len(self.findings) >= self.room

    def add(self, index: int | None, what: str, **values: str | int | Reason) -> None:
        """Note a finding once; only the first ones are kept."""
        finding = Finding(index=index, what=what, values=values)
        if not self.full and finding not in self.findings:
            self.findings.append(finding)

    @contextmanager
    def ordered(self, room: int) -> Iterator[None]:
        """What is found meanwhile is told by its place in the log, and then cut to the first."""
        before, whole = len(self.findings), self.room
        self.room = whole if self.full else whole + room
        yield
        self.room = whole
        self.findings[before:] = sorted(self.findings[before:], key=_place)
        del self.findings[whole:]

    def sentences(self, lang: Language) -> list[str]:
        """What was found, and what could not be excluded, for people; the verdict comes first."""
        said = [say(f"verify.{self.verdict}", lang, size=self.size)]
        said += [_sentence(finding, lang) for finding in self._told()]
        said += self._again(lang)
        if self.pruned and self.sufficient and not self.findings:
            said.append(say("verify.pruned-unneeded", lang, count=self.pruned))
        elif self.pruned and self.unusable is None:
            values = {"count": self.pruned, "figures": self.unverifiable}
            said.append(say("verify.pruned", lang, **values, checkpoints=self.unreached))
        if self.unusable is None:
            said += [_followed(one, lang) for one in self.followed]
        if self.full:
            said.append(say("verify.more", lang, count=MAX_FINDINGS))
        if self.unusable is None and self.anchor is None:
            said.append(say("verify.no-anchor", lang))
        if self.unusable is None and self.unsigned_tail:
            said.append(say("verify.unsigned-tail", lang, count=self.unsigned_tail))
        if self.unusable is not None:
            return said
        return [*said, *self._witnessed(lang), *self._stamped(lang)]

    def _witnessed(self, lang: Language) -> list[str]:
        said = []
        for name, one in self.witnesses.items():
            values = {"name": name, "size": one.size, "at": one.at or "–", "count": one.count}
            said.append(
                say("verify.witnessed" if one.count else "verify.unwitnessed", lang, **values)
            )
        if self.strangers:
            said.append(say("verify.strangers", lang, count=self.strangers))
        return said

    def _stamped(self, lang: Language) -> list[str]:
        stamps, said = self.stamps, []
        if stamps.proved:
            values = {"count": stamps.proved, "size": stamps.size, "at": moment(stamps.at_us)}
            said.append(say("verify.stamps", lang, **values))
        elif stamps.roots and not stamps.tokens:
            said.append(say("verify.unstamped", lang))
        if stamps.unknown:
            said.append(say("verify.stamps-unknown", lang, count=stamps.unknown))
        if stamps.unchecked:
            said.append(say("verify.stamps-unchecked", lang, count=stamps.unchecked))
        return said

    def as_json(self, lang: Language) -> dict[str, object]:
        """The object of `sasando verify --json`."""
        return {
            "verdict": self.verdict,
            "size": self.size,
            "root": encode_base64(self.root),
            "checked": {
                "anchor": self.anchor,
                "checkpoints": self.checkpoints,
                "unsigned_tail": self.unsigned_tail,
                "records": self.records,
                "figures": self.figures,
                "witnesses": [
                    {
                        "name": name,
                        "cosignatures": one.count,
                        "size": one.size if one.count else None,
                        "at": one.at if one.count else None,
                    }
                    for name, one in self.witnesses.items()
                ],
                "unknown_cosignatures": self.strangers,
                "time_stamps": {
                    "tokens": self.stamps.tokens,
                    "proved": self.stamps.proved,
                    "unknown": self.stamps.unknown,
                    "unchecked": self.stamps.unchecked,
                    "size": self.stamps.size if self.stamps.proved else None,
                    "at": moment(self.stamps.at_us) if self.stamps.proved else None,
                },
                **self._pruned(),
                **self._followed(),
                **self._rejudged(),
            },
            "findings": [{"index": f.index, "what": _sentence(f, lang)} for f in self._told()],
        }

    def _followed(self) -> dict[str, object]:
        """Which keys were believed without being named; no key where none was."""
        if not self.followed:
            return {}
        return {
            "followed": [
                {"entry": one.index, "previous": one.previous.vkey, "next": one.next.vkey}
                for one in self.followed
            ]
        }

    def _told(self) -> list[Finding]:
        if self.unusable is not None:
            return [self.unusable]
        return [*self.findings, *(self.again.findings if self.again is not None else ())]

    def _again(self, lang: Language) -> list[str]:
        again = self.again
        if again is None:
            return []
        counts = {"same": again.same, "blind": again.blind, "count": again.differing}
        said = [say("verify.again", lang, **counts)]
        said += [say(f"verify.left-{why}", lang, count=n) for why, n in again.left.items()]
        return said

    def _rejudged(self) -> dict[str, object]:
        """What judging again came to; no key where nobody asked for it."""
        again = self.again
        if again is None:
            return {}
        told = {"same": again.same, "blind": again.blind, "differing": again.differing}
        return {"rejudged": {**told, "left": again.left}}

    def _pruned(self) -> dict[str, object]:
        """What could not be checked; no keys where everything could."""
        if not self.pruned:
            return {}
        return {
            "pruned": self.pruned,
            "unverifiable": self.unverifiable,
            "unreached": self.unreached,
        }


def _place(finding: Finding) -> float:
    """Where it stands in the log; what is of no entry comes last."""
    return math.inf if finding.index is None else finding.index


def _followed(handed: Handover, lang: Language) -> str:
    keys = {"previous": handed.previous.key_id.hex(), "next": handed.next.key_id.hex()}
    return say("verify.followed", lang, index=handed.index, **keys)


def spoken(finding: Finding, lang: Language) -> str:
    """What was found, without its place; a reason stands in it as its own sentence."""
    return say(finding.what, lang, **finding.values)


def _sentence(finding: Finding, lang: Language) -> str:
    said = spoken(finding, lang)
    return said if finding.index is None else say("verify.at", lang, index=finding.index, what=said)
