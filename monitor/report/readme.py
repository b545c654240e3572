"""What the bundle tells an auditor who does not trust this program. Pure but for package data."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from monitor.ledger.epochs import Rotation
from monitor.ledger.note import parse_unverified
from monitor.ledger.signer import Verifier, encode_base64
from monitor.report.model import Report
from monitor.text import LANGUAGES, Language

_TEXT_LINES = 4
"""Of a checkpoint: origin, size, root and the empty line before the signatures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The checkpoint of a bundle's log, a key that signed it, and the hand-overs before it."""

    note: bytes
    verifier: Verifier
    rotations: Sequence[Rotation]
    vouched: frozenset[int]
    """Entries of hand-overs whose checkpoint by the outgoing key is in the bundle."""

    @property
    def line(self) -> int:
        """Number of the line of the key's signature."""
        ids = [one.key_id for one in parse_unverified(self.note).signatures]
        return _TEXT_LINES + 1 + ids.index(self.verifier.key_id)

    @property
    def vkeys(self) -> bytes:
        """Every key of the log, one a line, with the sizes of the trees that it may sign."""
        if not self.rotations:
            return f"{self.verifier.vkey}\n".encode()
        begins = [0, *(index + 1 for index, _, _ in self.rotations)]
        ends = [*map(str, begins[1:]), ""]
        keys = [self.rotations[0][1], *(following for _, _, following in self.rotations)]
        parts = zip(begins, ends, keys, strict=True)
        return "".join(f"# {low}..{high}\n{vkey}\n" for low, high, vkey in parts).encode()


def readmes(report: Report, signed: Signed) -> dict[str, bytes]:
    """README in both languages, and the checker in Go."""
    made = {
        f"README{'' if lang == 'en' else f'.{lang}'}.md": _readme(report, signed, lang)
        for lang in LANGUAGES
    }
    return {**made, "checklog.go": _text("checklog.go").encode()}


def _readme(report: Report, signed: Signed, lang: Language) -> bytes:
    template = _text(f"README.{lang}.md")
    values = {
        "@ORIGIN@": report.origin,
        "@PERIOD@": report.asked.period.text,
        "@SIZE@": str(report.size),
        "@ROOT@": report.root,
        "@SPKI@": encode_base64(signed.verifier.spki),
        "@KEYID@": signed.verifier.key_id.hex(),
        "@LINE@": str(signed.line),
        "@ACCOUNTING@": report.accounting_sha256,
        "@HANDOVERS@": _handovers(signed, lang),
    }
    for name, value in values.items():
        template = template.replace(name, value)
    return template.encode()


def _handovers(signed: Signed, lang: Language) -> str:
    """How each outgoing key's word for the next one is checked; nothing where there is one key."""
    vouched = [one for one in signed.rotations if one[0] in signed.vouched]
    if not vouched:
        return ""
    return _text(f"HANDOVERS.{lang}.md") + "\n".join(map(_recipe, vouched)) + "\n"


def _recipe(rotation: Rotation) -> str:
    """Shell lines; the outgoing key's signature is the first one."""
    index, previous, following = rotation
    note, spki = f"log/handover/{index}", encode_base64(Verifier.parse(previous).spki)
    line = _TEXT_LINES + 1
    lines = (
        f"echo {spki} | base64 -d > key.der    # → {following}",
        f"head -n 3 {note} > text",
        f"sed -n '{line}p' {note} | sed 's/.* //' | base64 -d | tail -c 64 > signature",
        "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key.der -in text"
        " -sigfile signature",
    )
    return "".join(f"    {one}\n" for one in lines)


def _text(name: str) -> str:
    return files("monitor.report").joinpath(name).read_text(encoding="utf-8")
