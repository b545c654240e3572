"""Lines of inquiry that need a whole key exchange: what a server shows only after it. Pure."""

from checks.tls.exchange12 import Shown12
from checks.tls.exchange13 import Shown13
from checks.tls.findings import Findings
from checks.tls.lines import Line, ask
from checks.tls.outcomes import Accepted
from checks.tls.question import PROTOCOLS, Question
from checks.tls.registry import Version
from checks.tls.wishes import Wishes


def by_exchange13(found: Findings, wishes: Wishes) -> Line:
    """The certificate of a server that has TLS 1.3 alone; early data; a client's certificate."""
    modern, before = (found.versions.get(one) for one in (Version.TLS13, Version.TLS12))
    if "early_data" in wishes.facts and modern is False:
        found.early_data = False
    alone = before is not True and found.chain is None
    if modern is not True or not (alone or "early_data" in wishes.facts):
        return
    tickets = "early_data" in wishes.facts
    question = Question(
        name="key exchange",
        exchange="13 tickets" if tickets else "13",
        server_name=wishes.name,
        alpn=PROTOCOLS,
    )
    answer = yield from ask(found, question)
    if not isinstance(answer, Shown13):
        return
    if tickets and answer.early_data is not None:
        found.early_data = answer.early_data > 0
    if alone:
        found.chain, found.ocsp, found.chain_of = answer.chain, answer.ocsp, Version.TLS13
        found.scts = answer.scts or 0
        found.client_certificate = answer.client_certificate
        if "alpn" in wishes.facts:
            yield from _protocols(found, wishes, answer.alpn)


def _protocols(found: Findings, wishes: Wishes, first: str | None) -> Line:
    """Which protocols are agreed to, one exchange for each that was not chosen first."""
    agreed = [first] if first else []
    for name in PROTOCOLS if agreed else ():
        if name in agreed:
            continue
        question = Question(name="alpn", exchange="13", server_name=wishes.name, alpn=(name,))
        answer = yield from ask(found, question)
        if isinstance(answer, Shown13):
            agreed += [name] if answer.alpn == name else []
        elif question.name in found.inconclusive:
            return
    found.alpn = tuple(agreed)


def by_exchange12(found: Findings, wishes: Wishes) -> Line:
    """Before TLS 1.3: must a client show a certificate, and may it begin a second handshake?"""
    newest = found.newest_old
    if newest is None:
        if found.versions.get(Version.TLS12) is False and found.chain_of is Version.TLS13:
            found.client_renegotiation = False
        return
    hello = found.hellos[newest]
    asked = hello.client_certificate if isinstance(hello, Accepted) else None
    if asked is False:
        found.client_certificate = "no"
    again = "client_renegotiation" in wishes.facts
    if newest is Version.SSL3 or not (again or (asked and "client_certificate" in wishes.facts)):
        return
    question = Question(
        name="key exchange",
        exchange="12 again" if again else "12",
        version=newest,
        server_name=wishes.name,
    )
    answer = yield from ask(found, question)
    if isinstance(answer, Shown12):
        found.client_certificate = answer.client_certificate
        found.client_renegotiation = answer.renegotiated
