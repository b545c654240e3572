"""The kinds of entries, and the one that given bytes are; the door to `monitor.ledger`'s entries.

What they have in common is in `record`, the kinds in `measuring`, `declaring` and `housekeeping`.
"""

from collections.abc import Mapping

from monitor.ledger.declaring import (
    EXCLUSION_CAUSES,
    HOLD_CAUSES,
    MAX_SILENCE_US,
    AlertHeld,
    AlertsReleased,
    ExclusionDecided,
    ExclusionProposed,
    MaintenanceCut,
    MaintenanceDeclared,
    SilenceDeclared,
    SilenceEnded,
)
from monitor.ledger.housekeeping import (
    PRUNING_STEP,
    RUN_OUTCOMES,
    CalendarRan,
    CheckpointStamped,
    KeyRotated,
    LogPruned,
)
from monitor.ledger.measuring import (
    AgentStopped,
    AlertSettled,
    ClockAnchored,
    ConfigurationInForce,
    IncidentStepped,
    LabelSet,
    LogOpened,
    LossCounted,
    OperatorAct,
    SeriesDefined,
)
from monitor.ledger.record import (
    MAGIC,
    MAX_ENTRY_BYTES,
    MAX_INTERVAL_US,
    MAX_TIME_US,
    EntryError,
    Record,
    code_of,
    frame,
    is_int64,
    reason_of,
)
from monitor.ledger.wire import WireError, decode

__all__ = [
    "BATCH_CODE",
    "EXCLUSION_CAUSES",
    "HOLD_CAUSES",
    "MAGIC",
    "MAX_ENTRY_BYTES",
    "MAX_INTERVAL_US",
    "MAX_SILENCE_US",
    "MAX_TIME_US",
    "PRUNING_STEP",
    "RECORDS",
    "RUN_OUTCOMES",
    "AgentStopped",
    "AlertHeld",
    "AlertSettled",
    "AlertsReleased",
    "CalendarRan",
    "CheckpointStamped",
    "ClockAnchored",
    "ConfigurationInForce",
    "EntryError",
    "ExclusionDecided",
    "ExclusionProposed",
    "IncidentStepped",
    "KeyRotated",
    "LabelSet",
    "LogOpened",
    "LogPruned",
    "LossCounted",
    "MaintenanceCut",
    "MaintenanceDeclared",
    "OperatorAct",
    "Record",
    "SeriesDefined",
    "SilenceDeclared",
    "SilenceEnded",
    "code_of",
    "frame",
    "is_int64",
    "read_record",
    "reason_of",
]

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
