"""Settings and evidence of the dns check, and what an answer comes to. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass
from functools import lru_cache
from itertools import islice
from typing import ClassVar

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from checks.address import ascii_host
from checks.base import Evidence, FactValue, Settings, measure, option, posture
from checks.datagram import endpoint
from checks.dns_query import AnswerError, question

_ANSWERS = 100
_ANSWER_CHARACTERS = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsSettings(Settings):
    """What to ask of which server."""

    server: str = option("", "Server, with a port if not 53; empty: the agent's first resolver.")
    name: str = option(MISSING, "Domain name to ask for, taken as absolute.")
    type: str = option("A", "Record type, such as A, AAAA, CNAME, MX, NS, SOA or TXT.")
    expect: tuple[str, ...] = option((), "Records expected, as a set; empty: any answer.")
    dnssec: bool = option(False, "The server must say that it validated the answer (AD).")

    def __post_init__(self) -> None:
        if self.server:
            ascii_host(endpoint(self.server, 53).address)
        question(self.name, rdata_type(self.type), mixed_case=False)
        expected(self.type, self.expect)

    @property
    def kind(self) -> dns.rdatatype.RdataType:
        """The record type as a number."""
        return rdata_type(self.type)


def rdata_type(text: str) -> dns.rdatatype.RdataType:
    """The type of a text; ValueError for none, and for types that are questions only."""
    try:
        kind = dns.rdatatype.from_text(text)
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"{text!r} is not a DNS record type") from error
    if dns.rdatatype.is_metatype(kind):
        raise ValueError(f"{text!r} is not a type of record that can be expected")
    return kind


@lru_cache(maxsize=1_024)
def expected(type_text: str, items: tuple[str, ...]) -> frozenset[str]:
    """The expected records in the form of answers; ValueError says which one is bad."""
    kind = rdata_type(type_text)
    texts = set()
    for item in items:
        quoted = kind is dns.rdatatype.TXT and not item.startswith('"')
        text = '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' if quoted else item
        try:
            record = dns.rdata.from_text(
                dns.rdataclass.IN, kind, text, origin=dns.name.root, relativize=False
            )
        except (dns.exception.DNSException, ValueError) as error:
            raise ValueError(f"{item!r} is not a {type_text} record: {error}") from error
        texts.add(_shown(record))
    return frozenset(texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsEvidence(Evidence):
    """What the server said.

    `outcome`: answered (any valid DNS answer, NXDOMAIN too), timeout, refused (no server at the
    port), unreachable, malformed, dns (the server's own name has no address).
    """

    FACTS: ClassVar[Mapping[str, str]] = {
        "outcome": "string",
        "reason": "string",
        "rcode": "string",
        "answers": "list<string>",
        "matches": "bool",
        "as_expected": "bool",
        "authenticated": "bool",
        "delay_ms": "double",
        "server_address": "string",
    }

    delay_us: int | None = measure("us")
    outcome: str = posture()
    reason: str | None = posture()
    rcode: str | None = posture()
    answers: tuple[str, ...] | None = posture()
    matches: bool | None = posture()
    as_expected: bool = posture()
    authenticated: bool | None = posture()
    server_address: str | None = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact; `matches` is undefined without an expectation or an answer."""
        facts: dict[str, FactValue] = {}
        if self.delay_us is not None:
            facts["delay_ms"] = self.delay_us / 1_000
        for name in self.postures():
            value = getattr(self, name)
            if value is not None:
                facts[name] = list(value) if isinstance(value, tuple) else value
        return facts


def unanswered(outcome: str, reason: str, server_address: str) -> DnsEvidence:
    """There is no valid answer."""
    return DnsEvidence(
        delay_us=None,
        outcome=outcome,
        reason=reason or None,
        rcode=None,
        answers=None,
        matches=None,
        as_expected=False,
        authenticated=None,
        server_address=server_address or None,
    )


def answered(
    settings: DnsSettings, answer: dns.message.Message, delay_us: int, server_address: str
) -> DnsEvidence:
    """Compare with what was expected; AnswerError when the answer contradicts itself."""
    records = _records(answer)
    answers = tuple(sorted(records)[:_ANSWERS])
    wanted = expected(settings.type, settings.expect)
    matches = records == wanted if wanted else None
    authenticated = bool(answer.flags & dns.flags.AD)
    rcode = answer.rcode()
    return DnsEvidence(
        delay_us=delay_us,
        outcome="answered",
        reason=None,
        rcode=dns.rcode.to_text(rcode),
        answers=answers,
        matches=matches,
        as_expected=(
            rcode == dns.rcode.NOERROR
            and (bool(records) if matches is None else matches)
            and (authenticated or not settings.dnssec)
        ),
        authenticated=authenticated,
        server_address=server_address,
    )


def _records(answer: dns.message.Message) -> frozenset[str]:
    """The records at the end of the chain of CNAMEs, which is bounded by dnspython (16)."""
    if answer.rcode() != dns.rcode.NOERROR:
        return frozenset()
    if not isinstance(answer, dns.message.QueryMessage):
        raise AnswerError("not an answer to a query")
    try:
        found: Iterable[dns.rdata.Rdata] = answer.resolve_chaining().answer or ()
    except dns.exception.DNSException as error:
        raise AnswerError(f"the chain of names is broken: {error}") from error
    return frozenset(_shown(record) for record in islice(found, 10 * _ANSWERS))


def _shown(record: dns.rdata.Rdata) -> str:
    """Presentation form, bounded; names in lower case, because DNS does not tell cases apart."""
    text = record.to_text()[:_ANSWER_CHARACTERS]
    return text if record.rdtype == dns.rdatatype.TXT else text.lower()
