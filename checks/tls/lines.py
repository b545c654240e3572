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
from checks.tls.hello import GROUPS_12, GROUPS_13, ClientHello
from checks.tls.outcomes import Accepted, Inconclusive, Refused, Retry
from checks.tls.question import (
    GROUPS_RARE,
    PROTOCOLS,
    Lost,
    Question,
    bounded,
    compact,
    portions,
    proving,
    suites_by,
)
from checks.tls.registry import POST_QUANTUM, Version, suites_for
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
        answer = yield replace(question, attempt=attempt, pause=pause)
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
        answer = yield from ask(found, replace(question, hello=replace(offer, alpn=())))
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
        found.show(Version.TLS12, answer)


def identity(found: Findings, wishes: Wishes, asked: Version) -> Line:
    """The chain of a version whose first choice was a suite without certificate."""
    if found.chain is not None or not found.versions.get(asked):
        return
    question = Question(
        name="certificate", hello=hello(asked, proving(asked), wishes), until="done"
    )
    answer = yield from ask(found, question)
    if isinstance(answer, Accepted):
        found.accept(asked, answer)
        found.show(asked, answer)


def suites(found: Findings, wishes: Wishes, asked: Version, place: int) -> Line:
    """Every accepted suite of one portion: offer all, leave out what was chosen, until refused."""
    portion = found.portions.setdefault((asked, place), Portion())
    every = portions(asked)[place]
    while not portion.complete and found.versions.get(asked):
        left = [code for code in every if code not in portion.accepted]
        if not left:
            portion.complete = True
            return
        question = Question(name=f"{asked.word} suites", hello=hello(asked, left, wishes))
        answer = yield from ask(found, question)
        if isinstance(answer, Accepted | Retry):
            found.accept(asked, answer)
            portion.accepted.append(answer.suite)
        elif isinstance(answer, Refused):
            portion.complete = True
        else:
            return


def order(found: Findings, wishes: Wishes, asked: Version) -> Line:
    """Whose order decides, and the server's where it has one; after every portion."""
    if not found.versions.get(asked):
        return
    parts = [found.portions[asked, place] for place in range(len(portions(asked)))]
    if not all(part.complete for part in parts):
        return
    accepted = [code for part in parts for code in part.accepted]
    if found.seen.get(asked, set()) - set(accepted):
        # One and the same suite was accepted and refused: two servers behind one address?
        found.inconclusive[f"{asked.word} suites"] = "contradictory answers"
        return
    if sum(bool(part.accepted) for part in parts) > 1 and len(bounded(accepted)) == 1:
        merged = yield from _chosen(found, wishes, asked, accepted)
        if merged is None:
            return
        accepted = merged
    if len(accepted) > 1:
        place = {code: at for at, code in enumerate(suites_for(asked))}
        ours = sorted(accepted, key=place.__getitem__)
        if accepted != ours:
            found.preference[asked] = "server"
        else:
            turned = hello(asked, reversed(ours[: len(bounded(ours)[0])]), wishes)
            answer = yield from ask(found, Question(name=f"{asked.word} order", hello=turned))
            if isinstance(answer, Accepted | Retry):
                mine = answer.suite == turned.suites[0]
                found.preference[asked] = "client" if mine else "server"
    found.order[asked] = tuple(accepted)


def _chosen(
    found: Findings, wishes: Wishes, asked: Version, accepted: list[int]
) -> Generator[Question, Answer, list[int] | None]:
    """The accepted suites in the order in which the server chooses among all of them."""
    place = {code: at for at, code in enumerate(suites_for(asked))}
    left, chosen = sorted(accepted, key=place.__getitem__), []
    while len(left) > 1:
        question = Question(name=f"{asked.word} order", hello=hello(asked, left, wishes))
        answer = yield from ask(found, question)
        if not isinstance(answer, Accepted | Retry):
            return None
        left.remove(answer.suite)
        chosen.append(answer.suite)
    return chosen + left


def outside(found: Findings, wishes: Wishes, asked: Version, place: int) -> Line:
    """Which suites of this portion are accepted that one of the profiles does not allow?

    What several profiles do not allow is asked at once, until everything of it is refused.
    """
    while found.versions.get(asked):
        left = [
            code
            for code in portions(asked)[place]
            if code not in found.seen[asked]
            and any(code not in allowed for allowed in wishes.profiles.values())
        ]
        if left:
            question = Question(name=f"{asked.word} outside", hello=hello(asked, left, wishes))
            answer = yield from ask(found, question)
            if isinstance(answer, Accepted | Retry):
                found.accept(asked, answer)
                continue
            if not isinstance(answer, Refused):
                return
        found.decided |= {(asked, place, name) for name in wishes.profiles}
        return


def _offer_groups(
    wishes: Wishes, asked: Version, groups: Iterable[int], companion: int | None
) -> Question:
    """Which of these groups? Before TLS 1.3 the ServerKeyExchange says it.

    A server with an ECDSA certificate takes no hello without the curve of its key
    (RFC 8422, 5.3), so that one comes last where it is known to be accepted.
    """
    listed = tuple(groups)
    if asked is Version.TLS13:
        offer = hello(asked, suites_for(asked), wishes, listed)
        return Question(name=f"{asked.word} groups", hello=offer)
    together = listed if companion is None or companion in listed else (*listed, companion)
    offer = hello(asked, suites_by(asked, "ECDHE"), wishes, together)
    return Question(name=f"{asked.word} groups", hello=offer, until="done")


def groups_of(asked: Version) -> tuple[int, ...]:
    """Every group that can be agreed in this version, the likely ones first."""
    return GROUPS_13 + GROUPS_RARE if asked is Version.TLS13 else GROUPS_12


def groups(found: Findings, wishes: Wishes, asked: Version, companion: int | None) -> Line:
    """Every accepted group, in the order in which the server chooses.

    What TLS 1.3 was seen to accept is not asked once more in TLS 1.2.
    """
    known = found.groups.setdefault(asked, [])
    others = () if asked is Version.TLS13 else tuple(found.groups.get(Version.TLS13, ()))
    while found.versions.get(asked):
        left = [code for code in groups_of(asked) if code not in known and code not in others]
        beside = companion if companion in known or companion in others else None
        question = _offer_groups(wishes, asked, left, beside)
        answer = yield from ask(found, question)
        group = getattr(answer, "group", None)
        if isinstance(answer, Refused) or (group is not None and group not in left):
            found.groups_complete.add(asked)
            return
        if not isinstance(answer, Accepted | Retry):
            return
        if group is None:
            found.inconclusive[question.name] = why(answer)
            return
        found.accept(asked, answer)
        known.append(group)


def groups_outside(found: Findings, wishes: Wishes, asked: Version, companion: int | None) -> Line:
    """Which groups are accepted that one of the profiles does not allow? As `outside`."""
    while found.versions.get(asked):
        seen = found.groups_seen.setdefault(asked, set())
        left = [
            code
            for code in groups_of(asked)
            if code not in seen
            and any(code not in allowed for allowed in wishes.group_profiles.values())
        ]
        if left:
            question = _offer_groups(wishes, asked, left, companion)
            answer = yield from ask(found, question)
            group = getattr(answer, "group", None)
            if isinstance(answer, Accepted | Retry) and group in left:
                found.accept(asked, answer)
                continue
            if not isinstance(answer, Refused) and group is None:
                found.inconclusive.setdefault(question.name, why(answer))
                return
        found.groups_decided |= {(asked, name) for name in wishes.group_profiles}
        return


def post_quantum(found: Findings, wishes: Wishes) -> Line:
    """Is a post-quantum group accepted? Often the first hello of TLS 1.3 has shown it."""
    if found.versions.get(Version.TLS13) is not True:
        return
    if not found.groups_seen.get(Version.TLS13, set()).isdisjoint(POST_QUANTUM):
        found.post_quantum = True
        return
    offer = hello(Version.TLS13, suites_for(Version.TLS13), wishes, POST_QUANTUM)
    answer = yield from ask(found, Question(name="post-quantum", hello=offer))
    if isinstance(answer, Accepted | Retry):
        found.accept(Version.TLS13, answer)
        found.post_quantum = True
    elif isinstance(answer, Refused):
        found.post_quantum = False


def dhe(found: Findings, wishes: Wishes, asked: Version) -> Line:
    """Is finite-field DHE accepted, and with how large a prime?"""
    offer = hello(asked, suites_by(asked, "DHE"), wishes)
    answer = yield from ask(found, Question(name="dhe", hello=offer, until="done"))
    if isinstance(answer, Accepted):
        found.accept(asked, answer)
        found.dhe, found.dh_bits = True, answer.dh_bits
    elif isinstance(answer, Refused):
        found.dhe = False


def dhe_before(found: Findings, wishes: Wishes) -> Line:
    """The same below TLS 1.2 for servers that do not have it; after every version."""
    newest = found.newest_old
    if newest is Version.TLS12:
        return
    old = (Version.SSL3, Version.TLS10, Version.TLS11, Version.TLS12)
    found.dhe = False if all(found.versions.get(one) is False for one in old) else None
    if newest is not None:
        yield from dhe(found, wishes, newest)


def alpn(found: Findings, wishes: Wishes) -> Line:
    """Which protocols are agreed to besides the first choice?"""
    first = found.hellos.get(Version.TLS12)
    if found.alpn is not None or not isinstance(first, Accepted):
        return
    agreed = [first.alpn] if first.alpn else []
    for name in PROTOCOLS if agreed else ():
        if name in agreed:
            continue
        offer = replace(hello(Version.TLS12, portions(Version.TLS12)[0], wishes), alpn=(name,))
        answer = yield from ask(found, Question(name="alpn", hello=offer))
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
    answer = yield from ask(found, question)
    if isinstance(answer, Refused):
        found.sni[fact] = "refused"
    elif isinstance(answer, Accepted) and answer.chain:
        same = answer.chain[0] == found.chain[0]
        found.sni[fact] = "same-certificate" if same else "other-certificate"
