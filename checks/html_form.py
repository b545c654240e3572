"""Forms of a page: where they send what people type, and whether a password is among it. Pure."""

from collections.abc import Callable, Iterable, Mapping
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


@dataclass(slots=True)
class _Started:
    """A form as far as it was read."""

    id: str
    method: str
    targets: list[Target]
    password: bool = False


class FormReader:
    """Collects the forms. They do not nest: a start inside an open one is ignored (4.10.3).

    `resolve` gives absolute URL and scheme of an action. A field may belong to a form elsewhere,
    by its attribute `form` (4.10.17.3).
    """

    def __init__(self, resolve: Callable[[str], tuple[str, str]]) -> None:
        self._resolve = resolve
        self._started: list[_Started] = []
        self._open: _Started | None = None
        self._stray = False
        self._passwords: set[str] = set()
        """Ids of forms elsewhere to which a password field belongs."""
        self._buttons: list[tuple[str, tuple[str, str], str | None]] = []
        """Id of a form elsewhere, action and method of a button that belongs to it."""
        self.cut = False

    def forms(self) -> tuple[Form, ...]:
        """Every form so far, one that is not closed included."""
        known = {form.id for form in self._started}
        found = [
            _form(target, has_password=form.password or form.id in self._passwords)
            for form in self._started
            for target in self._targets_of(form)
        ]
        self.cut = self.cut or len(found) > FORMS_BOUND
        stray = self._stray or not self._passwords <= known
        return (*found[:FORMS_BOUND], *((_SCRIPTS,) if stray else ()))

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """A start tag of the page."""
        if name == "form" and self._open is None:
            method = _method(attributes.get("method", ""))
            target = (*self._resolve(attributes.get("action", "")), method)
            self._open = _Started(attributes.get("id", ""), method, [target])
            if len(self._started) < FORMS_BOUND:
                self._started.append(self._open)
            else:
                self.cut = True
        elif name in ("input", "button"):
            self._field(name, attributes)

    def aside(self) -> Callable[[], None]:
        """Something apart begins (a template); to be called at its end: what was open then is."""
        opened = self._open

        def back() -> None:
            self._open = opened

        self._open = None
        return back

    def end(self, name: str) -> None:
        """An end tag of the page."""
        if name == "form":
            self._open = None

    def _field(self, name: str, attributes: Mapping[str, str]) -> None:
        owner = attributes.get("form", "")
        if name == "input" and attributes.get("type", "").strip().lower() == "password":
            self._password(owner)
        if "formaction" in attributes:
            self._button(owner, attributes)

    def _password(self, owner: str) -> None:
        if owner:
            if len(self._passwords) < FORMS_BOUND:
                self._passwords.add(owner)
            else:
                self.cut = True
        elif self._open is not None:
            self._open.password = True
        else:
            self._stray = True

    def _button(self, owner: str, attributes: Mapping[str, str]) -> None:
        form, action = self._open, self._resolve(attributes["formaction"])
        written = attributes.get("formmethod")
        method = None if written is None else _method(written)
        if owner:
            if len(self._buttons) < FORMS_BOUND:
                self._buttons.append((owner, action, method))
            else:
                self.cut = True
        elif form is not None:
            target = (*action, method or form.method)
            if target not in form.targets:
                if len(form.targets) < FORMS_BOUND:
                    form.targets.append(target)
                else:
                    self.cut = True

    def _targets_of(self, form: _Started) -> Iterable[Target]:
        elsewhere = [
            (*action, method or form.method)
            for owner, action, method in self._buttons
            if owner == form.id
        ]
        return dict.fromkeys([*form.targets, *elsewhere])


def _form(target: Target, *, has_password: bool) -> Form:
    action, scheme, method = target
    if scheme == "javascript":
        action = scheme = method = ""
    return Form(action=action or None, scheme=scheme, method=method, has_password=has_password)


def _method(written: str) -> str:
    word = written.strip().lower()
    return word if word in ("post", "dialog") else "get"


_SCRIPTS: Final = _form(("", "", ""), has_password=True)
