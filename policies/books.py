"""The rule books that controls are of, and the policies that list a book's controls. Pure."""

import re
from collections.abc import Mapping
from typing import Protocol

from policies.judge import Control
from policies.source import PolicySource

CONTROLS: Mapping[str, str] = {
    "iso27001": r"A\.[5-8]\.\d{1,2}",
    "nist-800-53": r"[A-Z]{2}-\d{1,2}(\(\d{1,2}\))?",
    "cis-8": r"\d{1,2}\.\d{1,2}",
    "bssn-4-2021": r"\d{1,2}(\.\d{1,2})?(\.[a-z])?",
    "bssn-1-2024": r"\d{1,2}(\.\d{1,2})?",
    "perpres-95-2018": r"\d{1,2}(\.\d{1,2})?",
    "permenkominfo-19-2010": r"\d{1,2}(\.\d{1,2})?(\.[a-z])?",
    "uu-27-2022": r"\d{1,2}(\.\d{1,2})?",
}
"""Rule books and the form of their ids, as in `iso27001:A.8.24`; the ids are not looked up."""


class Complaint(Protocol):
    """Takes note of a mistake: where it is, its code, and the values of its sentence."""

    def __call__(self, path: tuple[str | int, ...], code: str, **values: str) -> None:
        """One mistake."""


def compile_controls(source: PolicySource, complain: Complaint) -> tuple[Control, ...]:
    """The controls of a rule book; they need its name, and a form that rules can name."""
    form = CONTROLS.get(source.book)
    if form is None and (source.book or source.controls):
        complain(("book",), "control-book", value=source.book or "–", books=", ".join(CONTROLS))
    for index, one in enumerate(source.controls if form else ()):
        if re.fullmatch(form or "", one.id) is None:
            value = one.id[:60]
            complain(("controls", index, "id"), "control-id", value=value, book=source.book)
    return tuple(
        Control(id=one.id, title=dict(one.title.items()), attested=one.attested)
        for one in source.controls
    )
