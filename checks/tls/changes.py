"""What was seen of each series before: a change, or something bad, is worth a full survey.

Only what is defined both times can have changed: an inconclusive answer is no change.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from checks.base import Assignment

_SERIES = 65_536
"""Series remembered."""
_LEGACY = {"SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1"}
_COMPARED = (
    "protocols",
    "protocols_seen",
    "protocol",
    "cipher",
    "post_quantum",
    "dhe",
    "dh_bits",
    "chain",
    "alpn",
    "client_certificate",
    "compression",
    "renegotiation",
    "sni_missing",
    "sni_wrong",
)

_Key = tuple[str, str, int]
_Mark = tuple[int | None, ...]


class Changes:
    """The last verdict of each series, as hashes; empty after a start."""

    def __init__(self) -> None:
        self._marks: OrderedDict[_Key, _Mark] = OrderedDict()

    def worth_detail(self, assignment: Assignment, fields: Mapping[str, Any]) -> bool:
        """Whether this verdict differs from the last one, or is the first and shows trouble."""
        key = (assignment.target, assignment.check, int(assignment.family))
        mark = _mark(fields)
        before = self._marks.pop(key, None)
        if len(self._marks) >= _SERIES:
            self._marks.popitem(last=False)
        if before is None:
            self._marks[key] = mark
            return troubled(fields)
        pairs = list(zip(before, mark, strict=True))
        # What could not be seen this time is still known from the last time.
        self._marks[key] = tuple(old if new is None else new for old, new in pairs)
        return any(None not in (old, new) and old != new for old, new in pairs)


def troubled(fields: Mapping[str, Any]) -> bool:
    """An old protocol: with which suites? What is outside of a profile is listed anyway."""
    return not _LEGACY.isdisjoint(fields.get("protocols_seen") or ())


def _mark(fields: Mapping[str, Any]) -> _Mark:
    """One number for each compared fact; None where it is undefined."""
    marks = [_hash(fields.get(name)) for name in _COMPARED]
    outside = fields.get("outside")
    # Which suites were found first may differ from time to time; which profiles fail may not.
    failing = None if outside is None else sorted(name for name, bad in outside.items() if bad)
    return (*marks, _hash(failing))


def _hash(value: object) -> int | None:
    return None if value is None else hash(repr(value))
