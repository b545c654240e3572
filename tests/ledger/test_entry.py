"""Every kind of entry: its bytes, its fields, and hostile ones."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger import entry as module
from monitor.ledger.entry import (
    BATCH_CODE,
    EXCLUSION_CAUSES,
    HOLD_CAUSES,
    MAGIC,
    MAX_ENTRY_BYTES,
    MAX_SILENCE_US,
    RECORDS,
    AgentStopped,
    AlertHeld,
    AlertsReleased,
    EntryError,
    ExclusionProposed,
    IncidentStepped,
    KeyRotated,
    LogOpened,
    MaintenanceCut,
    MaintenanceDeclared,
    OperatorAct,
    Record,
    SeriesDefined,
    SilenceDeclared,
    code_of,
    frame,
    read_record,
)
from monitor.ledger.wire import encode
from monitor.model import Act, IncidentStep, Severity

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
TIMES = st.integers(-(1 << 60), 1 << 60)
TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
OF_FIELD = {
    "wall_us": TIMES,
    "number": st.integers(0, 1 << 40),
    "interval_us": st.integers(1, module.MAX_INTERVAL_US),
    "family": st.sampled_from([0, 4, 6]),
    "severity": st.sampled_from([0, 1, 2]),
    "texts": st.dictionaries(TEXTS, st.binary(min_size=32, max_size=32), max_size=3),
    "counts": st.dictionaries(TEXTS, INT64, max_size=3),
    "boundary": st.integers(1, 1 << 40).map(lambda tiles: tiles * module.PRUNING_STEP),
    "state": st.binary(min_size=32, max_size=32),
    "token": st.binary(min_size=32, max_size=32),
    "size": st.integers(1, 1 << 40),
    "outcome": st.sampled_from(module.RUN_OUTCOMES),
    "detail": st.dictionaries(TEXTS, st.none() | INT64 | TEXTS | st.binary(), max_size=3),
}
OF_TYPE: dict[Any, Any] = {
    int: INT64,
    str: TEXTS,
    bool: st.booleans(),
    int | None: st.none() | INT64,
    str | None: st.none() | TEXTS,
    tuple[str, ...]: st.lists(TEXTS, max_size=3).map(tuple),
}
STEPS = st.one_of(
    st.fixed_dictionaries({"act": st.just("opened"), "step": st.just(0), "incident": st.none()}),
    st.fixed_dictionaries(
        {
            "act": st.sampled_from(["closed", "withdrawn", "acknowledged"]),
            "step": st.integers(1, 99),
            "incident": st.integers(0, 1 << 40),
        }
    ),
)

TIMES = st.lists(st.integers(0, 1 << 40), min_size=3, max_size=3, unique=True).map(sorted)
AGREEING = {
    IncidentStepped: STEPS,
    MaintenanceDeclared: st.builds(
        lambda times, targets: {
            **dict(zip(("at_us", "since_us", "until_us"), times, strict=True)),
            "targets": tuple(targets),
        },
        TIMES,
        st.lists(TEXTS, min_size=1, max_size=3, unique=True),
    ),
    KeyRotated: st.lists(TEXTS, min_size=2, max_size=2, unique=True).map(
        lambda keys: dict(zip(("previous", "next"), keys, strict=True))
    ),
    MaintenanceCut: TIMES.map(lambda times: {"at_us": times[0], "until_us": times[1]}),
    SilenceDeclared: st.builds(
        lambda at_us, length, tags: {
            "at_us": at_us,
            "until_us": at_us + length,
            "tags": tuple(f"{tag}=x" for tag in tags),
        },
        st.integers(0, 1 << 40),
        st.integers(1, MAX_SILENCE_US),
        st.lists(st.sampled_from(["ring", "kind"]), min_size=1, max_size=2),
    ),
    AlertHeld: st.builds(
        lambda cause, by: {"cause": cause, "by": by},
        st.sampled_from(HOLD_CAUSES),
        st.integers(0, 1 << 40),
    ),
    AlertsReleased: st.sampled_from(HOLD_CAUSES).map(lambda cause: {"cause": cause}),
    ExclusionProposed: st.builds(
        lambda times, cause: {
            **dict(zip(("since_us", "until_us", "at_us"), times, strict=True)),
            "cause": cause,
        },
        TIMES,
        st.sampled_from(EXCLUSION_CAUSES),
    ),
}
"""Fields that a kind wants to agree with one another."""


def records(kind: type[Record]) -> st.SearchStrategy[Record]:
    """Any valid record of a kind."""
    values = {
        f.name: OF_FIELD[f.name] if f.name in OF_FIELD else OF_TYPE[f.type] for f in fields(kind)
    }
    plain = st.fixed_dictionaries(values)
    agreeing = AGREEING.get(kind)
    if agreeing is not None:
        plain = st.tuples(plain, agreeing).map(lambda two: {**two[0], **two[1]})
    return plain.map(lambda chosen: kind(**chosen))


ANY = st.one_of(*[records(kind) for kind in RECORDS.values()])
A_SERIES = SeriesDefined(
    number=0,
    target="t",
    kind="link",
    definition="d",
    check="icmp",
    family=4,
    vantage="v",
    interval_us=1,
    rules=(),
    withdrawn=False,
)


@pytest.mark.parametrize("kind", RECORDS.values())
@given(data=st.data())
def test_every_kind_comes_back_from_its_bytes(kind: type[Record], data: st.DataObject) -> None:
    """The same record, and the same bytes again."""
    record = data.draw(records(kind))
    raw = record.to_bytes()
    assert code_of(raw) == kind.CODE
    assert read_record(raw) == record
    assert read_record(raw).to_bytes() == raw


def test_every_kind_has_a_code_of_its_own() -> None:
    """Also none has that of a batch."""
    kinds = {kind.__name__: kind for kind in Record.__subclasses__()}
    assert len({kind.CODE for kind in kinds.values()} | {BATCH_CODE}) == len(kinds) + 1
    assert {kind.__name__ for kind in RECORDS.values()} == set(kinds)


@given(ANY, st.data())
def test_damaged_bytes_are_another_entry_or_none(record: Record, data: st.DataObject) -> None:
    """Nothing but EntryError is raised, and no damage goes unseen."""
    raw = bytearray(record.to_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        changed = read_record(bytes(raw))
    except EntryError:
        return
    assert changed.to_bytes() == bytes(raw)
    assert changed != record


@given(
    st.binary(max_size=100), st.sampled_from([b"", MAGIC, *(MAGIC + bytes([c]) for c in RECORDS)])
)
def test_any_bytes_are_an_entry_or_an_entry_error(raw: bytes, before: bytes) -> None:
    """Never anything else."""
    try:
        record = read_record(before + raw)
    except EntryError:
        return
    assert record.to_bytes() == before + raw


@pytest.mark.parametrize("kind", RECORDS.values())
@pytest.mark.parametrize("wrong", [1.5, 1 << 63, (1,), b"\xff", {"a": None}, [None], "\ud800"])
def test_a_field_of_another_type_is_neither_written_nor_read(
    kind: type[Record], wrong: object
) -> None:
    """Every field of every kind knows its type; `detail` alone takes any map."""
    valid = _sample(kind)
    for f in fields(kind):
        if f.name == "detail" and wrong == {"a": None}:
            continue
        values = {g.name: getattr(valid, g.name) for g in fields(kind)} | {f.name: wrong}
        with pytest.raises(EntryError):
            kind(**values).to_bytes()
        if wrong in (1.5, "\ud800"):
            continue
        with pytest.raises(EntryError):
            read_record(MAGIC + bytes([kind.CODE]) + encode(values))


def _sample(kind: type[Record]) -> Record:
    """One valid record of a kind."""
    of_type: dict[Any, Any] = {
        bytes: bytes(32),
        int: 1,
        str: "x",
        bool: True,
        int | None: None,
        str | None: None,
    }
    of_name = (
        {"family": 4, "act": "opened", "step": 0}
        if kind is IncidentStepped
        else {"family": 4, "boundary": 256, "next": "y"}
    )
    values = {}
    for f in fields(kind):
        values[f.name] = of_name.get(f.name, of_type.get(f.type, {}))
        if f.type == tuple[str, ...]:
            values[f.name] = ()
    return kind(**values)


@pytest.mark.parametrize("change", [{"extra": 1}, {"at_us": ...}])
def test_a_missing_or_unknown_field_is_refused(change: dict[str, Any]) -> None:
    """A new field is a new version."""
    values: dict[str, Any] = {"at_us": 1, "why": "x"} | change
    values = {name: value for name, value in values.items() if value is not ...}
    with pytest.raises(EntryError):
        read_record(frame(AgentStopped.CODE, encode(values)))


@pytest.mark.parametrize(
    "change",
    [
        {"act": "exploded"},
        {"severity": 3},
        {"family": 5},
        {"step": 1},
        {"incident": 3},
        {"act": "closed"},
        {"act": "closed", "incident": 3},
    ],
)
def test_a_step_that_contradicts_itself_is_refused(change: dict[str, Any]) -> None:
    """An opening is step 0 of no incident yet; everything else is a later step of one."""
    good = _sample(IncidentStepped)
    values = {f.name: getattr(good, f.name) for f in fields(good)} | change
    with pytest.raises(EntryError):
        IncidentStepped(**values).to_bytes()


@pytest.mark.parametrize("change", [{"number": -1}, {"interval_us": 0}, {"family": 7}])
def test_a_series_that_cannot_be_is_refused(change: dict[str, Any]) -> None:
    """Its number indexes columns, its interval divides time."""
    values = {f.name: getattr(A_SERIES, f.name) for f in fields(A_SERIES)} | change
    with pytest.raises(EntryError):
        SeriesDefined(**values).to_bytes()


def test_a_step_goes_to_its_entry_and_back() -> None:
    """An opening step is named by the index of its own entry."""
    step = IncidentStep(
        incident=None,
        step=0,
        act=Act.OPENED,
        target="t",
        check="icmp",
        family=4,
        policy="p",
        rule="r",
        severity=Severity.CRITICAL,
        reasons=("loss 1.00 > 0.05",),
        since_us=1,
        at_us=2,
    )
    entry = read_record(IncidentStepped.of(step).to_bytes())
    assert isinstance(entry, IncidentStepped)
    back = entry.as_step(7)
    assert (back.incident, back.act, back.severity) == (7, Act.OPENED, Severity.CRITICAL)


def test_an_entry_is_at_most_what_a_bundle_takes() -> None:
    """65,535 bytes fit; one more is refused when written and when read."""
    room = MAX_ENTRY_BYTES - len(
        LogOpened(origin="", vantage="v", opened_us=1, previous=None).to_bytes()
    )
    fits = LogOpened(origin="o" * (room - 2), vantage="v", opened_us=1, previous=None).to_bytes()
    assert len(fits) == MAX_ENTRY_BYTES
    assert read_record(fits)
    with pytest.raises(EntryError):
        OperatorAct(act="", author="", reason="r" * 65_536, at_us=0, detail={}).to_bytes()
    with pytest.raises(EntryError):
        code_of(MAGIC + b"\x02" + b"x" * MAX_ENTRY_BYTES)
