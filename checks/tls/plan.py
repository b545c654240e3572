"""The plan of a survey: which lines of inquiry there are, and which may be asked now. Pure.

No socket and no clock: whoever asks takes questions, brings back answers in any order, and may
cut the survey off at any time. What is unanswered then is inconclusive.
"""

from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from checks.tls import group_lines, key_exchanges, lines, suite_lines
from checks.tls.findings import Findings
from checks.tls.lines import GIVEN_UP, Answer, Line
from checks.tls.outcomes import Inconclusive
from checks.tls.question import WRONG_NAME, Lost, Question, portions
from checks.tls.registry import Version
from checks.tls.wishes import LEGACY, SUITES, Wishes

MOST_QUESTIONS = 500
"""Of one survey: a server that accepts whatever it is offered ends there."""
OLD = (Version.SSL3, Version.TLS10, Version.TLS11)
HELLOS = (*OLD, Version.TLS12, Version.TLS13)
_PRIMARY = frozenset({Version.TLS12.word, Version.TLS13.word, "small hello"})
_EVERY_VERSION = LEGACY | {"outside", "dhe", "dh_bits"}
_RARE = " rare"
_EARLY = "early data"
_AGAIN = "renegotiation"
_FRAIL = "only small hellos are answered"


class Asked(NamedTuple):
    """A question under its number."""

    number: int
    question: Question


class _Waiting(NamedTuple):
    name: str
    after: frozenset[str]
    line: Callable[[], Line]


class Survey:
    """One survey of one server. `companion` gives the group of a leaf's key, for ECDSA."""

    def __init__(
        self, wishes: Wishes, companion: Callable[[tuple[bytes, ...] | None], int | None]
    ) -> None:
        self.wishes = wishes
        self.found = Findings()
        self._companion = companion
        self._waiting = {one.name: one for one in self._lines()}
        self._left = {
            name: len(one.after & self._waiting.keys()) for name, one in self._waiting.items()
        }
        """By line that has not begun: how many lines it still comes after."""
        self._later: dict[str, list[str]] = {}
        """By line: those that come after it. What is not in the plan holds nobody up."""
        for one in self._waiting.values():
            for name in one.after & self._waiting.keys():
                self._later.setdefault(name, []).append(one.name)
        self._ready: deque[Asked] = deque()
        self._open: dict[int, tuple[str, Line, Question]] = {}
        self._count = 0
        self._start([name for name, left in self._left.items() if not left])

    @property
    def finished(self) -> bool:
        """Nothing is left to ask."""
        return not self._open

    @property
    def questions(self) -> int:
        """How many were given out."""
        return self._count

    def take(self) -> list[Asked]:
        """The questions that may be asked now, each once."""
        ready, self._ready = list(self._ready), deque()
        return ready

    def worth(self, asked: Asked) -> bool:
        """Whether to ask again what found no answer: of a silent server only the main things."""
        return self.found.heard or asked.question.name in _PRIMARY

    def moot(self, asked: Asked) -> bool:
        """Whether the answer is known by now: a version that was refused has no rare suites."""
        hello = asked.question.hello
        rare = asked.question.name.endswith(_RARE)
        return rare and hello is not None and hello.version in self.found.versions

    def answer(self, number: int, answer: Answer) -> None:
        """What came back to a question; a number that is not open is ignored."""
        known = self._open.pop(number, None)
        if known is None:
            return
        name, line, _ = known
        self.found.heard = self.found.heard or _spoken(answer)
        if self._go_on(name, line, answer):
            self._start(self._freed(name))

    def give_up(self, number: int) -> None:
        """A question is not worth to be asked again."""
        self.answer(number, GIVEN_UP)

    def cut(self, why: str) -> None:
        """End the survey now: what is open is inconclusive."""
        for _, line, question in self._open.values():
            self.found.inconclusive.setdefault(question.name, why)
            line.close()
        for waiting in self._waiting:
            self.found.inconclusive.setdefault(waiting, why)
        self._open.clear()
        self._ready.clear()
        self._waiting.clear()

    def _go_on(self, name: str, line: Line, answer: Answer | None) -> bool:
        """Whether the line ended, so that what waits for it may begin."""
        try:
            question = next(line) if answer is None else line.send(answer)
        except StopIteration:
            return True
        if self._count >= MOST_QUESTIONS:
            self.found.inconclusive.setdefault(question.name, "too many questions")
            line.close()
            return True
        self._count += 1
        self._open[self._count] = (name, line, question)
        self._ready.append(Asked(self._count, question))
        return False

    def _freed(self, ended: str) -> list[str]:
        """The lines that came after this one, and after no other that is still open."""
        freed = []
        for name in self._later.get(ended, ()):
            self._left[name] -= 1
            if not self._left[name]:
                freed.append(name)
        return freed

    def _start(self, ready: list[str]) -> None:
        """Begin these lines, and what comes after those among them that have nothing to ask."""
        for name in ready:
            one = self._waiting.pop(name)
            if self.found.frail:
                self.found.inconclusive.setdefault(name, _FRAIL)
            elif not self._go_on(name, one.line(), None):
                continue
            ready.extend(self._freed(name))

    def _lines(self) -> Iterable[_Waiting]:
        found, wishes = self.found, self.wishes
        both = (Version.TLS12.word, Version.TLS13.word)
        asked = [Version.TLS12, Version.TLS13]
        if "early_data" in wishes.facts:
            yield _line(_EARLY, (), key_exchanges.early_data, found, wishes)
        if "client_renegotiation" in wishes.facts:
            yield _line(_AGAIN, (), key_exchanges.renegotiation, found, wishes)
        if wishes.wants(_EVERY_VERSION):
            yield _Waiting(Version.SSL2.word, frozenset(), partial(lines.sslv2, found))
            asked += OLD
        for version in asked:
            # Old versions are refused by most, so that their rare suites are asked meanwhile.
            whole = version >= Version.TLS12
            places = range(len(portions(version)) if whole else 1)
            yield _line(version.word, (), lines.version, found, wishes, version, places)
        if wishes.wants(SUITES | {"outside", "dhe", "dh_bits"}):
            yield from self._fields(asked)
        for version in asked:
            rest = range(1, len(portions(version)))
            if version < Version.TLS12:
                name = version.word + _RARE
                # A verdict has no time to wait; a whole survey asks what is left open alone.
                after = (version.word,) if wishes.full else ()
                yield _line(name, after, lines.version, found, wishes, version, rest)
        yield _line("small hello", both, lines.small, found, wishes)
        every = [version.word for version in asked]
        every += [version.word + _RARE for version in asked if version < Version.TLS12]
        for version in asked:
            if version is not Version.TLS13:
                name = f"certificate {version.word}"
                yield _line(name, every, lines.identity, found, wishes, version)
            yield from self._of_version(version)
        yield from self._single(both, every)

    def _fields(self, asked: list[Version]) -> Iterable[_Waiting]:
        """Of TLS 1.2 from the start, of what is older when it is accepted."""
        for version in asked:
            word = version.word
            after = () if version is Version.TLS12 else (word, word + _RARE)
            if Version.SSL3 < version < Version.TLS13:
                given = (self.found, self.wishes, version)
                yield _line(f"{word} fields", after, suite_lines.named_fields, *given)

    def _of_version(self, version: Version) -> Iterable[_Waiting]:
        """The lines about the suites of a version."""
        found, wishes, word = self.found, self.wishes, version.word
        places, after = range(len(portions(version))), [word, word + _RARE, f"{word} fields"]
        if wishes.wants(SUITES):
            names = [f"{word} suites {place}" for place in places]
            for place, name in zip(places, names, strict=True):
                yield _line(name, after, suite_lines.suites, found, wishes, version, place)
            yield _line(f"{word} order", names, suite_lines.order, found, wishes, version)
        elif wishes.wants(frozenset({"outside"})) and wishes.profiles:
            for place in places:
                name = f"{word} outside {place}"
                yield _line(name, after, suite_lines.outside, found, wishes, version, place)

    def _single(self, both: tuple[str, ...], every: list[str]) -> Iterable[_Waiting]:
        found, wishes, facts = self.found, self.wishes, self.wishes.facts
        whole = [*every, *(f"certificate {v.word}" for v in HELLOS if v is not Version.TLS13)]
        modern = [*whole, "certificate TLSv1.3"]
        yield _line(modern[-1], [*both, _EARLY, _AGAIN], key_exchanges.identity13, found, wishes)
        if "client_renegotiation" in facts:
            before = key_exchanges.renegotiation_before
            yield _line("renegotiation before", [*whole, _AGAIN], before, found, wishes)
        last = [*whole, _AGAIN, "renegotiation before"]
        yield _line("client certificate", last, key_exchanges.client_certificate, found, wishes)
        if not facts.isdisjoint({"dhe", "dh_bits"}):
            places = range(len(portions(Version.TLS12)))
            enumerated = [f"{Version.TLS12.word} suites {place}" for place in places]
            yield _line("dhe", enumerated, suite_lines.dhe, found, wishes, Version.TLS12)
            yield _line("dhe before", [*every, "dhe"], suite_lines.dhe_before, found, wishes)
        if "post_quantum" in facts:
            shown = (*both[1:], f"{Version.TLS13.word} groups") if "groups" in facts else both[1:]
            yield _line("post-quantum", shown, group_lines.post_quantum, found, wishes)
        if "alpn" in facts:
            yield _line("alpn", both[:1], lines.alpn, found, wishes)
        for fact, name in (("sni_missing", ""), ("sni_wrong", WRONG_NAME)):
            if fact in facts:
                given = (found, wishes, fact, name)
                yield _line(fact, whole, lines.other_name, *given)
                yield _line(f"{fact} 1.3", modern, key_exchanges.other_name13, *given)
        ask = group_lines.groups if "groups" in facts else group_lines.groups_outside
        if not facts.isdisjoint({"groups", "groups_outside"}):
            later = [*whole, f"{Version.TLS13.word} groups"]
            for version, after in ((Version.TLS13, both[1:]), (Version.TLS12, later)):
                yield _Waiting(
                    f"{version.word} groups",
                    frozenset(after),
                    lambda version=version: ask(  # type: ignore[misc]
                        found, wishes, version, self._companion(found.chain)
                    ),
                )


def _line(name: str, after: Iterable[str], line: Callable[..., Line], *given: object) -> _Waiting:
    return _Waiting(name, frozenset(after), partial(line, *given))


def _spoken(answer: Answer) -> bool:
    """Whether the server has spoken TLS."""
    if isinstance(answer, Inconclusive):
        return answer.why.startswith("alert")
    return not isinstance(answer, Lost)
