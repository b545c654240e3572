"""The aspects: what they may be called, and that the table keeps to what is known."""

import re

from hypothesis import given
from hypothesis import strategies as st

from checks.table import KINDS
from policies.aspects import ASPECTS, AspectOutcome, EvidenceClass, RuleSum, outcome_of
from policies.lint import CONTROLS

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


@given(st.sampled_from(ASPECTS), st.lists(sums, max_size=4), words, drills)
def test_nothing_is_met_that_was_not_measured(
    aspect: object, rules: list[RuleSum], objectives: list[str], kept: list[bool | None]
) -> None:
    """Met needs a yes or no from every rule; a partial or attested aspect is never met."""
    outcome = outcome_of(aspect, rules, objectives, kept)  # type: ignore[arg-type]
    broken = any(one.incidents > one.waived and not one.by_objective for one in rules)
    if broken or "missed" in objectives or False in kept:
        assert outcome is AspectOutcome.NOT_MET
    if not any(one.decided for one in rules) and not kept:
        assert outcome in (AspectOutcome.NOT_MEASURABLE, AspectOutcome.NOT_MET)
    if outcome in (AspectOutcome.MET, AspectOutcome.NOT_DISPROVED):
        assert not any(one.incidents and not one.by_objective for one in rules)
    if outcome is AspectOutcome.MET:
        assert aspect.evidence is EvidenceClass.MEASURED  # type: ignore[attr-defined]
        assert not aspect.also_attested  # type: ignore[attr-defined]
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
