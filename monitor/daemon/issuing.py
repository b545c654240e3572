"""An issued report as an entry: which files, by their SHA-256, of which period and tree."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from monitor.daemon.control import Answer, ControlError
from monitor.daemon.shared import Shared
from monitor.ledger.entry import OperatorAct
from monitor.ledger.merkle import HASH_BYTES
from monitor.store.pruning import REPORT_ISSUED

MOST_FILES = 64
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")


def issue_of(request: Mapping[str, Any], author: str, at_us: int) -> OperatorAct:
    """The entry that a request asks for; ControlError where it describes no report."""
    period, files, root = (request.get(name) for name in ("period", "files", "root"))
    moments = [request.get(name) for name in ("from_us", "until_us", "size")]
    if not isinstance(period, str) or not 0 < len(period) <= 64 or not period.isascii():
        raise ControlError("report.issue")
    if not all(type(one) is int and 0 <= one < 1 << 60 for one in moments):
        raise ControlError("report.issue")
    if not isinstance(files, Mapping) or not 0 < len(files) <= MOST_FILES:
        raise ControlError("report.issue")
    named = {_matched(_NAME, name): _matched(_HASH, files[name]) for name in files}
    if len(_matched(_HASH, root)) != 2 * HASH_BYTES:
        raise ControlError("report.issue")
    from_us, until_us, size = moments
    detail = {
        "period": period,
        "from_us": from_us,
        "until_us": until_us,
        "size": size,
        "root": bytes.fromhex(str(root)),
        "files": {name: bytes.fromhex(digest) for name, digest in named.items()},
    }
    return OperatorAct(act=REPORT_ISSUED, author=author, reason="", at_us=at_us, detail=detail)


def _matched(form: re.Pattern[str], value: object) -> str:
    if isinstance(value, str) and form.fullmatch(value):
        return value
    raise ControlError("report.issue")


def answers(daemon: Shared, issued: Callable[[str], None]) -> Mapping[str, Answer]:
    """The command of the socket that issues; `issued` hears of the period beside its entry."""

    async def issue(request: Mapping[str, Any], author: str) -> Any:
        at_us = daemon.now_us()
        act, period = issue_of(request, author, at_us), str(request["period"])
        beside = partial(issued, period)
        return {"entry": await daemon.entries.appended(act, {}, beside)}

    return {REPORT_ISSUED: issue}
