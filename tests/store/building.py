"""Ledgers for tests: small and rich, made of real entries by the real writer."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.ledger.batch import Batch, Row, group_rows
from monitor.ledger.checkpoint import read_unverified
from monitor.ledger.entry import (
    AgentStopped,
    AlertHeld,
    AlertSettled,
    AlertsReleased,
    ClockAnchored,
    ConfigurationInForce,
    ExclusionDecided,
    ExclusionProposed,
    IncidentStepped,
    LabelSet,
    LogOpened,
    LossCounted,
    MaintenanceCut,
    MaintenanceDeclared,
    OperatorAct,
    SeriesDefined,
    SilenceDeclared,
    SilenceEnded,
)
from monitor.ledger.signer import Cosigner, Signer
from monitor.ledger.witness import Cosigned, cosignature_line, read_cosignature
from monitor.model import Delivery, FaultKind, OutboxRow
from monitor.store.ledger import Commit, Committed, Ledger, Message

ORIGIN = "agent.example/log"
KEY = Signer(name=ORIGIN, key=Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER_KEY = Signer(name=ORIGIN, key=Ed25519PrivateKey.from_private_bytes(bytes(32)))
START_US = 1_790_000_000_000_000
MINUTE_US = 60_000_000
HOUR_MS = 3_600_000
POSTURE = b"posture of a certificate"
TEXT = b"agent:\n  origin: agent.example/log\n"


def digest(content: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(content).digest()


def opened(origin: str = ORIGIN) -> bytes:
    """The first entry."""
    return LogOpened(origin=origin, vantage="kupang", opened_us=START_US, previous=None).to_bytes()


def anchored(wall_us: int = START_US, why: str = "start") -> bytes:
    """A clock anchor."""
    return ClockAnchored(
        wall_us=wall_us, boottime_ns=0, boot_id="boot", why=why, step_us=0
    ).to_bytes()


def series(number: int, interval_us: int = MINUTE_US, check: str = "icmp") -> bytes:
    """A series' definition."""
    return SeriesDefined(
        number=number,
        target=f"link-{number}",
        kind="link",
        definition="d",
        check=check,
        family=4,
        vantage="kupang",
        interval_us=interval_us,
        rules=("base/answers", "base/loss"),
        withdrawn=False,
    ).to_bytes()


def observation(
    number: int,
    at_ms: int,
    judgement: int = 0,
    delays: tuple[int | None, ...] = (1_000, None, 3_000),
    fault: FaultKind | None = None,
    record: bytes | None = None,
) -> Row:
    """One observation; judgement 0 is available, 1 unavailable, 2 unobserved."""
    measures = ((None if fault else delays), None if fault else len(delays))
    return Row(number, at_ms, 5, judgement, fault, record, measures)


def batch(rows: Sequence[Row], anchor: int = 1) -> bytes:
    """The rows as one entry."""
    records: list[bytes] = []
    group = group_rows("icmp", ("delays_us", "sent"), list(rows), records)
    return Batch(
        anchor=anchor, wall_us=START_US, boottime_ns=0, records=tuple(records), groups=(group,)
    ).to_bytes()


def stepped(incident: int | None, step: int, act: str, at_us: int = START_US) -> bytes:
    """A step of an incident."""
    return IncidentStepped(
        incident=incident,
        step=step,
        act=act,
        target="link-0",
        check="icmp",
        family=4,
        policy="base",
        rule="answers",
        severity=2,
        reasons=("loss 1.00 > 0.05",),
        since_us=at_us - MINUTE_US,
        at_us=at_us,
        author="ayu" if act == "acknowledged" else "",
    ).to_bytes()


def message(incident: int | None = None, position: int | None = None, step: int = 0) -> Message:
    """An alert about a step."""

    def row(number: int) -> OutboxRow:
        name = hashlib.sha256(f"{number}/{step}".encode()).hexdigest()
        return OutboxRow(
            id=name, incident=number, step=step, route="noc", payload="{}", created_us=START_US
        )

    return Message(row=row, incident=incident, position=position)


def settled(name: str, attempt: int = 1) -> tuple[bytes, Delivery]:
    """The receipt of an alert: its entry, and what the outbox gets."""
    delivery = Delivery(
        id=name, route="noc", attempt=attempt, at_us=START_US, delivered=True, receipt="ok"
    )
    entry = AlertSettled(
        alert=name, route="noc", attempt=attempt, at_us=START_US, delivered=True, receipt="ok"
    )
    return entry.to_bytes(), delivery


def append(ledger: Ledger, *entries: bytes, **more: object) -> Committed:
    """Commit entries in one transaction."""
    commit = Commit(entries=entries, at_us=START_US + ledger.size * MINUTE_US, **more)  # type: ignore[arg-type]
    return ledger.append(commit)


@contextmanager
def ledger_at(url: str, mark: Path, key: Signer = KEY) -> Iterator[Ledger]:
    """An open ledger, closed afterwards."""
    ledger = Ledger.open(url, key, mark)
    try:
        yield ledger
    finally:
        ledger.close(START_US)


WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
WITNESS = Cosigner(name="witness.example", key=WITNESS_KEY, time=0).verifier


def cosigned(ledger: Ledger, at_s: int, key: Ed25519PrivateKey = WITNESS_KEY) -> Cosigned:
    """What a witness of this key makes of the log's newest checkpoint."""
    assert ledger.note is not None
    cosigner = Cosigner(name=WITNESS.name, key=key, time=at_s)
    head = read_unverified(ledger.note)
    line = cosignature_line(head, cosigner)
    return read_cosignature(line, ledger.note, ledger.signer.verifier, cosigner.verifier)


def begin(ledger: Ledger, count: int = 3) -> None:
    """Log, clock, configuration and series."""
    texts = {"agent.yaml": digest(TEXT)}
    append(
        ledger,
        opened(),
        anchored(),
        ConfigurationInForce(at_us=START_US, texts=texts, program="0.1.0").to_bytes(),
        *(series(number) for number in range(count)),
        records={digest(TEXT): TEXT},
    )


def maintenance(since_us: int, until_us: int, at_us: int, *targets: str) -> bytes:
    """A notice of maintenance."""
    return MaintenanceDeclared(
        targets=targets,
        since_us=since_us,
        until_us=until_us,
        author="ayu",
        reason="fibre works",
        at_us=at_us,
    ).to_bytes()


def exclusion(since_us: int, until_us: int, at_us: int, target: str = "link-0") -> bytes:
    """A proposed exclusion."""
    return ExclusionProposed(
        target=target,
        since_us=since_us,
        until_us=until_us,
        cause="power",
        incident=None,
        author="ayu",
        reason="letter 12/PLN",
        at_us=at_us,
    ).to_bytes()


def decided(number: int, at_us: int, author: str = "budi", approved: bool = True) -> bytes:
    """A decision about an exclusion."""
    return ExclusionDecided(
        exclusion=number, approved=approved, author=author, reason="", at_us=at_us
    ).to_bytes()


def cut(number: int, until_us: int, at_us: int) -> bytes:
    """A maintenance made shorter."""
    return MaintenanceCut(
        maintenance=number, until_us=until_us, author="ayu", reason="done", at_us=at_us
    ).to_bytes()


def silence(at_us: int, until_us: int, *targets: str, **more: tuple[str, ...]) -> bytes:
    """A silence about targets, or about `tags` and `rules`."""
    about = {"targets": targets, "tags": (), "rules": (), **more}
    return SilenceDeclared(
        **about, until_us=until_us, author="ayu", reason="known", at_us=at_us
    ).to_bytes()


def silence_ended(number: int, at_us: int, author: str = "budi") -> bytes:
    """A silence that is over."""
    return SilenceEnded(silence=number, author=author, reason="", at_us=at_us).to_bytes()


def held_back(by: int, incident: int | None = None, cause: str = "silence") -> bytes:
    """A message that is held back; of the incident that the entry before opened, or of this."""
    return AlertHeld(
        incident=incident, cause=cause, by=by, routes=("noc",), at_us=START_US
    ).to_bytes()


def released(by: int, cause: str = "silence", at_us: int = START_US) -> bytes:
    """What one hold held back is let go."""
    return AlertsReleased(cause=cause, by=by, counts={"held": 1}, at_us=at_us).to_bytes()


def silenced(ledger: Ledger, *incidents: int) -> None:
    """Silences that stand and that are over; messages that are held back and let go."""
    now, hour = START_US, 60 * MINUTE_US
    first = append(
        ledger,
        silence(now, now + hour, "link-0"),
        silence(now, now + hour, tags=("ring=1",), rules=("base/answers",)),
        silence(now, now + hour, "link-1"),
    ).first
    append(ledger, *(held_back(first + n, number) for n, number in enumerate(incidents)))
    append(
        ledger,
        silence_ended(first, now + MINUTE_US),
        released(first, at_us=now + MINUTE_US),
        silence_ended(first + 2, now + hour, author=""),
    )


def declared(ledger: Ledger) -> None:
    """Declarations of every standing: cut, called off, proposed, approved, refused."""
    now, hour = START_US, 60 * MINUTE_US
    first = append(
        ledger,
        maintenance(now + hour, now + 2 * hour, now, "link-0", "link-1"),
        maintenance(now + 3 * hour, now + 4 * hour, now, "link-2"),
        exclusion(now - 3 * hour, now - 2 * hour, now),
        exclusion(now - 3 * hour, now - hour, now, "link-1"),
        exclusion(now - 2 * hour, now - hour, now, "link-2"),
    ).first
    append(
        ledger,
        cut(first, now + hour + MINUTE_US, now + hour),
        decided(first + 2, now + hour),
        decided(first + 3, now + hour, approved=False),
    )


def rich(ledger: Ledger, rounds: int = 40) -> None:
    """Every kind of entry, every derived table with several rows, every checkpoint kept."""
    begin(ledger)
    for turn in range(rounds):
        at_ms = turn * 10 * 60_000 % (rounds * HOUR_MS)
        rows = [observation(n, at_ms, judgement=(turn // (n + 2)) % 3) for n in range(2)]
        rows.append(observation(2, at_ms, record=digest(POSTURE)))
        if turn % 7 == 6:
            rows[0] = observation(0, at_ms, 8, fault=FaultKind.RESOLVER)
        append(ledger, batch(rows), records={digest(POSTURE): POSTURE})
    first = append(
        ledger,
        stepped(None, 0, "opened"),
        stepped(None, 0, "opened"),
        messages=[message(position=0)],
    )
    append(
        ledger,
        stepped(first.first, 1, "acknowledged"),
        LabelSet(
            label="unreachable", target="link-1", cause="core", since_us=1, until_us=None
        ).to_bytes(),
        LabelSet(
            label="blind", target="agent", cause="agent", since_us=1, until_us=None
        ).to_bytes(),
    )
    silenced(ledger, first.first, first.first + 1)
    receipt, delivery = settled(first.outbox[0].id)
    append(
        ledger,
        stepped(first.first, 2, "closed"),
        LabelSet(
            label="unreachable", target="link-1", cause="core", since_us=1, until_us=9
        ).to_bytes(),
        receipt,
        messages=[message(incident=first.first, step=2)],
        settled=[delivery],
    )
    declared(ledger)
    append(
        ledger,
        LossCounted(since_us=0, until_us=9, counts={"late": 3}).to_bytes(),
        OperatorAct(
            act="check",
            author="ayu",
            reason="complaint",
            at_us=START_US,
            detail={"observations": ({"record": digest(b"seen"), "n": 1},)},
        ).to_bytes(),
        AgentStopped(at_us=START_US, why="signal").to_bytes(),
        records={digest(b"seen"): b"seen"},
    )
