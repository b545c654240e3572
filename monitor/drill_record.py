"""The raw singletons and paths of a drill as an evidence record, and back. Pure.

A wire map: `drill` (the version, 1), `spacing_us`, `timeout_us`, `late_us` (by number: how much
later than `number * spacing_us` it was sent), `fates` (by number: the delay in µs, `LOST` or
`UNMEASURED`), `paths` (each with `at_us`, `routers` or null, `fault`). The figures of the entry
that names the record follow from it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

from monitor.drill import SPACING_US, TIMEOUT_US, Fate, PathSeen, Singleton
from monitor.ledger.wire import WireError, decode, encode

LOST: Final = -1
UNMEASURED: Final = -2
VERSION: Final = 1
MOST_SINGLETONS: Final = 20_000
"""Half an hour has 18,000."""
MOST_PATHS: Final = 1_000
MOST_ROUTERS: Final = 64
ROUTER_CHARACTERS: Final = 64


class DrillRecordError(ValueError):
    """The bytes are no record of a drill of a version that this program knows."""


def to_record(singletons: Sequence[Singleton], paths: Sequence[PathSeen]) -> bytes:
    """The record; the singletons are numbered from 0 without a hole."""
    return encode(
        {
            "drill": VERSION,
            "spacing_us": SPACING_US,
            "timeout_us": TIMEOUT_US,
            "late_us": [one.sent_us - one.number * SPACING_US for one in singletons],
            "fates": [_code(one) for one in singletons],
            "paths": [
                {"at_us": path.at_us, "routers": path.routers, "fault": path.fault}
                for path in paths[:MOST_PATHS]
            ],
        }
    )


def from_record(raw: bytes) -> tuple[tuple[Singleton, ...], tuple[PathSeen, ...]]:
    """What `to_record` was given; DrillRecordError for anything else."""
    try:
        values = decode(raw)
    except WireError as error:
        raise DrillRecordError("not the record of a drill of version 1") from error
    if not isinstance(values, Mapping) or values.get("drill") != VERSION:
        raise DrillRecordError("not the record of a drill of version 1")
    spacing_us, late_us = values.get("spacing_us"), values.get("late_us")
    fates = values.get("fates")
    if not (_whole(spacing_us) and _wholes(late_us) and _wholes(fates)):
        raise DrillRecordError("a column is none")
    if len(late_us) != len(fates) or len(fates) > MOST_SINGLETONS:
        raise DrillRecordError("the columns are of different lengths, or too long")
    singletons = tuple(
        _singleton(number, number * spacing_us + late, fate)
        for number, (late, fate) in enumerate(zip(late_us, fates, strict=True))
    )
    return singletons, _paths(values.get("paths"))


def _code(one: Singleton) -> int:
    if one.fate is Fate.ANSWERED and one.delay_us is not None:
        return one.delay_us
    return LOST if one.fate is Fate.LOST else UNMEASURED


def _singleton(number: int, sent_us: int, code: int) -> Singleton:
    if code >= 0:
        return Singleton(number=number, sent_us=sent_us, fate=Fate.ANSWERED, delay_us=code)
    if code not in (LOST, UNMEASURED):
        raise DrillRecordError(f"no singleton ends as {code}")
    fate = Fate.LOST if code == LOST else Fate.UNMEASURED
    return Singleton(number=number, sent_us=sent_us, fate=fate)


def _paths(values: object) -> tuple[PathSeen, ...]:
    if not isinstance(values, tuple) or len(values) > MOST_PATHS:
        raise DrillRecordError("the paths are no list, or too many")
    return tuple(_path(value) for value in values)


def _path(value: Any) -> PathSeen:
    if not isinstance(value, Mapping) or set(value) != {"at_us", "routers", "fault"}:
        raise DrillRecordError("a path is none")
    routers, fault = value["routers"], value["fault"]
    if not _whole(value["at_us"]) or not isinstance(fault, str):
        raise DrillRecordError("a path is none")
    if routers is not None and not (
        isinstance(routers, tuple)
        and len(routers) <= MOST_ROUTERS
        and all(isinstance(one, str) for one in routers)
    ):
        raise DrillRecordError("the routers of a path are none")
    return PathSeen(at_us=value["at_us"], routers=routers, fault=fault)


def _whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _wholes(value: object) -> TypeGuard[tuple[int, ...]]:
    return isinstance(value, tuple) and all(map(_whole, value))
