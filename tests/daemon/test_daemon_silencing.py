"""Acknowledgements and silences through the control socket, over a restart."""

import asyncio
from typing import Any

import pytest

from monitor.daemon.control import ControlError, ask
from monitor.daemon.service import Daemon
from monitor.ledger.entry import AlertHeld, IncidentStepped, SilenceDeclared, SilenceEnded
from tests.cli.running_command import Inside
from tests.daemon.inside import run_inside, until
from tests.daemon.place import Place
from tests.daemon.ports import Ports
from tests.lab.receivers import Webhook

HOUR_US = 3_600_000_000


def test_a_silence_and_an_acknowledgement_outlive_a_restart(
    place: Place, hook: Webhook, ports: Ports, capsys: pytest.CaptureFixture[str]
) -> None:
    """What fails while it is silenced is told to nobody, and shown with who has it; both stay."""
    seen: dict[str, Any] = {}

    async def asked(command: str, **request: Any) -> Any:
        return await asyncio.to_thread(ask, place.control, command, **request)

    async def first(daemon: Daemon) -> None:
        found = await asked(
            "silence", act="silence", targets=["p0"], length_us=HOUR_US, reason="moved"
        )
        seen["silence"] = found["entry"]
        ports.shut(0)
        await until("an incident", lambda: daemon.writer.view.incidents)
        number = next(iter(daemon.writer.view.incidents))
        seen["ack"] = (await asked("ack", id=number, reason="mine"))["entry"]
        for wrong, code in ((number, "silence.ack-twice"), (10**6, "declare.no-incident")):
            with pytest.raises(ControlError) as refused:
                await asked("ack", id=wrong)
            assert refused.value.code == code
        seen["incident"] = number

    async def second(daemon: Daemon) -> None:
        now = await asked("now")
        (incident,) = [one for one in now["incidents"] if one["id"] == seen["incident"]]
        assert incident["acknowledgement"] == "mine"
        assert incident["acknowledged_by"]
        assert incident["acknowledged"]
        assert (incident["held"]["cause"], incident["held"]["by"]) == ("silence", seen["silence"])
        assert [one["id"] for one in now["silences"]] == [seen["silence"]]
        assert now["silences"][0]["held"] >= 1
        assert hook.accepted == []
        await asked("silence", act="silence-end", id=seen["silence"], reason="done")
        await until("the late message and the sum", lambda: len(hook.accepted) >= 2)
        assert [row["ended_by"] for row in await asked("silences", all=True)] == [
            incident["acknowledged_by"]
        ]
        assert await asked("silences") == []

    assert run_inside(place, first) == 0
    assert run_inside(place, second) == 0
    (begun,), (ended,) = place.of(SilenceDeclared), place.of(SilenceEnded)
    assert begun.author == ended.author != ""
    assert place.of(AlertHeld)
    steps = [one for one in place.of(IncidentStepped) if one.act == "acknowledged"]
    assert [(one.incident, one.reasons) for one in steps] == [(seen["incident"], ("mine",))]
    place.require_intact()
    listed = Inside(capsys)("incidents", "--lang", "en", "-c", place.configuration)
    assert "mine" in listed.out
