"""Lines of inquiry that need a whole key exchange: what a server shows only after it. Pure."""

from collections.abc import Generator

from checks.tls.exchange12 import Shown12
from checks.tls.exchange13 import Shown13
from checks.tls.findings import Findings
from checks.tls.lines import Answer, Line, ask
from checks.tls.outcomes import Accepted
from checks.tls.question import PROTOCOLS, Exchange, Question
from checks.tls.registry import Version
from checks.tls.wishes import Wishes


def _question(wishes: Wishes, exchange: Exchange, version: Version) -> Question:
    return Question(
        name=f"{version.word} key exchange",
        exchange=exchange,
        version=version,
        server_name=wishes.name,
        alpn=PROTOCOLS if version is Version.TLS13 else (),
    )


def early_data(found: Findings, wishes: Wishes) -> Line:
    """Do the tickets of TLS 1.3 allow early data? Asked from the start: it takes longest.

    Without a ticket it is not known.
    """
    answer = yield from ask(found, _question(wishes, "13 tickets", Version.TLS13))
    if isinstance(answer, Shown13):
        found.shown = answer
        found.early_data = None if answer.early_data is None else answer.early_data > 0


def renegotiation(found: Findings, wishes: Wishes) -> Line:
    """May a client of TLS 1.2 begin a second handshake? Asked from the start as well."""
    answer = yield from ask(found, _question(wishes, "12 again", Version.TLS12))
    if isinstance(answer, Shown12):
        found.client_certificate = answer.client_certificate
        found.client_renegotiation = answer.renegotiated


def renegotiation_before(found: Findings, wishes: Wishes) -> Line:
    """The same below TLS 1.2 for servers that do not have it; after every version."""
    newest = found.newest_old
    if newest not in (Version.TLS10, Version.TLS11):
        return
    answer = yield from ask(found, _question(wishes, "12 again", newest))
    if isinstance(answer, Shown12):
        found.client_certificate = answer.client_certificate
        found.client_renegotiation = answer.renegotiated


def client_certificate(found: Findings, wishes: Wishes) -> Line:
    """Whether a certificate that is asked for is required shows only after a key exchange."""
    newest = found.newest_old
    hello = None if newest is None else found.hellos.get(newest)
    asked = hello.client_certificate if isinstance(hello, Accepted) else None
    if asked is False:
        found.client_certificate = "no"
    wanted = "client_certificate" in wishes.facts and found.client_certificate is None
    if newest is None or newest is Version.SSL3 or not (asked and wanted):
        return
    answer = yield from ask(found, _question(wishes, "12", newest))
    if isinstance(answer, Shown12):
        found.client_certificate = answer.client_certificate


def identity13(found: Findings, wishes: Wishes) -> Line:
    """The certificate of a server without TLS 1.2, and what comes along with it.

    That of an older version gives way to it, whichever was seen first.
    """
    if found.chain_of is Version.TLS12 or not found.versions.get(Version.TLS13):
        return
    shown = found.shown
    if shown is None:
        shown = yield from _shown13(found, _question(wishes, "13", Version.TLS13))
    if shown is None:
        return
    found.chain, found.ocsp, found.chain_of = shown.chain, shown.ocsp, Version.TLS13
    found.scts = shown.scts or 0
    if found.client_certificate is None:
        found.client_certificate = shown.client_certificate
    if "alpn" in wishes.facts:
        yield from _protocols(found, wishes, shown.alpn)


def _shown13(found: Findings, question: Question) -> Generator[Question, Answer, Shown13 | None]:
    answer = yield from ask(found, question)
    return answer if isinstance(answer, Shown13) else None


def _protocols(found: Findings, wishes: Wishes, first: str | None) -> Line:
    """Which protocols are agreed to, one exchange for each that was not chosen first."""
    agreed = [first] if first else []
    for name in PROTOCOLS if agreed else ():
        if name in agreed:
            continue
        question = Question(name="alpn", exchange="13", server_name=wishes.name, alpn=(name,))
        shown = yield from _shown13(found, question)
        if shown is not None and shown.alpn == name:
            agreed.append(name)
        elif question.name in found.inconclusive:
            return
    found.alpn = tuple(agreed)


def other_name13(found: Findings, wishes: Wishes, fact: str, name: str) -> Line:
    """As `lines.other_name`, for a server that has TLS 1.3 alone."""
    if not wishes.name or found.chain is None or found.chain_of is not Version.TLS13:
        return
    question = Question(name=fact.replace("_", " "), exchange="13", server_name=name)
    shown = yield from _shown13(found, question)
    if shown is not None:
        same = shown.chain[:1] == found.chain[:1]
        found.sni[fact] = "same-certificate" if same else "other-certificate"
    elif question.name not in found.inconclusive:
        found.sni[fact] = "refused"
