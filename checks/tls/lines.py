"""Lines of inquiry: each asks one question after the other and notes what is conclusive. Pure.

A line is a generator of questions that is sent the answers. "Accepted" is noted when the server
accepted; "not accepted" only when it refused by an alert that says so. Everything else is asked
again, and then noted as inconclusive.
"""

from collections.abc import Generator, Iterable
from dataclasses import replace

from checks.tls.exchange12 import Shown12
from checks.tls.exchange13 import Shown13
from checks.tls.findings import Findings, Portion
from checks.tls.hello import FIELDS, GROUPS_12, ClientHello
from checks.tls.outcomes import Accepted, Inconclusive, Refused, Retry
from checks.tls.question import (
    FINITE,
    PROTOCOLS,
    Lost,
    Question,
    compact,
    portions,
    proving,
)
from checks.tls.registry import SUITES, Version
from checks.tls.wishes import Wishes

TRIES = 3
"""How often a question is asked that finds no conclusive answer."""
ENOUGH = frozenset({"too-much", "unfinished"})
"""Asked again these would come to the same."""
GIVEN_UP = Inconclusive("nothing heard")
"""Sent to a line in place of an answer: it is not worth to ask again."""

_INTERNAL_ERROR = Inconclusive("alert internal_error")
_INTERNAL_ERROR_CODE = 80
_PROTOCOL_VERSION = 70
_NO_APPLICATION_PROTOCOL = 120

Answer = Accepted | Retry | Refused | Inconclusive | Lost | Shown12 | Shown13
Line = Generator[Question, Answer, None]


def why(answer: Answer) -> str:
    """What an inconclusive answer was, in words."""
    match answer:
        case Inconclusive():
            return answer.why
        case Lost():
            return answer.outcome
        case Accepted():
            return answer.trouble or "not read to its end"
    return "no answer to that question"


def crowded(answer: Answer) -> bool:
    """Whether the answer may come of too many connections: the server said nothing at all."""
    said = why(answer)
    silent = not said.startswith(("alert", "malformed", "not-tls")) and said not in ENOUGH
    return isinstance(answer, Inconclusive | Lost) and silent


def ask(found: Findings, question: Question) -> Generator[Question, Answer, Answer]:
    """The answer; an inconclusive one after `TRIES` is noted."""
    last: Answer = GIVEN_UP
    errors = 0
    for attempt in range(TRIES):
        pause = attempt > 0 and crowded(last)
        again = replace(question, attempt=attempt, pause=pause) if attempt else question
        answer = yield again
        if answer is GIVEN_UP:
            break
        last = answer
        errors += _old(question) and answer == _INTERNAL_ERROR
        if errors >= 2 and found.accepted:
            last = Refused(alert=_INTERNAL_ERROR_CODE)
        if isinstance(last, Refused | Inconclusive | Lost):
            found.reasons[question.name] = last
        if not _again(last, found):
            break
    if isinstance(last, Inconclusive | Lost) and last is not GIVEN_UP:
        found.inconclusive[question.name] = why(last)
    return last


def _old(question: Question) -> bool:
    """OpenSSL 3 says internal_error to versions whose signatures its policy forbids.

    Twice the same while it accepts newer hellos is a refusal (docs/decisions/0019).
    """
    return question.hello is not None and question.hello.version < Version.TLS12


def _again(answer: Answer, found: Findings) -> bool:
    """Whether the same question may find another answer. Silence from the start will last."""
    said = why(answer)
    if isinstance(answer, Inconclusive) and said.startswith("alert"):
        return True
    return crowded(answer) and (found.heard or said != "timeout")


def hello(
    version: Version, suites: Iterable[int], wishes: Wishes, groups: tuple[int, ...] = ()
) -> ClientHello:
    """The usual hello with these suites and groups."""
    return ClientHello(
        version=version, suites=tuple(suites), groups=groups, server_name=wishes.name
    )


def version(found: Findings, wishes: Wishes, asked: Version, places: range) -> Line:
    """Is this version accepted, with suites of these portions?"""
    for place in places:
        answer = yield from _version(found, wishes, asked, place)
        portion = found.portions.setdefault((asked, place), Portion())
        if isinstance(answer, Accepted | Retry):
            found.accept(asked, answer)
            if place == 0 or asked not in found.hellos:
                found.hellos[asked] = answer
            portion.accepted.append(answer.suite)
            if isinstance(answer, Accepted):
                found.show(asked, answer)
            return
        if not isinstance(answer, Refused):
            return
        portion.complete = True
        if answer.alert in (_PROTOCOL_VERSION, None):
            found.versions.setdefault(asked, False)
            return
    every = (found.portions.get((asked, place)) for place in range(len(portions(asked))))
    if all(portion is not None and portion.complete for portion in every):
        found.versions.setdefault(asked, False)


def _version(
    found: Findings, wishes: Wishes, asked: Version, place: int
) -> Generator[Question, Answer, Answer]:
    offer = ClientHello(
        version=asked,
        suites=portions(asked)[place],
        server_name=wishes.name,
        alpn=PROTOCOLS if asked is Version.TLS12 else (),
        compression=asked is not Version.TLS13,
    )
    name = f"{asked.word} rare" if asked < Version.TLS12 and place else asked.word
    question = Question(name=name, hello=offer, until="done")
    answer = yield from ask(found, question)
    if isinstance(answer, Refused) and answer.alert == _NO_APPLICATION_PROTOCOL and offer.alpn:
        found.alpn = ()
        offer = replace(offer, alpn=())
        answer = yield from ask(found, replace(question, hello=offer))
    if isinstance(answer, Refused) and answer.alert not in (_PROTOCOL_VERSION, None):
        answer = yield from _in_fields(found, replace(question, hello=offer), answer)
    return answer


def _in_fields(
    found: Findings, question: Question, refused: Refused
) -> Generator[Question, Answer, Answer]:
    """Are the suites with finite fields accepted from who lists the fields of RFC 7919?"""
    assert question.hello is not None
    asked = question.hello.version
    finite = tuple(code for code in question.hello.suites if SUITES[code].exchange in FINITE)
    if asked in (Version.SSL3, Version.TLS13) or not finite:
        return refused
    offer = replace(question.hello, suites=finite, groups=GROUPS_12 + FIELDS)
    answer = yield from ask(found, replace(question, hello=offer))
    if isinstance(answer, Accepted):
        found.fields[asked] = True
    return answer


def _either(found: Findings, question: Question) -> Generator[Question, Answer, Answer]:
    """The answer to the usual groups, else to the fields of RFC 7919.

    Whether those are needed may not be known yet; so it does not decide what is asked.
    """
    answer = yield from ask(found, question)
    if isinstance(answer, Refused):
        answer = yield from _in_fields(found, question, answer)
    return answer


def sslv2(found: Findings) -> Line:
    """Is SSLv2 accepted? The server lists its suites, so one question is enough."""
    answer = yield from ask(found, Question(name=Version.SSL2.word))
    if isinstance(answer, Accepted):
        found.versions[Version.SSL2] = True
        found.hellos[Version.SSL2] = answer
        found.seen[Version.SSL2] = set(answer.suites_offered)
        found.order[Version.SSL2] = answer.suites_offered
        found.show(Version.SSL2, answer)
    elif isinstance(answer, Refused):
        found.versions[Version.SSL2] = False


def small(found: Findings, wishes: Wishes) -> Line:
    """Where no usual hello was answered: is a small one? Some servers drop larger ones."""
    if found.accepted or Version.TLS12 in found.versions:
        return
    question = Question(name="small hello", hello=compact(wishes.name), until="done")
    answer = yield from ask(found, question)
    if isinstance(answer, Accepted):
        found.frail = True
        found.accept(Version.TLS12, answer)
        found.hellos[Version.TLS12] = answer
        found.show(Version.TLS12, answer)


def identity(found: Findings, wishes: Wishes, asked: Version) -> Line:
    """The chain of a version whose first choice was a suite without certificate."""
    if found.chain is not None or not found.versions.get(asked):
        return
    offer = hello(asked, proving(asked), wishes)
    question = Question(name="certificate", hello=offer, until="done")
    answer = yield from _either(found, question)
    if isinstance(answer, Accepted):
        found.accept(asked, answer)
        found.show(asked, answer)


def alpn(found: Findings, wishes: Wishes) -> Line:
    """Which protocols are agreed to besides the first choice?"""
    first = found.hellos.get(Version.TLS12)
    if found.alpn is not None or not isinstance(first, Accepted):
        return
    agreed = [first.alpn] if first.alpn else []
    usual = hello(
        Version.TLS12, portions(Version.TLS12)[0], wishes, found.groups_for(Version.TLS12)
    )
    for name in PROTOCOLS if agreed else ():
        if name in agreed:
            continue
        offer = Question(name="alpn", hello=replace(usual, alpn=(name,)))
        answer = yield from ask(found, offer)
        if isinstance(answer, Accepted):
            agreed += [name] if answer.alpn == name else []
        elif not isinstance(answer, Refused):
            return
    found.alpn = tuple(agreed)


def other_name(found: Findings, wishes: Wishes, fact: str, name: str) -> Line:
    """What does the server show to who names no server, or one that it does not have?"""
    if not wishes.name or found.chain is None or not found.versions.get(Version.TLS12):
        return
    offer = replace(hello(Version.TLS12, proving(Version.TLS12), wishes), server_name=name)
    question = Question(name=fact.replace("_", " "), hello=offer, until="done")
    answer = yield from _either(found, question)
    if isinstance(answer, Refused):
        found.sni[fact] = "refused"
    elif isinstance(answer, Accepted) and answer.chain:
        same = answer.chain[0] == found.chain[0]
        found.sni[fact] = "same-certificate" if same else "other-certificate"
