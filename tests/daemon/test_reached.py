"""What came over the way to a target is judged while the agent is blind."""

from dataclasses import fields

import pytest

from checks.base import Assignment, Outcome
from checks.table import KINDS
from checks.vrrp import VrrpEvidence, VrrpSettings
from monitor.daemon.plan import Item, item_of, rules_of
from monitor.model import Family, Kind, Target
from policies.compiling import compile_policy
from policies.source import PolicySource, RuleSource


@pytest.fixture
def item() -> Item:
    """A VRRP series of one rule, violated by every failover."""
    rule = RuleSource(id="same", check="vrrp", require="evidence.failovers == 0",
                      severity="warning", title={"en": "a", "id": "a"})  # fmt: skip
    source = PolicySource(policy="lab", version=1, title={"en": "a", "id": "a"}, rules=[rule])
    policy = compile_policy(source, {"vrrp": VrrpEvidence.FACTS})
    target = Target(key="gateway", kind=Kind.LINK, name="gateway")
    settings = VrrpSettings(interface="lan", vrid=51)
    assignment = Assignment(target="gateway", check="vrrp", family=Family.IPV4, settings=settings)
    return item_of(1, assignment, target, rules_of([policy], target, "vrrp"))


@pytest.mark.parametrize(("speakers", "violated"), [(("192.0.2.3",), True), ((), False)])
def test_a_blind_agent_tells_of_what_it_heard_and_not_of_silence(
    item: Item, speakers: tuple[str, ...], violated: bool
) -> None:
    """Without a canary a failover that was heard is violated; where nobody was heard nothing is."""
    undefined = dict.fromkeys(field.name for field in fields(VrrpEvidence))
    seen = {"failovers": 1, "speakers": speakers, "dual_active": False, "leaving": False}
    evidence = VrrpEvidence(**{**undefined, **seen})  # type: ignore[arg-type]
    outcome = Outcome(started_ns=1, elapsed_us=1, evidence=evidence)
    assert item.judge(outcome, blind=True).violated is violated
    assert item.judge(outcome, blind=False).violated


def test_what_shows_the_way_is_a_boolean_fact() -> None:
    """A misspelt name would say that nothing was ever reached."""
    named = {kind.name: kind.evidence.FACTS.get(kind.reached) for kind in KINDS.values()
             if kind.reached}  # fmt: skip
    assert named == dict.fromkeys(("vrrp", "hsrp", "neighbour", "path"), "bool")
