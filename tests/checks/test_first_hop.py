"""What vrrp and hsrp say of what was heard: pure, with the time passed in."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import hsrp, vrrp
from checks.first_hop import Last, Look, matches, rfc3339
from checks.hsrp import HsrpSettings
from checks.packets.codec import WireError
from checks.packets.messages import MAX_AGE_US, Change, Heard, Speaker, read_reply, to_bytes
from checks.vrrp import VrrpSettings
from monitor.ledger.batch import Batch, Row, group_rows

ONE, TWO, STRANGER = "192.0.2.2", "192.0.2.3", "192.0.2.66"
S, MINUTE = 1_000_000, 60_000_000
VRRP = VrrpSettings(interface="eth0", vrid=51, routers=(ONE, TWO), addresses=("192.0.2.1",))
HSRP = HsrpSettings(interface="eth0", group=1, routers=(ONE, TWO), virtual_address="192.0.2.1")


def speaker(address: str = ONE, **fields: Any) -> Speaker:
    """One router, heard half a second ago, Active."""
    values: dict[str, Any] = {
        "address": address,
        "heard_age_us": 500_000,
        "adverts": 60,
        "active": True,
        "state": "active",
        "version": 3,
        "priority": 150,
        "interval_us": S,
        "hold_us": 3_414_062,
        "addresses": ("192.0.2.1",),
        "address_count": 1,
        "authentication": "none",
        "left_age_us": None,
        "standby_age_us": None,
    }
    return Speaker(**{**values, **fields})


def change(age_us: int, gap_us: int = 3_600_000) -> Change:
    """ONE gave place to TWO."""
    return Change(
        before=ONE, after=TWO, age_us=age_us + S, settled_age_us=age_us, gap_us=gap_us, left=False
    )


def look(*speakers: Speaker, last: Last | None = None, **fields: Any) -> Look:
    """A look each minute, an hour after listening began."""
    values: dict[str, Any] = {
        "id": 1,
        "instance": "a",
        "listening_us": 60 * MINUTE,
        "more_speakers": 0,
        "changes": (),
        "both_age_us": None,
        "malformed": 0,
        "wrong_ttl": 0,
        "lost": 0,
    }
    return Look(
        heard=Heard(speakers=speakers, **{**values, **fields}),
        at_ns=3_600_000_000_000,
        at_us=1_790_000_000_000_000,
        least_us=4 * S,
        interval_us=MINUTE,
        last=last,
    )


def last(active: str | None = ONE, **fields: Any) -> Last:
    """The look of a minute ago."""
    values: dict[str, Any] = {"instance": "a", "malformed": 0, "wrong_ttl": 0, "lost": 0}
    at_ns = 3_600_000_000_000 - MINUTE * 1_000
    return Last(active=active, **{**values, "at_ns": at_ns, **fields})


def told(*speakers: Speaker, settings: VrrpSettings = VRRP, **fields: Any) -> dict[str, Any]:
    """The facts of vrrp; each is declared."""
    found = vrrp.evidence(settings, look(*speakers, **fields)).facts()
    assert set(found) <= set(vrrp.VrrpEvidence.FACTS)
    return found


def told_hsrp(*speakers: Speaker, **fields: Any) -> dict[str, Any]:
    """The facts of hsrp; each is declared."""
    found = hsrp.evidence(HSRP, look(*speakers, **fields)).facts()
    assert set(found) <= set(hsrp.HsrpEvidence.FACTS)
    return found


def test_one_speaker_proves_no_backup() -> None:
    """Whoever is heard alone is Active; nothing is said of a backup, neither yes nor no."""
    found = told(speaker())
    assert (found["heard"], found["active"], found["speaker_count"]) == (True, ONE, 1)
    assert (found["addresses_match"], found["dual_active"], found["failovers"]) == (True, False, 0)
    assert "backup_seen" not in found


def test_silence_is_undefined_where_nothing_was_said() -> None:
    """Nobody heard: no Active, no priority, no addresses; and nothing equal to what is wanted."""
    found = told(speaker(heard_age_us=90 * S))
    assert (found["heard"], found["speakers"], found["dual_active"]) == (False, [], False)
    for name in ("active", "priority", "addresses", "addresses_match", "backup_seen", "version"):
        assert name not in found


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ({"state": "preempted", "active": False, "heard_age_us": 20 * MINUTE}, True),
        ({"state": "preempted", "active": False, "heard_age_us": 1_441 * MINUTE}, None),
        ({"state": "silent", "active": False, "heard_age_us": 5 * S}, None),
        ({"state": "leaving", "active": False, "left_age_us": 5 * S}, None),
        ({}, None),
    ],
    ids=["gave way", "too long ago", "failed", "left", "is Active too"],
)
def test_a_backup_is_seen_only_alive(fields: dict[str, Any], seen: bool | None) -> None:
    """A configured router that gave way while it spoke is a backup, for as long as configured;
    one that failed, left or is Active beside the other is none."""
    assert told(speaker(), speaker(TWO, **fields)).get("backup_seen") is seen
    assert "backup_seen" not in told(speaker(), speaker(STRANGER, **fields))


def test_two_actives_are_no_active() -> None:
    """Two that claim: no Active, priority or addresses; the split counts since the last look."""
    found = told(speaker(), speaker(TWO), both_age_us=59 * S)
    assert (found["dual_active"], found["speakers"]) == (True, [ONE, TWO])
    assert "active" not in found
    assert told(speaker(), both_age_us=61 * S)["dual_active"] is False


def test_a_stranger_counts_since_the_last_look() -> None:
    """Who spoke in between and is silent again is named; without routers nobody is judged."""
    passed = speaker(STRANGER, heard_age_us=40 * S, state="silent", active=False)
    assert told(speaker(), passed)["unconfigured"] == [STRANGER]
    long_ago = speaker(STRANGER, heard_age_us=70 * S)
    assert told(speaker(), long_ago)["unconfigured"] == []
    anybody = replace(VRRP, routers=())
    assert "unconfigured" not in told(passed, settings=anybody)
    assert told(passed, last=last(at_ns=0))["unconfigured"] == [STRANGER]


def test_whatever_can_be_read_can_be_told_and_stored() -> None:
    """A reply with the greatest numbers that are read costs no more than an observation: facts,
    columns and the entry that holds them are made of it, and come back the same."""
    most = 2**62
    tale = look(
        speaker(interval_us=most, hold_us=most, adverts=most, heard_age_us=0),
        changes=(replace(change(0, most), age_us=MAX_AGE_US),),
        listening_us=MAX_AGE_US,
        malformed=most,
        wrong_ttl=most,
        lost=most,
    )
    assert read_reply(to_bytes(tale.heard)) == tale.heard
    for check, evidence in (
        ("vrrp", vrrp.evidence(VRRP, tale)),
        ("hsrp", hsrp.evidence(HSRP, tale)),
    ):
        assert set(evidence.facts()) <= set(evidence.FACTS)
        names = evidence.measures()
        row = Row(1, 1_000, 5, 0, None, None, tuple(getattr(evidence, name) for name in names))
        batch = Batch(
            anchor=0,
            wall_us=1,
            boottime_ns=1,
            records=(),
            groups=(group_rows(check, names, [row], []),),
        )
        (stored,) = Batch.from_bytes(batch.to_bytes()).groups
        assert [int(stored.measures[name].values[0]) for name in names] == list(row.measures)


def test_an_age_beyond_all_dates_is_no_message() -> None:
    """Ages that would lead out of the calendar are refused before anybody reckons with them."""
    tale = look(speaker(), changes=(replace(change(0), age_us=MAX_AGE_US + 1),))
    with pytest.raises(WireError):
        read_reply(to_bytes(tale.heard))


def test_failovers_are_those_since_the_last_look() -> None:
    """Each counts once in a regular run of looks; the latest one's gap and moment are told."""
    found = told(speaker(TWO), changes=(change(80 * S), change(50 * S), change(10 * S, 900_000)))
    assert (found["failovers"], found["last_failover_gap_ms"]) == (2, 900.0)
    assert found["last_failover_at"] == rfc3339(1_790_000_000_000_000 - 11 * S)
    assert "last_failover_gap_ms" not in told(speaker())


def test_a_failover_that_was_not_settled_yet_is_not_missed() -> None:
    """Heard just before the last look and settled just after it, it belongs to this one."""
    unsettled = Change(
        before=ONE,
        after=TWO,
        age_us=61 * S,
        settled_age_us=60 * S - 1,
        gap_us=3_600_000,
        left=False,
    )
    assert told(speaker(TWO), changes=(unsettled,), last=last())["failovers"] == 1


def test_after_a_break_no_failover_is_not_said() -> None:
    """A process that listens for less than the look covers knows of none; a new Active since the
    last look is one all the same, without a gap."""
    assert "failovers" not in told(speaker(), listening_us=5 * S)
    assert "failovers" not in told(speaker(), listening_us=5 * S, last=last(ONE))
    found = told(speaker(TWO), listening_us=5 * S, last=last(ONE, instance="b"))
    assert found["failovers"] == 1
    assert "last_failover_gap_ms" not in found


def test_a_look_on_demand_takes_nothing_from_the_next_one() -> None:
    """A second after another look what happened within the interval still counts."""
    just_now = last(at_ns=3_600_000_000_000 - S * 1_000)
    assert told(speaker(), changes=(change(50 * S),), last=just_now)["failovers"] == 1


def test_bad_frames_are_counted_since_the_last_look() -> None:
    """A counter's growth is told; after a restart or a new beginning all of it."""
    before = last(malformed=5, wrong_ttl=1)
    found = told(speaker(), malformed=7, wrong_ttl=1, last=before)
    assert (found["malformed"], found["wrong_ttl"]) == (2, 0)
    assert told(speaker(), malformed=2, last=before)["malformed"] == 2
    assert told(speaker(), malformed=7, last=replace(before, instance="b"))["malformed"] == 7


def test_hsrp_names_both_roles() -> None:
    """Active and Standby are heard; a missing Standby is said; of nobody heard nothing is."""
    standby = speaker(TWO, active=False, state="standby", standby_age_us=0)
    found = told_hsrp(speaker(), standby)
    assert (found["active"], found["standby"]) == (ONE, TWO)
    assert (found["both_heard"], found["standby_seen"]) == (True, True)
    assert found["states"] == {ONE: "active", TWO: "standby"}
    assert (found["hello_ms"], found["virtual_address_matches"]) == (1_000, True)
    alone = told_hsrp(speaker())
    assert (alone["both_heard"], alone["standby_seen"]) == (False, False)
    assert "standby" not in alone
    silent = told_hsrp()
    assert silent["heard"] is False
    assert not {"standby_seen", "both_heard", "active", "virtual_address"} & set(silent)


def test_addresses_that_were_cut_are_not_compared() -> None:
    """Of more addresses than are kept nothing is said."""
    assert "addresses_match" not in told(speaker(address_count=200))
    assert matches(("a",), True, ("b",)) is False
    assert matches(("a", "b"), True, ("b", "a")) is True


@pytest.mark.parametrize(
    "wishes",
    [
        {"interface": "a/b"},
        {"family": 5},
        {"routers": ("fe80::1",)},
        {"routers": (ONE, ONE)},
        {"routers": ("router",)},
        {"routers": tuple(f"192.0.2.{n}" for n in range(1, 18))},
        {"addresses": ("192.0.2.001",)},
        {"family": 6, "routers": ("FE80::1",)},
        {"advert_interval": 3_000_000},
        {"listen": 10_000_000},
    ],
    ids=str,
)
def test_bad_settings_are_refused(wishes: dict[str, Any]) -> None:
    """Nonsense, another family, twice the same, too many and windows beyond the timeout."""
    with pytest.raises(ValueError):
        VrrpSettings(**{"interface": "eth0", "vrid": 1, **wishes})
    if "advert_interval" not in wishes and "addresses" not in wishes:
        HsrpSettings(interface="eth0", group=1)
        with pytest.raises(ValueError):
            HsrpSettings(**{"interface": "eth0", "group": 1, "timeout": 10_000_000, **wishes})


def test_version_1_of_hsrp_has_small_groups_and_no_ipv6() -> None:
    """Groups above 255 and IPv6 need version 2."""
    for wishes in ({"group": 256}, {"group": 1, "family": 6}):
        with pytest.raises(ValueError, match="set version: 2"):
            HsrpSettings(interface="eth0", **wishes)
        HsrpSettings(interface="eth0", version=2, **wishes)


SPEAKERS = st.builds(
    speaker,
    st.sampled_from([ONE, TWO, STRANGER]),
    heard_age_us=st.integers(0, 10**9),
    active=st.booleans(),
    state=st.sampled_from(["active", "standby", "leaving", "preempted", "silent"]),
    hold_us=st.integers(0, 10**8),
    left_age_us=st.none() | st.integers(0, 10**9),
)


@given(
    st.lists(SPEAKERS, max_size=3, unique_by=lambda one: one.address),
    st.integers(0, 10**10),
    st.none() | st.integers(0, 10**9),
    st.booleans(),
)
def test_facts_never_contradict_one_another(
    speakers: list[Speaker], listening_us: int, both_age_us: int | None, first: bool
) -> None:
    """Whatever was heard: the Active is a speaker, and silence has no Active and no backup."""
    wishes: dict[str, Any] = {"listening_us": listening_us, "both_age_us": both_age_us}
    wishes["last"] = None if first else last()
    for found in (told(*speakers, **wishes), told_hsrp(*speakers, **wishes)):
        assert found["heard"] is bool(found["speakers"])
        assert found["speaker_count"] == len(found["speakers"])
        assert ("active" in found) <= (found.get("active") in found["speakers"])
        assert ("priority" in found) == ("active" in found)
        assert None not in found.values()
        if "backup_seen" in found:
            assert found["backup_seen"] is True
            assert found["active"]
