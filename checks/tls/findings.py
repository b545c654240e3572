"""What a survey has found so far. Only conclusive answers are in it."""

from contextlib import suppress
from dataclasses import dataclass, field

from checks.tls.exchange13 import Shown13
from checks.tls.hello import FIELDS, GROUPS_12, TIMESTAMPS
from checks.tls.outcomes import Accepted, Inconclusive, Refused, Retry
from checks.tls.question import Lost
from checks.tls.records import MalformedError
from checks.tls.registry import Version
from checks.tls.scts import count


@dataclass(slots=True, kw_only=True)
class Portion:
    """The suites of one hello in one version: what is accepted, in the order of the choices."""

    accepted: list[int] = field(default_factory=list)
    complete: bool = False
    """Nothing else of it is accepted."""


@dataclass(slots=True, kw_only=True)
class Findings:
    """Filled in by the lines of `checks.tls.lines`; read by `checks.tls.posture`."""

    versions: dict[Version, bool] = field(default_factory=dict)
    """Conclusively accepted or refused."""
    hellos: dict[Version, Accepted | Retry] = field(default_factory=dict)
    """Each version's answer to the usual hello, which offers everything; `lines.version` asks."""
    portions: dict[tuple[Version, int], Portion] = field(default_factory=dict)
    """By version and place in `question.portions`."""
    seen: dict[Version, set[int]] = field(default_factory=dict)
    """Every suite that was accepted, by whatever question."""
    order: dict[Version, tuple[int, ...]] = field(default_factory=dict)
    """Every accepted suite, in the server's order where it has one."""
    preference: dict[Version, str] = field(default_factory=dict)
    decided: set[tuple[Version, int, str]] = field(default_factory=set)
    """(version, portion, profile): everything outside of the profile is known there."""
    groups: dict[Version, list[int]] = field(default_factory=dict)
    """Accepted groups in the order of the choices, as far as they were enumerated."""
    groups_seen: dict[Version, set[int]] = field(default_factory=dict)
    """Every group that was accepted, by whatever question."""
    groups_complete: set[Version] = field(default_factory=set)
    groups_decided: set[tuple[Version, str]] = field(default_factory=set)
    post_quantum: bool | None = None
    fields: dict[Version, bool] = field(default_factory=dict)
    """Whether suites of `question.FINITE` are accepted from who lists the fields of RFC 7919."""
    dhe_in_fields: dict[Version, bool] = field(default_factory=dict)
    """The same of DHE alone."""
    bits_in_fields: int | None = None
    dhe: bool | None = None
    """Of who lists curves alone."""
    dh_bits: int | None = None
    chain: tuple[bytes, ...] | None = None
    chain_of: Version | None = None
    """The version in which the chain was shown."""
    ocsp: bytes | None = None
    scts: int | None = None
    shown: Shown13 | None = None
    """A whole key exchange of TLS 1.3, where one was made."""
    alpn: tuple[str, ...] | None = None
    client_certificate: str | None = None
    client_renegotiation: bool | None = None
    early_data: bool | None = None
    sni: dict[str, str] = field(default_factory=dict)
    """sni_missing and sni_wrong."""
    heard: bool = False
    """The server has spoken TLS with us."""
    frail: bool = False
    """It answers small hellos alone: nothing else can be asked."""
    inconclusive: dict[str, str] = field(default_factory=dict)
    """By question: why it found no answer."""
    reasons: dict[str, Refused | Inconclusive | Lost] = field(default_factory=dict)
    """By question: the last answer that was no acceptance."""

    def accept(self, version: Version, answer: Accepted | Retry) -> None:
        """A hello of this version was accepted."""
        self.versions[version] = True
        self.seen.setdefault(version, set()).add(answer.suite)
        if answer.group is not None and version >= Version.TLS12:  # older ones are not searched
            self.groups_seen.setdefault(version, set()).add(answer.group)

    def groups_for(self, version: Version) -> tuple[int, ...]:
        """What a hello about suites lists; empty: the usual groups.

        Who has DHE for RFC 7919 alone gets its fields to see; they would turn others away.
        """
        return GROUPS_12 + FIELDS if self.fields.get(version) else ()

    def show(self, version: Version, answer: Accepted) -> None:
        """A chain may have come along; that of the newest version below TLS 1.3 counts."""
        if answer.chain and (self.chain_of is None or version > self.chain_of):
            self.chain, self.ocsp, self.chain_of = answer.chain, answer.ocsp, version
            self.scts = None
            with suppress(MalformedError):
                stamps = answer.extensions.get(TIMESTAMPS)
                self.scts = 0 if stamps is None else count(stamps)

    @property
    def accepted(self) -> tuple[Version, ...]:
        """The versions that are certainly accepted, oldest first."""
        return tuple(sorted(version for version, yes in self.versions.items() if yes))

    @property
    def newest(self) -> Version | None:
        """The newest accepted version."""
        return max(self.accepted, default=None)

    @property
    def newest_old(self) -> Version | None:
        """The newest accepted version below TLS 1.3 that has hellos like it, so not SSLv2."""
        fit = (v for v in self.accepted if Version.SSL3 <= v < Version.TLS13)
        return max(fit, default=None)
