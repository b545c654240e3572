"""Forms of a page: where they send what people type, and whether a password is among it. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

FORMS_BOUND: Final = 64
"""Forms of a page, and targets of one form."""


Target = tuple[str, str, str]
"""Absolute URL, scheme and method."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One target of a form; a button with a target of its own makes a second one.

    A password field outside any form makes a form without an action: a script sends it somewhere.
    So does the action `javascript:`, whose text is the page's and is not kept.
    """

    action: str | None
    """Absolute URL without query; the page's own where the form names none."""
    scheme: str
    """Of the action, as a browser reads it; empty without an action."""
    method: str
    """get, post or dialog; empty without an action."""
    has_password: bool


class FormReader:
    """Collects the forms. They do not nest: a start inside an open one is ignored (4.10.3).

    `resolve` gives absolute URL and scheme of an action.
    """

    def __init__(self, resolve: Callable[[str], tuple[str, str]]) -> None:
        self._resolve = resolve
        self._done: list[Form] = []
        self._targets: list[Target] | None = None
        self._method = ""
        self._password = self._stray = False
        self.cut = False

    def forms(self) -> tuple[Form, ...]:
        """Every form so far, one that is not closed included."""
        stray = (_form(("", "", ""), has_password=True),) if self._stray else ()
        return (*self._done, *self._open(), *stray)

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """A start tag of the page."""
        if name == "form" and self._targets is None:
            self._method = _method(attributes.get("method", ""))
            self._targets = [(*self._resolve(attributes.get("action", "")), self._method)]
            self._password = False
        elif name in ("input", "button"):
            self._field(name, attributes)

    def _field(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "input" and attributes.get("type", "").strip().lower() == "password":
            if self._targets is None:
                self._stray = True
            self._password = True
        if "formaction" in attributes and self._targets is not None:
            method = attributes.get("formmethod")
            word = self._method if method is None else _method(method)
            self._add(self._targets, (*self._resolve(attributes["formaction"]), word))

    def _add(self, targets: list[Target], target: Target) -> None:
        if target in targets:
            return
        if len(targets) < FORMS_BOUND:
            targets.append(target)
        else:
            self.cut = True

    def end(self, name: str) -> None:
        """An end tag of the page."""
        if name == "form" and self._targets is not None:
            opened = self._open()
            room = FORMS_BOUND - len(self._done)
            self.cut = self.cut or len(opened) > room
            self._done += opened[:room]
            self._targets = None

    def _open(self) -> list[Form]:
        return [_form(target, has_password=self._password) for target in self._targets or ()]


def _form(target: Target, *, has_password: bool) -> Form:
    action, scheme, method = target
    if scheme == "javascript":
        action = scheme = method = ""
    return Form(action=action or None, scheme=scheme, method=method, has_password=has_password)


def _method(written: str) -> str:
    word = written.strip().lower()
    return word if word in ("post", "dialog") else "get"
