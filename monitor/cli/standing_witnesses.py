"""The witnesses in `sasando now`: up to where each has cosigned, and what is wrong with it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from monitor.text import Language, say, values_of

if TYPE_CHECKING:
    from monitor.config.configuration import Agent

_LAST_SECOND = 253_402_300_799
"""The end of the year 9999."""


def offline_witnesses(
    agent: "Agent", cosigned: Mapping[str, tuple[int, bytes]]
) -> list[dict[str, Any]]:
    """What the database keeps of each configured witness; `verify` checks it."""
    from monitor.ledger.witness import short_name

    return [
        {
            "name": plan.name,
            **_kept(short_name(plan.verifier), cosigned),
            "cosigned": None,
            "failures": None,
            "failing": None,
            "conflict": None,
            "trouble": None,
            "failed": None,
        }
        for plan in agent.witnesses
    ]


def _kept(witness: str, cosigned: Mapping[str, tuple[int, bytes]]) -> dict[str, Any]:
    from monitor.ledger.errors import LedgerError
    from monitor.ledger.note import parse_unverified

    size, note = cosigned.get(witness, (None, b""))
    times: dict[str, int] = {}
    try:
        signatures = parse_unverified(note).signatures if note else ()
        times = {f"{s.name}+{s.key_id.hex()}": s.cosigned_at() for s in signatures}
    except LedgerError:
        pass  # altered: `verify` says so
    at_s = times.get(witness)
    shown = at_s is not None and at_s <= _LAST_SECOND
    at = datetime.fromtimestamp(at_s or 0, UTC).isoformat().replace("+00:00", "Z")
    return {"size": size, "at": at if shown else None}


def witness_lines(
    witnesses: Sequence[Mapping[str, Any]], local: Callable[[str | None], str], lang: Language
) -> list[str]:
    """A line for each witness, and one more for what is wrong with it."""
    said = []
    for one in witnesses:
        key = "cli.now-witness-never" if one["size"] is None else "cli.now-witness"
        said.append(
            say(key, lang, name=one["name"], size=one["size"] or 0, moment=local(one["at"]))
        )
        if one["trouble"]:
            why = say(one["trouble"]["code"], lang, **values_of(one["trouble"]["values"]))
            key = "cli.now-witness-conflict" if one["conflict"] else "cli.now-witness-failing"
            said.append(say(key, lang, name=one["name"], why=why, failed=local(one["failed"])))
    return said
