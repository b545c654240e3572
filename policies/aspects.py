"""The aspects that must be shown, which controls they answer to, and what they come to. Pure.

A rule counts to an aspect when it names one of the aspect's controls and its check is one that can
say something of the aspect: a control such as A.8.20 belongs to several aspects, and a measured
router proves no firewall. Some checks speak only against an aspect (a router that nobody
configured is a breach of the network's security; its absence proves no more than itself). An
aspect is never met because nothing was found:

- not measurable: nothing in the period measured it, or only papers can attest it;
- not met: an objective was missed, or a confirmed violation that nobody waived stood;
- undecided: something that should have been measured was not, or an objective is undecided;
- waived: everything held but for violations that somebody accepted until a later day;
- met: class measured, and everything that was to be measured was and held;
- not disproved: class partial, where a probe can disprove but not prove.

Control ids are those of the city's own table; ISO/IEC 27001:2022 annex A, NIST SP 800-53 r5, CIS
Controls v8. Of BSSN 4/2021 article 33 (2) only the letters whose words name the aspect.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class EvidenceClass(StrEnum):
    """What a probe can say of an aspect."""

    MEASURED = "measured"
    PARTIAL = "partial"
    """A probe can disprove, not prove."""
    ATTESTED = "attested"
    """Only uploaded evidence says anything."""


class AspectOutcome(StrEnum):
    """What an aspect came to in a period."""

    MET = "met"
    NOT_MET = "not-met"
    NOT_DISPROVED = "not-disproved"
    WAIVED = "waived"
    UNDECIDED = "undecided"
    NOT_MEASURABLE = "not-measurable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Aspect:
    """One row of the table."""

    id: str
    title: Mapping[str, str]
    evidence: EvidenceClass
    also_attested: bool = False
    """Part of it can only be attested."""
    checks: frozenset[str] = frozenset()
    """Kinds of check that can say something of it; kinds to come may be named."""
    against: frozenset[str] = frozenset()
    """Kinds whose violations disprove it, and which say nothing of it otherwise."""
    drills: bool = False
    """A drill measures it."""
    controls: tuple[str, ...]

    def counts(self, check: str, controls: Iterable[str]) -> bool:
        """Whether a rule of this check with these controls counts to it."""
        return check in self.checks and self.names(controls)

    def speaks_against(self, check: str, controls: Iterable[str]) -> bool:
        """Whether only the violations of a rule of this check with these controls count to it."""
        return check in self.against and self.names(controls)

    def names(self, controls: Iterable[str]) -> bool:
        """Whether one of these controls is one of its own."""
        return not set(self.controls).isdisjoint(controls)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSum:
    """What one rule said of one target in a period, in observations."""

    policy: str
    rule: str
    target: str
    compliant: int
    violated: int
    indeterminate: int
    incidents: int = 0
    """Confirmed violations that stood in the period."""
    waived: int = 0
    """Those of them that a waiver accepts."""
    by_objective: bool = False
    """An objective judges the target by this rule: then that decides, not single violations."""

    @property
    def key(self) -> str:
        """The rule, as series name it."""
        return f"{self.policy}/{self.rule}"

    @property
    def decided(self) -> int:
        """Observations that said yes or no."""
        return self.compliant + self.violated

    @property
    def broken(self) -> bool:
        """Whether a violation stood that neither a waiver nor an objective answers for."""
        return self.incidents > self.waived and not self.by_objective


def outcome_of(
    aspect: Aspect,
    sums: Iterable[RuleSum],
    objectives: Iterable[str],
    drills: Iterable[bool | None] = (),
    against: Iterable[RuleSum] = (),
) -> AspectOutcome:
    """What an aspect came to, by the rules that count to it, the outcomes of the objectives that
    they measure (met, missed; any other word: nobody can say), whether each drill kept its
    allowance, and the rules whose violations alone count.
    """
    rules, words, kept = list(sums), list(objectives), list(drills)
    spoken = [*rules, *against]
    if any(one.broken for one in spoken) or "missed" in words or False in kept:
        return AspectOutcome.NOT_MET
    if not any(one.decided for one in rules) and not kept:
        return AspectOutcome.NOT_MEASURABLE
    unsure = any(not one.decided for one in rules) or None in kept
    if unsure or not set(words) <= {"met"}:
        return AspectOutcome.UNDECIDED
    if any(one.incidents for one in spoken if not one.by_objective):
        return AspectOutcome.WAIVED
    if aspect.evidence is EvidenceClass.MEASURED and not aspect.also_attested:
        return AspectOutcome.MET
    return AspectOutcome.NOT_DISPROVED


def _ids(iso: str = "", nist: str = "", cis: str = "", bssn: str = "") -> tuple[str, ...]:
    books = (("iso27001", iso), ("nist-800-53", nist), ("cis-8", cis), ("bssn-4-2021", bssn))
    return tuple(f"{book}:{name}" for book, names in books for name in names.split())


_M, _P, _A = EvidenceClass.MEASURED, EvidenceClass.PARTIAL, EvidenceClass.ATTESTED
REACH = frozenset({"ports", "reach", "survey"})
"""Checks of exposed ports and of zone against zone."""
_FIRST_HOP = frozenset({"vrrp", "hsrp", "neighbour"})
"""Checks of who speaks for a gateway's address."""
OF_THE_AGENT = frozenset({"host"})
"""Checks of the agent's own machine: they say nothing of the city, and count to no aspect."""

ASPECTS: tuple[Aspect, ...] = (
    Aspect(
        id="network-availability",
        title={"en": "Network availability", "id": "Ketersediaan jaringan"},
        evidence=_M,
        checks=frozenset({"icmp", "tcp", "dns", "http", "neighbour"}),
        controls=_ids("A.8.14 A.8.21", "CP-8 CA-7", "12.2"),
    ),
    Aspect(
        id="redundancy",
        title={"en": "Backup and redundancy", "id": "Cadangan dan redundansi"},
        evidence=_P,
        checks=frozenset({"redundancy", "path", "egress"}) | _FIRST_HOP,
        controls=_ids("A.8.14 A.8.13", "CP-8 CP-8(2) CP-8(3)", "12.2"),
    ),
    Aspect(
        id="disaster-recovery",
        title={"en": "Disaster recovery", "id": "Penanggulangan bencana"},
        evidence=_M,
        also_attested=True,
        drills=True,
        controls=_ids("A.5.29 A.5.30 A.8.13", "CP-4 CP-9 CP-10", "11.1 11.2 11.3 11.4 11.5"),
    ),
    Aspect(
        id="network-security",
        title={"en": "Network security", "id": "Keamanan jaringan"},
        evidence=_P,
        checks=REACH,
        against=_FIRST_HOP | {"web"},
        controls=_ids("A.8.8 A.8.20 A.8.21 A.8.22", "SC-7 CM-7 RA-5", "4.4 12.2 13.4", "33.2.d"),
    ),
    Aspect(
        id="network-reliability",
        title={"en": "Network reliability", "id": "Keandalan jaringan"},
        evidence=_M,
        checks=frozenset({"icmp", "path", "throughput"}),
        controls=_ids("A.8.6 A.8.21 A.5.22", "CP-8 SA-9", "15.6"),
    ),
    Aspect(
        id="confidentiality",
        title={"en": "Confidentiality", "id": "Kerahasiaan"},
        evidence=_P,
        checks=frozenset({"tls", "http", "web", "wifi"}),
        controls=_ids("A.8.24 A.5.14 A.5.34", "SC-8 AC-18", "3.10 12.6", "33.2.k"),
    ),
    Aspect(
        id="integrity",
        title={"en": "Integrity", "id": "Keutuhan"},
        evidence=_P,
        checks=frozenset({"page", "http", "web", "dns", "dnssec"}),
        controls=_ids("A.8.16 A.8.26", "SI-7 SC-20 SC-21", "13.1"),
    ),
    Aspect(
        id="authentication",
        title={"en": "Authentication", "id": "Autentikasi"},
        evidence=_P,
        checks=frozenset({"login", "web", "wifi"}),
        controls=_ids("A.5.17 A.8.5", "IA-2 IA-3 IA-5", "6.3 12.5", "33.2.b"),
    ),
    Aspect(
        id="information-availability",
        title={"en": "Availability of information", "id": "Ketersediaan informasi"},
        evidence=_M,
        checks=frozenset({"http", "transaction"}),
        controls=_ids("A.8.14 A.8.6", "SC-5 CP-2", "12.2"),
    ),
    Aspect(
        id="non-repudiation",
        title={"en": "Non-repudiation", "id": "Kenirsangkalan"},
        evidence=_P,
        checks=frozenset({"clock"}),
        controls=_ids("A.8.15 A.8.17 A.5.28", "AU-8 AU-9 AU-10", "8.2 8.4"),
    ),
    Aspect(
        id="access-control",
        title={"en": "Access control", "id": "Kendali akses"},
        evidence=_P,
        checks=REACH | {"web"},
        controls=_ids("A.5.15 A.8.3 A.8.22", "AC-3 AC-4 AC-17", "3.3 12.2", "33.2.c"),
    ),
    Aspect(
        id="firewall",
        title={"en": "Firewall", "id": "Tembok api (firewall)"},
        evidence=_P,
        checks=REACH,
        controls=_ids("A.8.20 A.8.22", "SC-7(5)", "4.4 13.4"),
    ),
    Aspect(
        id="ids",
        title={"en": "Intrusion detection", "id": "Deteksi penyusupan"},
        evidence=_P,
        checks=frozenset({"canary"}),
        controls=_ids("A.8.16", "SI-4", "13.1 13.3"),
    ),
    Aspect(
        id="antivirus",
        title={"en": "Antivirus", "id": "Antivirus"},
        evidence=_P,
        also_attested=True,
        checks=frozenset({"antivirus"}),
        controls=_ids("A.8.7", "SI-3", "10.1"),
    ),
    Aspect(
        id="vpn",
        title={"en": "VPN", "id": "VPN"},
        evidence=_P,
        checks=frozenset({"vpn"}),
        controls=_ids("A.8.20 A.6.7", "AC-17", "12.7", "33.2.g"),
    ),
    Aspect(
        id="passwords",
        title={"en": "Passwords", "id": "Kata sandi"},
        evidence=_P,
        also_attested=True,
        checks=frozenset({"credentials"}),
        controls=_ids("A.5.17 A.8.5", "IA-5(1)", "4.7 5.2"),
    ),
    Aspect(
        id="encryption",
        title={"en": "Encryption, CA and PKI", "id": "Enkripsi, CA, dan PKI"},
        evidence=_M,
        checks=frozenset({"tls"}),
        controls=_ids("A.8.24", "SC-12 SC-13 SC-17", "3.10 3.11", "33.2.k"),
    ),
    Aspect(
        id="document-security",
        title={"en": "Document security", "id": "Keamanan dokumen"},
        evidence=_A,
        controls=_ids("A.5.12 A.5.33 A.7.10", "MP-2 MP-4", "3.3"),
    ),
    Aspect(
        id="room-security",
        title={"en": "Room security", "id": "Keamanan ruang"},
        evidence=_A,
        controls=_ids("A.7.1 A.7.2 A.7.4 A.7.11", "PE-3 PE-6 PE-11"),
    ),
)
