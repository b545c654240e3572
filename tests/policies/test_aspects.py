"""The aspects: what they may be called, and that the table keeps to what is known."""

import re

import yaml
from hypothesis import given
from hypothesis import strategies as st

from checks.table import KINDS
from policies.aspects import (
    ASPECTS,
    OF_THE_AGENT,
    Aspect,
    AspectOutcome,
    EvidenceClass,
    RuleSum,
    outcome_of,
)
from policies.books import CONTROLS
from policies.bundled import pack_names, pack_text

TO_COME = {
    *("ports", "reach", "survey", "wifi", "dnssec", "login", "transaction"),
    *("canary", "antivirus", "vpn", "credentials"),
}
"""Kinds of check that aspects name and that do not exist yet."""

counts = st.integers(0, 3)
sums = st.builds(
    RuleSum,
    policy=st.just("p"),
    rule=st.sampled_from(["a", "b"]),
    target=st.sampled_from(["x", "y"]),
    compliant=counts,
    violated=counts,
    indeterminate=counts,
    incidents=counts,
    waived=st.integers(0, 1),
    by_objective=st.booleans(),
)
words = st.lists(st.sampled_from(["met", "missed", "undecided", "not-computed"]), max_size=3)
drills = st.lists(st.sampled_from([True, False, None]), max_size=2)


@given(
    st.sampled_from(ASPECTS), st.lists(sums, max_size=4), words, drills, st.lists(sums, max_size=2)
)
def test_nothing_is_met_that_was_not_measured(
    aspect: Aspect,
    rules: list[RuleSum],
    objectives: list[str],
    kept: list[bool | None],
    against: list[RuleSum],
) -> None:
    """Met needs a yes or no from every rule; a partial or attested aspect is never met."""
    outcome = outcome_of(aspect, rules, objectives, kept, against)
    broken = any(o.incidents > o.waived and not o.by_objective for o in (*rules, *against))
    if broken or "missed" in objectives or False in kept:
        assert outcome is AspectOutcome.NOT_MET
    if not any(one.decided for one in rules) and not kept:
        assert outcome in (AspectOutcome.NOT_MEASURABLE, AspectOutcome.NOT_MET)
    if outcome in (AspectOutcome.MET, AspectOutcome.NOT_DISPROVED):
        assert not any(one.incidents and not one.by_objective for one in (*rules, *against))
    if outcome is AspectOutcome.MET:
        assert aspect.evidence is EvidenceClass.MEASURED
        assert not aspect.also_attested
    if outcome in (AspectOutcome.MET, AspectOutcome.NOT_DISPROVED):
        assert rules or kept
        assert all(one.decided for one in rules)
        assert None not in kept
        assert set(objectives) <= {"met"}


def test_every_control_has_the_form_of_its_book() -> None:
    """As `policy lint` demands it of rules; every aspect has a title in both languages."""
    for aspect in ASPECTS:
        assert set(aspect.title) == {"en", "id"}
        for control in aspect.controls:
            book, _, name = control.partition(":")
            assert re.fullmatch(CONTROLS[book], name), control


def test_what_is_measured_now_has_its_checks() -> None:
    """The kinds of check that there are serve the aspects that they can say something of."""
    served = {one.id for one in ASPECTS if one.checks & KINDS.keys()}
    assert {"network-availability", "redundancy", "encryption", "non-repudiation"} <= served
    assert not {"firewall", "ids", "room-security"} & served


def test_every_kind_of_check_counts_somewhere() -> None:
    """A check that no aspect names measures for nothing; a name that no check has is a slip."""
    named = {kind for one in ASPECTS for kind in (*one.checks, *one.against)}
    assert not KINDS.keys() - named - OF_THE_AGENT, "enter these kinds into policies/aspects.py"
    assert not OF_THE_AGENT & named
    assert named - KINDS.keys() == TO_COME - KINDS.keys()


def test_every_bundled_rule_counts_somewhere() -> None:
    """A rule that names controls is of some aspect: else its violations would change no verdict."""
    lost = []
    for pack in pack_names():
        for rule in yaml.safe_load(pack_text(pack)).get("rules", []):
            check, controls = rule["check"], rule.get("controls", [])
            counts = [o for o in ASPECTS if o.counts(check, controls)]
            counts += [o for o in ASPECTS if o.speaks_against(check, controls)]
            if controls and not counts and check not in OF_THE_AGENT:
                lost.append(f"{pack}/{rule['id']}")
    assert lost == []


def test_silence_of_a_check_that_only_disproves_says_nothing() -> None:
    """No rogue router was heard: network security is not measurable, until one is."""
    security = next(one for one in ASPECTS if one.id == "network-security")
    assert security.speaks_against("vrrp", ["iso27001:A.8.20"])
    assert not security.counts("vrrp", ["iso27001:A.8.20"])
    calm = RuleSum(policy="p", rule="a", target="x", compliant=9, violated=0, indeterminate=0)
    assert outcome_of(security, [], [], (), [calm]) is AspectOutcome.NOT_MEASURABLE
    heard = RuleSum(
        policy="p", rule="a", target="x", compliant=9, violated=1, indeterminate=0, incidents=1
    )
    assert outcome_of(security, [], [], (), [heard]) is AspectOutcome.NOT_MET
