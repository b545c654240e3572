"""What a demo came to: whether everything that it promises was really seen."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitor.demo.story import BEHIND, CUT, DYING, INNOCENT, STANDING
from monitor.demo.watch import Watch
from monitor.ledger.signer import encode_base64
from monitor.text import Language, say

if TYPE_CHECKING:
    from monitor.demo.town import Places
    from monitor.proof import Proof


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """How many files of the report there are, and what `verify` said of its audit bundle."""

    files: int
    bundle: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a demo. `missing` are names of texts `demo.missing-…`."""

    missing: tuple[str, ...]
    breaches: int
    alerts: int
    recoveries: int
    observations: int
    proof: "Proof"
    reported: Reported
    places: "Places"
    kept: bool

    @property
    def exit_code(self) -> int:
        """0 only when nothing is missing."""
        return 1 if self.missing else 0

    def sentences(self, lang: Language) -> list[str]:
        """The summary, for people."""
        proof = self.proof
        figures = {
            "observations": self.observations,
            "breaches": self.breaches,
            "alerts": self.alerts,
            "recoveries": self.recoveries,
            "entries": proof.size,
            "root": encode_base64(proof.root),
            "report": self.reported.files,
        }
        width = max(len(say(f"demo.sum-{name}", lang)) for name in figures)
        lines = ["", say("demo.summary", lang)]
        lines += [
            f"  {say(f'demo.sum-{name}', lang):<{width}}  {value}"
            for name, value in figures.items()
        ]
        lines += [f"  {sentence}" for sentence in proof.sentences(lang)]
        if self.reported.bundle == "intact":
            lines.append(f"  {say('demo.bundle', lang)}")
        lines += [say("demo.missing", lang, what=say(f"demo.missing-{one}", lang))
                  for one in self.missing]  # fmt: skip
        lines += ["", *self._where(lang), "", say("demo.next", lang)]
        return lines

    def _where(self, lang: Language) -> list[str]:
        if not self.kept:
            return [say("demo.removed", lang)]
        root, config, state = self.places.root, self.places.config, self.places.state
        report = self.places.report
        return [say("demo.kept", lang, root=root, config=config, state=state, report=report)]


def missing(watch: Watch, proof: "Proof", agent_code: int, reported: Reported) -> tuple[str, ...]:
    """What was promised and not seen."""
    seen = {
        "standing": all(watch.opened(*one) for one in STANDING),
        "breach": watch.opened(DYING),
        "alert": watch.alerted(DYING, "failure"),
        "recovery": watch.closed(DYING),
        "recovery-alert": watch.alerted(DYING, "success"),
        "cut": all(watch.opened(one) and watch.closed(one) for one in CUT),
        "unreachable": ("unreachable", BEHIND) in watch.labels_ever,
        "innocent": not any(map(watch.opened, INNOCENT)),
        "agent": agent_code == 0,
        "proof": proof.verdict == "intact" and proof.anchor is not None,
        "report": reported.files > 0,
        "bundle": reported.bundle == "intact" or not reported.files,
    }
    return tuple(name for name, so in seen.items() if not so)
