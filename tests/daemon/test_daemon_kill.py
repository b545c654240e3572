"""kill -9 at random moments under load, again and again.

SASANDO_KILLS is how often (default 8; 50 is the acceptance run), SASANDO_SEED repeats a run.
"""

import os
import random
import time
from pathlib import Path

import pytest

from alerts.payload import alert_id
from monitor.daemon.control import ControlError, NoDaemonError
from monitor.ledger.entry import BATCH_CODE, IncidentStepped, OperatorAct, code_of, read_record
from tests.daemon.place import ORIGIN, Place
from tests.daemon.ports import Ports
from tests.daemon.process import PATIENCE_S, Agent, eventually
from tests.lab.receivers import Webhook

KILLS = int(os.environ.get("SASANDO_KILLS", "8"))
STEADY, FLAPPING = 120, 30
WORK_S = (0.2, 2.5)
"""How long the daemon works after it is ready before it is killed: none, one or a few commits."""


class Witness:
    """What the daemon has told the outside, which no kill may take back."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.size = 0
        self.acts: dict[int, str] = {}
        self.entries: list[bytes] = []
        self.reasons = 0

    def ask(self) -> None:
        """Ask for the size, or for an act that is acknowledged with its index."""
        try:
            size = self.place.ask("now")["ledger"]["size"]
            assert size >= self.size
            self.size = size
            self.reasons += 1
            reason = f"act {self.reasons}"
            found = self.place.ask("check", targets=["steady0"], reason=reason)
            self.acts[found[0]["entry"]] = reason
        except (NoDaemonError, ControlError):
            return  # killed while it answered, or not there yet

    def look(self) -> None:
        """Everything that was ever seen is still there, byte for byte, without a gap."""
        entries = self.place.raw_entries()
        assert len(entries) >= max(self.size, len(self.entries))
        assert entries[: len(self.entries)] == self.entries
        self.entries = entries
        for index, reason in self.acts.items():
            act = read_record(entries[index])
            assert isinstance(act, OperatorAct)
            assert act.reason == reason

    def steps(self) -> list[tuple[int, IncidentStepped]]:
        """(incident, step) of every committed step."""
        found = []
        for index, raw in enumerate(self.entries):
            if code_of(raw) != BATCH_CODE and isinstance(step := read_record(raw), IncidentStepped):
                found.append((index if step.incident is None else step.incident, step))
        return found


@pytest.mark.timeout(60 + 12 * KILLS)
def test_nothing_committed_is_lost_and_no_alert_goes_missing(root: Path, hook: Webhook) -> None:
    """However often the daemon is killed, entries, sequence and alerts stay whole."""
    seed = os.environ.get("SASANDO_SEED", str(random.SystemRandom().randrange(1 << 32)))
    chance, begun = random.Random(seed), time.monotonic()
    place = Place(root=root, routes={"noc": hook.url()}, interval="300ms")
    with Ports(STEADY + FLAPPING) as ports:
        for number in range(STEADY):
            place.tcp(f"steady{number}", ports.url(number))
        for number in range(STEADY, STEADY + FLAPPING):
            place.tcp(f"flapping{number}", ports.url(number))
        place.make()
        witness = Witness(place)
        for _ in range(KILLS):
            _work_and_die(place, ports, witness, chance)
            witness.look()
        with Agent(place) as agent:
            agent.ready()
            for number in range(STEADY, STEADY + FLAPPING):
                ports.open(number)
            agent.await_now("no incident", lambda now: not now["incidents"])
            agent.await_now("no alert waits", lambda now: now["alerts_waiting"] == 0)
            assert agent.stop() == 0
    witness.look()
    place.require_intact()
    wanted = {alert_id(ORIGIN, i, step.step, "noc") for i, step in witness.steps()}
    received = [message.id for message in hook.accepted]
    assert len(wanted) == len(witness.steps()) > KILLS
    assert set(received) == wanted
    _require_settled(place, wanted)
    print(
        f"\nkilled {KILLS} times (seed {seed}) in {time.monotonic() - begun:.0f} s: "
        f"{len(witness.entries)} entries, {len(witness.acts)} acknowledged acts kept, "
        f"{len(wanted)} incident steps committed, {len(set(received))} distinct ids received, "
        f"{len(received) - len(set(received))} repetitions; verify intact"
    )


def _work_and_die(place: Place, ports: Ports, witness: Witness, chance: random.Random) -> None:
    with Agent(place) as agent:
        until = None
        deadline = time.monotonic() + PATIENCE_S
        while until is None or time.monotonic() < until:
            assert agent.process.poll() is None, agent.told()
            assert time.monotonic() < deadline
            ports.flip(chance.randrange(STEADY, STEADY + FLAPPING))
            try:
                agent.notify.await_field("READY", "1", 0.01)
                until = time.monotonic() + chance.uniform(*WORK_S)
            except TimeoutError:
                pass
            if until is not None:
                witness.ask()
        agent.kill()


def _require_settled(place: Place, wanted: set[str]) -> None:
    """Every message has its receipt: an id in the outbox is settled as delivered."""
    rows = {row[0]: row for row in place.rows("outbox")}
    assert set(rows) == wanted
    eventually("settled", lambda: all(row[6] is not None and row[7] for row in rows.values()), 1)
