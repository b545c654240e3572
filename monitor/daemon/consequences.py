"""What a message says that hangs on its target: counted when the step is written. Pure."""

from typing import TYPE_CHECKING

from monitor.incident import Proposal, Subject
from monitor.model import Act, IncidentStep, Kind, Target
from monitor.sight import Ways

if TYPE_CHECKING:
    from monitor.daemon.recorder import Recorder

_TOLD = (Kind.SITE, Kind.LINK, Kind.HOTSPOT, Kind.SERVICE)
"""In the order of the message: the places first."""


class Consequences:
    """For the steps of one commit. Down is what has an open incident and does not answer."""

    def __init__(self, recorder: "Recorder", proposal: Proposal) -> None:
        seen = recorder.accumulator
        self._deciding, self._targets = recorder.judging, recorder.targets
        self._ways = Ways(seen.sights.parents)
        standing = seen.book.down(proposal, recorder.judging)
        self._down = frozenset(t for t in standing if not seen.sights.answers(t))

    def of(self, subject: Subject, step: IncidentStep) -> list[Target]:
        """Who is unreachable because of an opening, or reachable again after a recovery."""
        if not self._deciding.get(subject):
            return []
        down = step.target in self._down
        if step.act is Act.OPENED and down:
            found = self._ways.consequences(step.target, self._down)
        elif step.act is Act.CLOSED and not down:
            found = self._ways.regained(step.target, self._down)
        else:
            return []
        targets = [self._targets[key] for key in found if key in self._targets]
        told = [target for target in targets if target.kind in _TOLD]
        return sorted(told, key=lambda target: (_TOLD.index(target.kind), target.key))
