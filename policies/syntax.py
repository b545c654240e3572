"""The shape of an expression's text: tokens and a shallow tree, for places and reasons.

Judging never rests on this module: a verdict is what CEL says of the whole expression. The
tree only tells which part to speak of (CEL specification, "Syntax").
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*)
  | (?P<string>[rR][bB]?(?:\"\"\".*?\"\"\"|'''.*?'''|"[^"\n]*"|'[^'\n]*')
      |[bB][rR](?:\"\"\".*?\"\"\"|'''.*?'''|"[^"\n]*"|'[^'\n]*')
      |[bB]?(?:\"\"\"(?:\\.|[^\\])*?\"\"\"|'''(?:\\.|[^\\])*?'''
          |"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
  | (?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
  | (?P<int>0[xX][0-9a-fA-F]+[uU]?|\d+[uU]?)
  | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<op>&&|\|\||<=|>=|==|!=|.)
    """,
    re.VERBOSE | re.DOTALL,
)
RELATIONS = frozenset({"<=", "<", ">=", ">", "==", "!=", "in"})
_ARITHMETIC = frozenset("+-*/%")
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")
MACROS = frozenset({"all", "exists", "exists_one", "map", "filter"})


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text; `start` is its offset in code points."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """The offset behind its last code point."""
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A dotted name in the text: `evidence.delay_ms.median`."""

    name: str
    start: int
    end: int
    called: bool
    """Its last part is a function: `target.key.startsWith(…)`."""

    def prefixes(self) -> Iterator[str]:
        """Itself, then ever shorter names, as CEL resolves them."""
        parts = self.name.split(".")
        return (".".join(parts[:size]) for size in range(len(parts), 0, -1))


NodeKind = Literal["and", "or", "not", "compare", "all", "name", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A part of an expression. Children: the parts, the two sides, or (range, body)."""

    kind: NodeKind
    text: str
    children: tuple["Node", ...] = ()
    op: str = ""
    variable: str = ""
    chains: tuple[Chain, ...] = field(default=(), repr=False)


def tokens(text: str) -> list[Token]:
    """The tokens of a text, without spaces and comments."""
    return [
        Token(str(match.lastgroup), match[0], match.start())
        for match in _TOKEN.finditer(text)
        if match.lastgroup != "space"
    ]


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column, both from 1, of an offset."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


def chains(toks: Sequence[Token]) -> list[Chain]:
    """Every dotted name, outermost first; fields of calls and indexes are not names."""
    found: list[Chain] = []
    index = 0
    while index < len(toks):
        if toks[index].kind != "name" or _is_field(toks, index):
            index += 1
            continue
        last = index
        while _dotted_on(toks, last):
            last += 2
        called = last + 1 < len(toks) and toks[last + 1].text == "("
        name = ".".join(token.text for token in toks[index : last + 1 : 2])
        found.append(Chain(name=name, start=toks[index].start, end=toks[last].end, called=called))
        index = last + 1
    return found


def named(chain: Chain, names: Collection[str]) -> str | None:
    """The declared name that a chain stands for, as CEL resolves it: the longest."""
    return next((name for name in chain.prefixes() if name in names), None)


@lru_cache(maxsize=1024)
def tree(text: str) -> Node:
    """The tree of an expression that CEL has accepted (so its depth is bounded)."""
    return _node(text, tokens(text))


def comprehension_depth(toks: Sequence[Token]) -> tuple[int, int]:
    """How deep `all`, `exists`, `map`, … are nested, and the offset of the deepest."""
    stack: list[bool] = []
    deepest, offset = 0, 0
    for index, token in enumerate(toks):
        if token.text in _OPEN and token.kind == "op":
            stack.append(
                index > 1 and toks[index - 1].text in MACROS and _is_field(toks, index - 1)
            )
            if sum(stack) > deepest:
                deepest, offset = sum(stack), toks[index - 1].start
        elif token.text in _CLOSE and token.kind == "op" and stack:
            stack.pop()
    return deepest, offset


def _is_field(toks: Sequence[Token], index: int) -> bool:
    if index < 2 or toks[index - 1].text != ".":
        return False
    before = toks[index - 2]
    return before.kind in {"name", "string"} or before.text in _CLOSE


def _dotted_on(toks: Sequence[Token], last: int) -> bool:
    return last + 2 < len(toks) and toks[last + 1].text == "." and toks[last + 2].kind == "name"


def _top(toks: Sequence[Token]) -> Iterator[int]:
    depth = 0
    for index, token in enumerate(toks):
        if token.kind == "op" and token.text in _CLOSE:
            depth -= 1
        if depth == 0:
            yield index
        if token.kind == "op" and token.text in _OPEN:
            depth += 1


def _unwrapped(toks: Sequence[Token]) -> Sequence[Token]:
    while len(toks) > 2 and toks[0].text == "(" and list(_top(toks)) == [0, len(toks) - 1]:
        toks = toks[1:-1]
    return toks


def _cut(toks: Sequence[Token], op: str) -> list[Sequence[Token]]:
    parts, start = [], 0
    for index in _top(toks):
        if toks[index].kind == "op" and toks[index].text == op:
            parts.append(toks[start:index])
            start = index + 1
    return [*parts, toks[start:]]


def _node(text: str, toks: Sequence[Token]) -> Node:
    toks = _unwrapped(toks)
    own = text[toks[0].start : toks[-1].end] if toks else ""
    names = tuple(chains(toks))
    top = [toks[index] for index in _top(toks)]
    if any(token.text == "?" for token in top):
        return Node(kind="other", text=own, chains=names)
    for op, kind in (("||", "or"), ("&&", "and")):
        parts = _cut(toks, op)
        if len(parts) > 1:
            nodes = tuple(_node(text, part) for part in parts)
            return Node(
                kind="or" if kind == "or" else "and", text=own, children=nodes, chains=names
            )
    relations = [token for token in top if token.text in RELATIONS and token.kind != "string"]
    if len(relations) == 1:
        cut = toks.index(relations[0])
        sides = (_node(text, toks[:cut]), _node(text, toks[cut + 1 :]))
        op = relations[0].text
        return Node(kind="compare", text=own, children=sides, op=op, chains=names)
    if relations or any(token.text in _ARITHMETIC and token.kind == "op" for token in top):
        return Node(kind="other", text=own, chains=names)
    return _unary(text, toks, own, names)


def _unary(text: str, toks: Sequence[Token], own: str, names: tuple[Chain, ...]) -> Node:
    if len(toks) > 1 and toks[0].text == "!":
        child = _node(text, toks[1:])
        return Node(kind="not", text=own, children=(child,), chains=names)
    if len(names) == 1 and (names[0].start, names[0].end) == (toks[0].start, toks[-1].end):
        return Node(kind="name", text=own, chains=names)
    return _universal(text, toks, own, names) or Node(kind="other", text=own, chains=names)


def _universal(text: str, toks: Sequence[Token], own: str, names: tuple[Chain, ...]) -> Node | None:
    """`range.all(variable, body)`, else None."""
    top = list(_top(toks))
    if len(top) < 4 or toks[-1].text != ")" or [toks[i].text for i in top[-4:-2]] != [".", "all"]:
        return None
    arguments = _cut(toks[top[-2] + 1 : -1], ",")
    if len(arguments) != 2 or [token.kind for token in arguments[0]] != ["name"]:
        return None
    return Node(
        kind="all",
        text=own,
        children=(_node(text, toks[: top[-4]]), _node(text, arguments[1])),
        variable=arguments[0][0].text,
        chains=names,
    )
