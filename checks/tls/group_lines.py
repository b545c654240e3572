"""Lines of inquiry about the groups of the key exchange. Pure."""

from collections.abc import Iterable

from checks.tls.findings import Findings
from checks.tls.hello import GROUPS_12, GROUPS_13
from checks.tls.lines import Line, ask, hello, why
from checks.tls.outcomes import Accepted, Refused, Retry
from checks.tls.question import GROUPS_RARE, Question, suites_by
from checks.tls.registry import POST_QUANTUM, Version, suites_for
from checks.tls.wishes import Wishes


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
    """Is a post-quantum group accepted? Often what was asked before has shown it."""
    if found.versions.get(Version.TLS13) is not True:
        return
    if not found.groups_seen.get(Version.TLS13, set()).isdisjoint(POST_QUANTUM):
        found.post_quantum = True
        return
    if Version.TLS13 in found.groups_complete:
        found.post_quantum = False
        return
    offer = hello(Version.TLS13, suites_for(Version.TLS13), wishes, POST_QUANTUM)
    answer = yield from ask(found, Question(name="post-quantum", hello=offer))
    if isinstance(answer, Accepted | Retry):
        found.accept(Version.TLS13, answer)
        found.post_quantum = True
    elif isinstance(answer, Refused):
        found.post_quantum = False
