"""What the ledger's entries are: every kind, its fields, its bytes.

An entry is `S`, a version byte, a kind byte, then a `wire` map of its fields (a batch has a form
of its own, see `monitor.ledger.batch`). A new field is a new version; old decoders stay for ever.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from monitor.ledger.errors import CodedError
from monitor.ledger.wire import WireError, decode, encode
from monitor.model import Act, Family, IncidentStep, Severity
from monitor.text import Reason

MAGIC = b"S\x01"
MAX_ENTRY_BYTES = 65_535
"""An entry bundle gives each entry a 16-bit length (tlog-tiles)."""
MAX_TIME_US = 1 << 60
"""Wall times lie within this distance of the epoch (36,000 years): sums of times fit 64 bits."""
MAX_INTERVAL_US = 400 * 86_400_000_000


class EntryError(CodedError, ValueError):
    """The bytes are no entry of a version that this program knows, or it cannot follow.

    Its text (``entry.<name>``) is not a whole sentence but the reason in one.
    """


def reason_of(error: Exception) -> Reason:
    """Why something could not be read: its own reason, or what Python says, cut short."""
    if isinstance(error, CodedError):
        return error.reason
    return Reason("entry.misshapen", {"cause": str(error)[:200]})


def is_int64(value: object) -> bool:
    """Whether it is an integer (and no bool) that a column of the store can hold."""
    return type(value) is not bool and isinstance(value, int) and -(1 << 63) <= value < 1 << 63


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_map_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, Mapping) and all(map(fits, value.values()))


_FITS: Mapping[object, Callable[[Any], bool]] = {
    int: is_int64,
    str: _is_text,
    bytes: lambda value: isinstance(value, bytes),
    bool: lambda value: isinstance(value, bool),
    int | None: lambda value: value is None or is_int64(value),
    str | None: lambda value: value is None or _is_text(value),
    tuple[str, ...]: lambda value: isinstance(value, tuple | list) and all(map(_is_text, value)),
    Mapping[str, int]: _is_map_of(is_int64),
    Mapping[str, bytes]: _is_map_of(lambda value: isinstance(value, bytes)),
    Mapping[str, Any]: _is_map_of(lambda _: True),
}
"""Whether a value is of a field's type; what is decoded may be hostile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Base of the entries that are a map of fields."""

    CODE: ClassVar[int]

    def to_bytes(self) -> bytes:
        """The entry's bytes, as they are stored and hashed; EntryError where they would be none."""
        self.require_valid()
        try:
            body = encode({f.name: getattr(self, f.name) for f in fields(self)})
        except WireError as error:
            raise EntryError("entry.of", kind=type(self).__name__, why=error.reason) from error
        return frame(self.CODE, body)

    @classmethod
    def from_fields(cls, values: Mapping[str, Any]) -> Self:
        """The entry again; EntryError when a field is missing, unknown or of another type."""
        names = {f.name for f in fields(cls)}
        if set(values) != names:
            named = str(sorted(values))[:160]
            raise EntryError("entry.fields", kind=cls.__name__, fields=named)
        record = cls(**values)
        record.require_valid()
        return record

    def require_valid(self) -> None:
        """EntryError unless every field has its type and the fields agree with one another."""
        for f in fields(self):
            if not _FITS[f.type](getattr(self, f.name)):
                raise EntryError("entry.field-type", kind=type(self).__name__, field=f.name)
        wrong = self._contradiction()
        if wrong is not None:
            raise EntryError("entry.of", kind=type(self).__name__, why=wrong)

    def _contradiction(self) -> Reason | None:
        """What is wrong with the values, or nothing."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOpened(Record):
    """The first entry: whose log this is, and which log it follows."""

    CODE: ClassVar[int] = 2
    origin: str
    vantage: str
    opened_us: int
    previous: str | None
    """The last known checkpoint note of the log that this one succeeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAnchored(Record):
    """SLA time of the batches that name this entry = wall_us + (boot clock - boottime_ns)."""

    CODE: ClassVar[int] = 3
    wall_us: int
    boottime_ns: int
    boot_id: str
    why: str
    """start, boot or step."""
    step_us: int
    """How far the wall clock had left the anchor before; 0 at a start."""

    def _contradiction(self) -> Reason | None:
        if abs(self.wall_us) > MAX_TIME_US:
            return Reason("entry.time", {"time": self.wall_us})
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationInForce(Record):
    """The hashes of every text that judges from here on; the texts are evidence records."""

    CODE: ClassVar[int] = 4
    at_us: int
    texts: Mapping[str, bytes]
    program: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesDefined(Record):
    """Gives (target, check, family, vantage) its number for ever, or changes what it is judged by.

    `rules` are `policy/rule` in the order of a judgement's digits: the first one decides
    availability, or is empty where the check says nothing of it.
    """

    CODE: ClassVar[int] = 5
    number: int
    target: str
    kind: str
    definition: str
    check: str
    family: int
    vantage: str
    interval_us: int
    rules: tuple[str, ...]
    withdrawn: bool

    def _contradiction(self) -> Reason | None:
        if self.number < 0 or self.family not in _FAMILIES:
            return Reason("entry.series", {"number": self.number, "family": self.family})
        if not 0 < self.interval_us <= MAX_INTERVAL_US:
            return Reason("entry.interval", {"interval": self.interval_us})
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentStepped(Record):
    """A step in the life of an incident; `incident` None: this entry opens it and names it."""

    CODE: ClassVar[int] = 6
    incident: int | None
    step: int
    act: str
    target: str
    check: str
    family: int
    policy: str
    rule: str
    severity: int
    reasons: tuple[str, ...]
    since_us: int
    at_us: int
    author: str

    def _contradiction(self) -> Reason | None:
        if self.act not in _ACTS or self.severity not in _SEVERITIES:
            return Reason("entry.act", {"act": repr(self.act[:40]), "severity": self.severity})
        if self.family not in _FAMILIES:
            return Reason("entry.family", {"family": self.family})
        opening = self.act == Act.OPENED
        if opening != (self.incident is None) or opening != (self.step == 0):
            told: dict[str, str | int] = {"act": self.act, "step": self.step}
            return Reason("entry.step", {**told, "incident": str(self.incident)})
        return None

    @classmethod
    def of(cls, step: IncidentStep) -> Self:
        """The entry of a step."""
        return cls(
            incident=step.incident,
            step=step.step,
            act=step.act.value,
            target=step.target,
            check=step.check,
            family=step.family,
            policy=step.policy,
            rule=step.rule,
            severity=int(step.severity),
            reasons=step.reasons,
            since_us=step.since_us,
            at_us=step.at_us,
            author=step.author,
        )

    def as_step(self, index: int) -> IncidentStep:
        """The step again; `index` is this entry's own."""
        return IncidentStep(
            incident=index if self.incident is None else self.incident,
            step=self.step,
            act=Act(self.act),
            target=self.target,
            check=self.check,
            family=self.family,
            policy=self.policy,
            rule=self.rule,
            severity=Severity(self.severity),
            reasons=tuple(self.reasons),
            since_us=self.since_us,
            at_us=self.at_us,
            author=self.author,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettled(Record):
    """A message was delivered, or given up after the longest time allowed."""

    CODE: ClassVar[int] = 7
    alert: str
    route: str
    attempt: int
    at_us: int
    delivered: bool
    receipt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAct(Record):
    """Something a person did through the program: who, what, why, and with which outcome.

    `act` is a word such as `check` or `reload`; `detail` is a wire map of its own.
    """

    CODE: ClassVar[int] = 8
    act: str
    author: str
    reason: str
    at_us: int
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LossCounted(Record):
    """What the agent could not do or could not keep between two moments, by kind."""

    CODE: ClassVar[int] = 9
    since_us: int
    until_us: int
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelSet(Record):
    """A label on a target's time: unreachable (cause: the parents), blind (the agent itself),
    single-leg (the links that are down) or blocked (what of the national filter answered).

    It begins at `since_us`; the entry with `until_us` ends it.
    """

    CODE: ClassVar[int] = 10
    label: str
    target: str
    cause: str
    since_us: int
    until_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStopped(Record):
    """The daemon drained and ended in order: what follows is a gap that was announced."""

    CODE: ClassVar[int] = 11
    at_us: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceDeclared(Record):
    """Work on targets, told before it begins: its time leaves the base of availability.

    A notice that begins before it was given is no entry: nobody can declare the past.
    """

    CODE: ClassVar[int] = 12
    targets: tuple[str, ...]
    since_us: int
    until_us: int
    author: str
    reason: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        if not self.since_us < self.until_us <= self.since_us + MAX_INTERVAL_US:
            span = {"since": self.since_us, "until": self.until_us}
            return Reason("entry.maintenance-span", span)
        if self.since_us < self.at_us:
            told = {"since": self.since_us, "at": self.at_us}
            return Reason("entry.maintenance-past", told)
        if not 0 < len(self.targets) == len(set(self.targets)):
            return Reason("entry.targets")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceCut(Record):
    """A declared maintenance ends earlier, or does not take place; never later, never in the past.

    `maintenance` is the index of its declaration.
    """

    CODE: ClassVar[int] = 13
    maintenance: int
    until_us: int
    author: str
    reason: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.until_us < self.at_us:
            return Reason("entry.end-past", {"until": self.until_us, "at": self.at_us})
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionProposed(Record):
    """Somebody says that an outage is not the provider's: its time shall leave the base.

    It counts once another account has approved it. `incident` is the id of one it is about.
    """

    CODE: ClassVar[int] = 14
    target: str
    since_us: int
    until_us: int
    cause: str
    incident: int | None
    author: str
    reason: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.cause not in EXCLUSION_CAUSES:
            return Reason("entry.cause", {"cause": repr(self.cause[:40])})
        if not self.since_us < self.until_us <= self.at_us:
            span = {"since": self.since_us, "until": self.until_us, "at": self.at_us}
            return Reason("entry.exclusion", span)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExclusionDecided(Record):
    """Another account than its author approves or refuses an exclusion, once."""

    CODE: ClassVar[int] = 15
    exclusion: int
    approved: bool
    author: str
    reason: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceDeclared(Record):
    """People want no messages about something for a while; incidents and figures go on.

    What it is about fits all of `targets` (names of targets or sites), `tags` (`name=value`) and
    `rules` (ids, alone or as `policy/rule`) that are not empty.
    """

    CODE: ClassVar[int] = 16
    targets: tuple[str, ...]
    tags: tuple[str, ...]
    rules: tuple[str, ...]
    until_us: int
    author: str
    reason: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        if not self.at_us < self.until_us <= self.at_us + MAX_SILENCE_US:
            return Reason("entry.silence", {"since": self.at_us, "until": self.until_us})
        if not (self.targets or self.tags or self.rules):
            return Reason("entry.nothing")
        if not all(tag.partition("=")[0] and "=" in tag for tag in self.tags):
            return Reason("entry.tags")
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceEnded(Record):
    """A silence is over: ended by a person, or by its time (`author` empty)."""

    CODE: ClassVar[int] = 17
    silence: int
    author: str
    reason: str
    at_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertHeld(Record):
    """The message about an incident's opening is held back, by a silence or by maintenance.

    `incident` None: the entry before this one opened it. `by` is the index of the declaration.
    """

    CODE: ClassVar[int] = 18
    incident: int | None
    cause: str
    by: int
    routes: tuple[str, ...]
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.cause not in HOLD_CAUSES or self.by < 0:
            return Reason("entry.held", {"cause": repr(self.cause[:40]), "by": self.by})
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsReleased(Record):
    """What held back messages is over: people are told of what still stands.

    `counts`: `held` back in all, of which still `standing`, `over` meanwhile, or `held-on` by
    something else.
    """

    CODE: ClassVar[int] = 19
    cause: str
    by: int
    counts: Mapping[str, int]
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.cause not in HOLD_CAUSES:
            return Reason("entry.cause", {"cause": repr(self.cause[:40])})
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPruned(Record):
    """The entries below `boundary` are to be removed; what was derived from them stays.

    `state` is the SHA-256 of the fold's snapshot at the boundary, an evidence record: from there
    on everything can be derived again. `before_us`: every pruned entry is older than this.
    """

    CODE: ClassVar[int] = 20
    boundary: int
    before_us: int
    state: bytes
    author: str
    reason: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.boundary <= 0 or self.boundary % PRUNING_STEP:
            return Reason("entry.boundary", {"boundary": self.boundary})
        return None if len(self.state) == 32 else Reason("entry.state")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRotated(Record):
    """The outgoing key names the next one: checkpoints of larger sizes are signed by that alone.

    Both are verifier key lines of the log's own name. The checkpoint that covers just this entry
    may be of either.
    """

    CODE: ClassVar[int] = 21
    previous: str
    next: str
    author: str
    reason: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        return Reason("entry.key-itself") if self.previous == self.next else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointStamped(Record):
    """A time-stamping authority has stamped the checkpoint of `size` entries (RFC 3161).

    `token` is the SHA-256 of its reply, which is kept beside the checkpoint's note; `time_us` is
    the authority's time, `at_us` the agent's own when the token was verified.
    """

    CODE: ClassVar[int] = 22
    authority: str
    size: int
    token: bytes
    time_us: int
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.size <= 0:
            return Reason("entry.checkpoint", {"size": self.size})
        return None if len(self.token) == 32 else Reason("entry.token")


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarRan(Record):
    """What became of the run of a calendar's job that was due at `due_us`.

    `outcome` is `set` where the job entered the calendar, and later runs count from there;
    `told` says more: a folder, or the key of a text that tells why not.
    """

    CODE: ClassVar[int] = 23
    job: str
    due_us: int
    outcome: str
    told: str
    at_us: int

    def _contradiction(self) -> Reason | None:
        if self.outcome not in RUN_OUTCOMES:
            return Reason("entry.outcome", {"outcome": repr(self.outcome[:40])})
        return None


RUN_OUTCOMES = ("set", "done", "nothing", "failed")
MAX_SILENCE_US = 31 * 86_400_000_000
HOLD_CAUSES = ("silence", "maintenance")
PRUNING_STEP = 256
"""Entries are pruned by whole tiles: the hashes above them then stay complete."""
EXCLUSION_CAUSES = ("power", "force-majeure", "upstream", "customer", "other")
"""Power failure at the site, an act of nature, a network outside the contract, the customer's own
doing, another one that the reason tells."""
_ACTS = frozenset(act.value for act in Act)
_SEVERITIES = frozenset(Severity)
_FAMILIES = frozenset(Family)

BATCH_CODE = 1
RECORDS: Mapping[int, type[Record]] = {
    kind.CODE: kind
    for kind in (
        LogOpened,
        ClockAnchored,
        ConfigurationInForce,
        SeriesDefined,
        IncidentStepped,
        AlertSettled,
        OperatorAct,
        LossCounted,
        LabelSet,
        AgentStopped,
        MaintenanceDeclared,
        MaintenanceCut,
        ExclusionProposed,
        ExclusionDecided,
        SilenceDeclared,
        SilenceEnded,
        AlertHeld,
        AlertsReleased,
        LogPruned,
        KeyRotated,
        CheckpointStamped,
        CalendarRan,
    )
}


def frame(code: int, body: bytes) -> bytes:
    """Prefix, kind and body; EntryError when it is too long for an entry bundle."""
    raw = MAGIC + bytes((code,)) + body
    if len(raw) > MAX_ENTRY_BYTES:
        raise EntryError("entry.long", bytes=len(raw), limit=MAX_ENTRY_BYTES)
    return raw


def code_of(raw: bytes) -> int:
    """The kind byte of an entry."""
    if raw[:2] != MAGIC or len(raw) < 4 or len(raw) > MAX_ENTRY_BYTES:
        raise EntryError("entry.version")
    return raw[2]


def read_record(raw: bytes) -> Record:
    """The entry of these bytes (not a batch); EntryError when they are none."""
    kind = RECORDS.get(code_of(raw))
    if kind is None:
        raise EntryError("entry.kind", kind=raw[2])
    try:
        values = decode(raw[3:])
    except WireError as error:
        raise EntryError(error.code, **error.values) from error
    if not isinstance(values, dict):
        raise EntryError("entry.body")
    return kind.from_fields(values)
