"""Start, stop, reload and what systemd hears, through the daemon's real door."""

import re
import signal
import stat
import time
from pathlib import Path

from monitor.ledger.entry import (
    AgentStopped,
    AlertSettled,
    ClockAnchored,
    ConfigurationInForce,
    IncidentStepped,
    LogOpened,
    SeriesDefined,
)
from monitor.text import say
from tests.daemon.place import Place
from tests.daemon.ports import Ports
from tests.daemon.process import Agent
from tests.lab.receivers import Webhook


def test_a_breach_and_its_recovery_are_told_and_the_log_is_intact(
    place: Place, ports: Ports, hook: Webhook
) -> None:
    """A port that dies and comes back gives one opening and one closing, in an intact log."""
    with Agent(place) as agent:
        agent.ready()
        ports.shut(1)
        assert "p1" in hook.wait(1)[0].title
        ports.open(1)
        assert "RECOVERED" in hook.wait(2)[1].title
        assert agent.stop() == 0
    assert [step.act for step in place.of(IncidentStepped)] == ["opened", "closed"]
    assert isinstance(place.entries()[0], LogOpened)
    place.require_intact()


def test_sigterm_commits_everything_and_the_stop_is_the_last_entry(
    place: Place, ports: Ports, hook: Webhook
) -> None:
    """The receipt of an alert that is still on its way is committed before AgentStopped."""
    hook.fail("slow")
    with Agent(place) as agent:
        agent.ready()
        ports.shut(2)
        hook.await_begun()
        agent.signal(signal.SIGTERM)
        agent.notify.await_field("STOPPING", "1")
        time.sleep(1)  # the fault itself: the alert outlasts all else that an end waits for
        hook.release()
        assert agent.end() == 0
    entries = place.entries()
    assert isinstance(entries[-1], AgentStopped)
    assert len(place.of(AlertSettled)) == len(hook.accepted) == 1
    assert not place.control.exists()
    place.require_intact()


def test_a_restart_goes_on_where_it_stopped(place: Place, ports: Ports, hook: Webhook) -> None:
    """An incident that stands over a restart is neither opened nor told twice."""
    with Agent(place) as agent:
        agent.ready()
        ports.shut(0)
        hook.wait(1)
        assert agent.stop() == 0
    with Agent(place) as agent:
        agent.ready()
        agent.await_seen(3)
        ports.open(0)
        hook.wait(2)
        assert agent.stop() == 0
    assert [step.act for step in place.of(IncidentStepped)] == ["opened", "closed"]
    assert len({message.id for message in hook.received}) == len(hook.received) == 2
    place.require_intact()


def test_a_reload_probes_what_is_new_and_withdraws_what_is_gone(
    place: Place, ports: Ports, hook: Webhook
) -> None:
    """After SIGHUP a new target is probed, and the incident of a removed one is withdrawn."""
    with Agent(place) as agent:
        agent.ready()
        ports.shut(0)
        hook.wait(1)
        del place.services["p0"]
        place.tcp("fresh", ports.url(1))
        place.write()
        agent.reload()
        agent.await_state("fresh", "available")
        assert "WITHDRAWN" in hook.wait(2)[1].title
        now = agent.now()
        assert {one["target"] for one in now["series"]} == {"p1", "p2", "p3", "p4", "fresh"}
        assert not now["incidents"]
        assert agent.stop() == 0
    assert [step.act for step in place.of(IncidentStepped)] == ["opened", "withdrawn"]
    gone = [one.target for one in place.of(SeriesDefined) if one.withdrawn]
    assert gone == ["p0"]
    place.require_intact()


def test_a_removed_rule_withdraws_its_incident_and_the_target_goes_on(
    place: Place, hook: Webhook
) -> None:
    """The incident of a rule that is gone closes as withdrawn; its target is still probed."""
    rule = {
        "id": "never",
        "title": {"en": "Never", "id": "Tidak"},
        "check": "tcp",
        "applies_to": 'target.key == "p0"',
        "require": 'evidence.outcome == "refused"',
        "severity": "warning",
    }
    place.rules = [rule]
    place.write()
    with Agent(place) as agent:
        agent.ready()
        hook.wait(1)
        place.rules = []
        place.write()
        agent.reload()
        assert "WITHDRAWN" in hook.wait(2)[1].title
        agent.await_state("p0", "available")
        assert agent.stop() == 0
    place.require_intact()


def test_a_bad_configuration_is_refused_whole_and_shown(place: Place) -> None:
    """A reload of a bad file changes nothing, and `now` names the file, the line and the fault."""
    with Agent(place) as agent:
        agent.ready()
        place.tcp("fresh", "tcp://127.0.0.1:1")
        place.tcp("wrong", "tcp://127.0.0.1:99999")
        place.write()
        agent.reload()
        shown = agent.now()
        assert shown["configuration"]["refused"]
        assert "city.yaml" in shown["configuration"]["problems"][0]
        assert len(shown["series"]) == 5
        del place.services["wrong"]
        place.write()
        agent.reload()
        agent.await_now("accepted", lambda now: not now["configuration"]["refused"])
        assert len(agent.now()["series"]) == 6
        assert agent.stop() == 0
    assert len(place.of(ConfigurationInForce)) == 2


def test_what_cannot_change_while_running_is_refused(place: Place) -> None:
    """Another vantage is refused on reload with the name of the setting; the log stays one."""
    with Agent(place) as agent:
        agent.ready()
        place.agent["vantage"] = "elsewhere"
        place.write()
        agent.reload()
        told = agent.now()["configuration"]["problems"]
        assert any(say("cli.fixed-setting", "en", name="vantage") in one for one in told)
        assert agent.stop() == 0


def test_every_reload_of_many_is_taken_in(place: Place, ports: Ports) -> None:
    """SIGHUPs that come faster than a reload takes end with the newest file in force."""
    with Agent(place) as agent:
        agent.ready()
        for number in range(8):
            place.tcp(f"more{number}", ports.url(0))
            place.write()
            agent.signal(signal.SIGHUP)
        agent.await_now("all there", lambda now: len(now["series"]) == 13)
        assert agent.stop() == 0
    place.require_intact()


def test_systemd_hears_what_happens(place: Place) -> None:
    """READY with a status line, the watchdog each second, RELOADING with its time, STOPPING."""
    with Agent(place) as agent:
        agent.ready()
        agent.notify.await_field("WATCHDOG", "1")
        agent.notify.await_field("STATUS")
        agent.notify.await_field("WATCHDOG", "1")
        agent.signal(signal.SIGHUP)
        agent.notify.await_field("RELOADING", "1")
        assert agent.notify.heard[-1]["MONOTONIC_USEC"].isdigit()
        agent.notify.await_field("READY", "1")
        agent.signal(signal.SIGTERM)
        agent.notify.await_field("STOPPING", "1")
        assert agent.end() == 0
    assert any(
        re.match(r"5 series, \d+ entries", one.get("STATUS", "")) for one in agent.notify.heard
    )


def test_files_are_for_the_group_at_most(place: Place) -> None:
    """The socket is 0660, the state and the mark's directory are closed to others."""
    with Agent(place) as agent:
        agent.ready()
        assert _mode(place.control) == 0o660
        assert place.control.stat().st_gid == place.state.stat().st_gid
        for folder in (place.state, place.mark.parent, place.control.parent):
            assert _mode(folder) & 0o007 == 0
        assert _mode(place.state / "ledger.db") & 0o002 == 0
        assert agent.stop() == 0


def test_a_restart_anchors_the_clock_anew(place: Place) -> None:
    """Each start writes one anchor, and each batch counts from one."""
    for _ in range(2):
        with Agent(place) as agent:
            agent.ready()
            agent.await_seen()
            assert agent.stop() == 0
    assert [anchor.why for anchor in place.of(ClockAnchored)] == ["start", "start"]
    place.require_intact()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
