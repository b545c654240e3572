"""Lines of inquiry about cipher suites: which, in whose order, and which none should be. Pure."""

from collections.abc import Generator

from checks.tls.findings import Findings, Portion
from checks.tls.hello import FIELDS, GROUPS_12
from checks.tls.lines import Answer, Line, ask, hello
from checks.tls.outcomes import Accepted, Refused, Retry
from checks.tls.question import FINITE, Question, bounded, portions, suites_by
from checks.tls.registry import SUITES, Version, suites_for
from checks.tls.wishes import Wishes


def suites(found: Findings, wishes: Wishes, asked: Version, place: int) -> Line:
    """Every accepted suite of one portion: offer all, leave out what was chosen, until refused."""
    portion = found.portions.setdefault((asked, place), Portion())
    if found.groups_for(asked):  # what was chosen without them says nothing of the order
        portion.accepted.clear()
        portion.complete = False
    left = [code for code in portions(asked)[place] if code not in portion.accepted]
    while not portion.complete and found.versions.get(asked):
        if not left:
            portion.complete = True
            return
        offer = hello(asked, left, wishes, found.groups_for(asked))
        question = Question(name=f"{asked.word} suites", hello=offer)
        answer = yield from ask(found, question)
        if isinstance(answer, Accepted | Retry):
            found.accept(asked, answer)
            portion.accepted.append(answer.suite)
            left.remove(answer.suite)
        elif isinstance(answer, Refused) and _fields_known(found, asked, left):
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
    place = {code: at for at, code in enumerate(suites_for(asked))}
    ours = sorted(accepted, key=place.__getitem__)
    if len(accepted) > 1 and accepted == ours:
        groups = found.groups_for(asked)
        turned = hello(asked, reversed(ours[: len(bounded(ours)[0])]), wishes, groups)
        answer = yield from ask(found, Question(name=f"{asked.word} order", hello=turned))
        if isinstance(answer, Accepted | Retry):
            mine = answer.suite == turned.suites[0]
            found.preference[asked] = "client" if mine else "server"
    elif len(accepted) > 1:
        found.preference[asked] = "server"
    if found.preference.get(asked) == "server":
        merged = yield from _merged(found, wishes, asked, [part.accepted for part in parts])
        if merged is None:
            return
        accepted = merged
    found.order[asked] = tuple(accepted)


def _merged(
    found: Findings, wishes: Wishes, asked: Version, parts: list[list[int]]
) -> Generator[Question, Answer, list[int] | None]:
    """The accepted suites of all portions in the server's order, from its order in each.

    A suite finds its place by being offered beside one other. What is rare mostly comes last, so
    that the last one is tried first; the rest is a binary search.
    """
    merged: list[int] = []
    for part in parts:
        low = 0
        for code in part:
            high, middle = len(merged), len(merged) - 1
            while low < high:
                pair = hello(asked, (merged[middle], code), wishes, found.groups_for(asked))
                answer = yield from ask(found, Question(name=f"{asked.word} order", hello=pair))
                if not isinstance(answer, Accepted | Retry):
                    return None
                if answer.suite == code:
                    high = middle
                else:
                    low = middle + 1
                middle = (low + high) // 2
            merged.insert(low, code)
            low += 1
    return merged


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
            offer = hello(asked, left, wishes, found.groups_for(asked))
            question = Question(name=f"{asked.word} outside", hello=offer)
            answer = yield from ask(found, question)
            if isinstance(answer, Accepted | Retry):
                found.accept(asked, answer)
                continue
            if not (isinstance(answer, Refused) and _fields_known(found, asked, left)):
                return
        found.decided |= {(asked, place, name) for name in wishes.profiles}
        return


def _fields_known(found: Findings, asked: Version, left: list[int]) -> bool:
    """Whether a refusal of these holds for who lists the fields of RFC 7919 too."""
    finite = any(SUITES[code].exchange in FINITE for code in left)
    return not finite or asked is Version.SSL3 or asked in found.fields


def named_fields(found: Findings, wishes: Wishes, asked: Version) -> Line:
    """Are suites with finite fields accepted from who lists the fields of RFC 7919?

    OpenSSL 4 has them for nobody else, GnuTLS without those fields for everybody else, and most
    do not look.
    """
    if not found.versions.get(asked, asked is Version.TLS12):
        return
    for exchanges in (FINITE, ("DHE",)):
        offer = hello(asked, suites_by(asked, *exchanges), wishes, GROUPS_12 + FIELDS)
        question = Question(name=f"{asked.word} fields", hello=offer, until="done")
        answer = yield from ask(found, question)
        if isinstance(answer, Accepted):
            found.accept(asked, answer)
            found.fields[asked] = True
            if SUITES[answer.suite].exchange == "DHE":
                found.dhe_in_fields[asked] = True
                found.bits_in_fields = answer.dh_bits
                return
        elif isinstance(answer, Refused):
            found.fields.setdefault(asked, False)
            found.dhe_in_fields[asked] = False
            return
        else:
            return


def dhe(found: Findings, wishes: Wishes, asked: Version) -> Line:
    """Is finite-field DHE accepted from who lists curves alone, and with how large a prime?

    Where every suite that such a client gets is known, and DHE is not among them, it is not.
    """
    seen = any(SUITES[code].exchange == "DHE" for code in found.seen.get(asked, ()))
    if _enumerated(found, asked) and not found.groups_for(asked) and not seen:
        found.dhe = False
        return
    offer = hello(asked, suites_by(asked, "DHE"), wishes)
    answer = yield from ask(found, Question(name="dhe", hello=offer, until="done"))
    if isinstance(answer, Accepted):
        found.accept(asked, answer)
        found.dhe, found.dh_bits = True, answer.dh_bits
    elif isinstance(answer, Refused):
        found.dhe = False


def _enumerated(found: Findings, asked: Version) -> bool:
    """Whether each suite of a version is certainly accepted or refused."""
    parts = (found.portions.get((asked, place)) for place in range(len(portions(asked))))
    return all(part is not None and part.complete for part in parts)


def dhe_before(found: Findings, wishes: Wishes) -> Line:
    """The same below TLS 1.2 for servers that do not have it; after every version."""
    newest = found.newest_old
    if newest is Version.TLS12:
        return
    old = (Version.SSL3, Version.TLS10, Version.TLS11, Version.TLS12)
    found.dhe = False if all(found.versions.get(one) is False for one in old) else None
    if newest is not None:
        yield from dhe(found, wishes, newest)
