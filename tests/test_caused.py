"""What an incident made unreachable, by its labels."""

from dataclasses import replace

from monitor.caused import Caused
from monitor.derive import IncidentRow, LabelRow

LABEL = LabelRow(
    id=1, label="unreachable", target="web", cause="core1,core2", since_us=20, until_us=30
)
ROW = IncidentRow(
    id=7,
    target="core2",
    check="icmp",
    family=4,
    policy="default",
    rule="icmp-available",
    severity=2,
    reasons=(),
    since_us=10,
    opened_us=12,
    step=1,
    act="closed",
    ended_since_us=40,
    ended_us=42,
    acknowledged_by="",
)


def test_a_label_belongs_to_every_incident_that_it_names_and_meets() -> None:
    """Each once and in order; one that ended before or began after is another's."""
    labels = [
        LABEL,
        replace(LABEL, id=2, since_us=35, until_us=None),
        replace(LABEL, id=3, target="before", since_us=2, until_us=10),
        replace(LABEL, id=4, target="after", since_us=40, until_us=50),
        replace(LABEL, id=5, target="other", cause="core1"),
        replace(LABEL, id=6, target="agent", label="blind", cause="core2"),
        replace(LABEL, id=8, target="line", cause="core2"),
    ]
    assert Caused(labels).by(ROW) == ("line", "web")
    open_one = replace(ROW, ended_since_us=None, ended_us=None)
    assert Caused(labels).by(open_one) == ("after", "line", "web")
    assert Caused([]).by(ROW) == ()
