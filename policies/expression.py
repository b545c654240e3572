"""CEL: the one place that knows its runtime (cel-expr-python, the official C++ one).

Facts are declared as whole dotted names (`evidence.delay_ms.median`), so that a name nobody
declared is an error when the expression is loaded. A fact without a value is absent from the
activation: CEL's `&&` and `||` still decide where one side is enough, everything else is
Indeterminate. Cost is bounded: length, nesting, comprehension depth, and the runtime's budget
of 10,000 iterations; `matches` is RE2 and runs in linear time.
"""

import re
from collections.abc import Mapping
from typing import Any

from cel_expr_python import cel

from monitor.model import Indeterminate
from policies.errors import ExpressionError
from policies.facts import FactType, WrongTypeError, fact_type, normal
from policies.refusal import refused
from policies.syntax import Token, chains, comprehension_depth, named, place, tokens

LONGEST = 4096
"""Code points of an expression."""
DEEPEST = 2
"""Comprehensions inside one another."""
_KEPT = 512
"""Compiled parts an environment remembers."""

_ABSENT = re.compile(r'No value with name "([^"]*)" found in Activation')
_NO_KEY = re.compile(r'Key not found in map : "?(.*?)"?$', re.DOTALL)
_RUNTIME = (
    ("divide by zero", "divide-by-zero"),
    ("modulus by zero", "divide-by-zero"),
    ("overflow", "overflow"),
    ("Index error", "no-such-index"),
    ("Iteration budget", "too-many-iterations"),
)
_ABSENCE = "has."
"""`has(evidence.loss)` is compiled as the variable `has.evidence.loss`: same length, so that
places stay true; the runtime's own macro does not know dotted variables."""


class Expression:
    """A compiled expression. Immutable; evaluating it changes nothing."""

    __slots__ = ("_asked", "_program", "_types", "kind", "mentions", "text")

    def __init__(
        self,
        text: str,
        program: cel.Expression,
        types: Mapping[str, FactType],
        asked: frozenset[str],
    ) -> None:
        self.text = text
        self._program = program
        self._types = types
        self._asked = tuple(asked)
        self.mentions = frozenset(types)
        """The dotted names of the facts it speaks of."""
        self.kind = str(program.return_type())
        """CEL's name of the result's type."""

    def evaluate(self, values: Mapping[str, object]) -> Any:
        """The value, or Indeterminate: "undefined" with the fact's name, or "error"."""
        try:
            seen: dict[str, object] = {
                name: normal(values[name], kind)
                for name, kind in self._types.items()
                if name in values
            }
        except WrongTypeError:
            return Indeterminate(why="error", detail="type")
        for name in self._asked:
            seen[_ABSENCE + name] = name in values
        try:
            result = self._program.eval(data=seen)
            kind, value = result.type(), result.plain_value()
        except (RuntimeError, ValueError, TypeError, OverflowError) as failure:
            return _failed(str(failure))
        return _failed(str(value)) if kind == cel.Type.ERROR else value


class Environment:
    """The facts an expression may speak of, by full dotted name, in the notation of FACTS."""

    def __init__(self, types: Mapping[str, str]) -> None:
        self.types = dict(types)
        self._kinds = {name: fact_type(notation) for name, notation in types.items()}
        variables = {name: _cel_type(kind) for name, kind in self._kinds.items()}
        absences = {_ABSENCE + name: cel.Type.BOOL for name in types}
        self._env = cel.NewEnv(variables={**variables, **absences})
        self._parts: dict[str, Expression] = {}
        self._inner: dict[tuple[str, FactType], Environment] = {}

    def compile(self, text: str) -> Expression:
        """A rule's expression: its result must be bool. ExpressionError says what is wrong."""
        _check_size(text)
        toks = tokens(text)
        _check_nesting(text, toks)
        compiled = self._compile(text, toks)
        if compiled.kind != "BOOL":
            raise ExpressionError("not-bool", type=compiled.kind.lower())
        self._check_literals(text, toks)
        return compiled

    def part(self, text: str) -> Expression:
        """A part of an expression that has been compiled, of any type; remembered."""
        if text not in self._parts:
            if len(self._parts) >= _KEPT:
                self._parts.clear()
            self._parts[text] = self._compile(text, tokens(text))
        return self._parts[text]

    def type_of(self, name: str) -> FactType | None:
        """The type of a declared fact."""
        return self._kinds.get(name)

    def with_variable(self, name: str, kind: FactType) -> "Environment":
        """The same facts and one more: the variable of a comprehension."""
        if (name, kind) not in self._inner:
            self._inner[name, kind] = Environment({**self.types, name: str(kind)})
        return self._inner[name, kind]

    def _compile(self, text: str, toks: list[Token]) -> Expression:
        found = chains(toks)
        if own := next((chain for chain in found if chain.name.startswith(_ABSENCE)), None):
            raise ExpressionError("unknown-name", *place(text, own.start), name=own.name, close="–")
        rewritten, asked = self._absences(text, toks)
        try:
            program = self._env.compile(rewritten)
        except (RuntimeError, ValueError) as refusal:
            raise refused(text, toks, str(refusal), self.types) from None
        names = {name for chain in found if (name := named(chain, self.types))}
        return Expression(text, program, {name: self._kinds[name] for name in names}, asked)

    def _absences(self, text: str, toks: list[Token]) -> tuple[str, frozenset[str]]:
        """The text with `has(fact)` as a variable, and the facts so asked for."""
        letters, asked = list(text), set()
        for index, token in enumerate(toks[:-3]):
            close = next((i for i in range(index + 2, len(toks)) if toks[i].text == ")"), None)
            if token.text != "has" or toks[index + 1].text != "(" or close is None:
                continue
            name = "".join(inner.text for inner in toks[index + 2 : close])
            if name in self._kinds:
                letters[toks[index + 1].start], letters[toks[close].start] = ".", " "
                asked.add(name)
        return "".join(letters), frozenset(asked)

    def _check_literals(self, text: str, toks: list[Token]) -> None:
        """A pattern, duration or timestamp that can never work is found now, not at 3 a.m."""
        for function, opening, literal, closing in zip(
            toks, toks[1:], toks[2:], toks[3:], strict=False
        ):
            name = function.text
            call = opening.text + closing.text == "()" and literal.kind == "string"
            if not call or name not in {"matches", "duration", "timestamp"}:
                continue
            form = f"''.matches({literal.text})" if name == "matches" else f"{name}({literal.text})"
            if isinstance(self._compile(form, tokens(form)).evaluate({}), Indeterminate):
                line, column = place(text, literal.start)
                raise ExpressionError(f"bad-{name}", line, column, literal=literal.text)


def _check_size(text: str) -> None:
    if not text.strip():
        raise ExpressionError("empty")
    if len(text) > LONGEST:
        raise ExpressionError("too-long", length=str(len(text)), limit=str(LONGEST))
    if "\0" in text:
        raise ExpressionError("syntax", *place(text, text.index("\0")), near="\\0")


def _check_nesting(text: str, toks: list[Token]) -> None:
    depth, offset = comprehension_depth(toks)
    if depth > DEEPEST:
        raise ExpressionError("too-nested", *place(text, offset), limit=str(DEEPEST))


def _cel_type(kind: FactType) -> cel.Type:
    if kind.name == "list" and kind.inner:
        return cel.Type.List(_cel_type(kind.inner))
    if kind.name == "map" and kind.inner:
        return cel.Type.Map(cel.Type.STRING, _cel_type(kind.inner))
    scalar: cel.Type = getattr(cel.Type, kind.name.upper())
    return scalar


def _failed(message: str) -> Indeterminate:
    """Why there is no value: a fact or a key without one is undefined, the rest an error."""
    if absent := _ABSENT.search(message):
        return Indeterminate(why="undefined", detail=absent[1].removeprefix("evidence."))
    if key := _NO_KEY.search(message):
        return Indeterminate(why="undefined", detail=key[1][:60])
    code = next((code for phrase, code in _RUNTIME if phrase in message), "evaluation")
    return Indeterminate(why="error", detail=code)
