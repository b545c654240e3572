"""What the CEL runtime says against an expression, in our codes and at our places."""

import re
from collections.abc import Mapping, Sequence

from policies.errors import ExpressionError
from policies.facts import close_names
from policies.syntax import Token, chains, named, place

_ERROR = re.compile(r"ERROR: <input>:(-?\d+):(-?\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '([^']*)'")
_OVERLOAD = re.compile(r"found no matching overload for '([^']*)' applied to '\((.*)\)'")
_SELECT = re.compile(r"expression of type '([^']*)' cannot be the operand of a select")

_Complaint = tuple[str, int, dict[str, str]]
"""Code, offset in the text, values."""


def refused(
    text: str, toks: Sequence[Token], refusal: str, types: Mapping[str, str]
) -> ExpressionError:
    """The first complaint of the runtime's refusal of `text`, where `types` are declared."""
    match = _ERROR.search(refusal)
    if match is None or int(match[1]) < 1:
        return ExpressionError("too-deep")
    lines = text.split("\n")
    offset = sum(len(line) + 1 for line in lines[: int(match[1]) - 1]) + int(match[2]) - 1
    what = match[3].removesuffix(" [INVALID_ARGUMENT]")
    code, at, values = _complaint(text, toks, what, offset, types)
    return ExpressionError(code, *place(text, at), **values)


def _complaint(
    text: str, toks: Sequence[Token], what: str, offset: int, types: Mapping[str, str]
) -> _Complaint:
    if undeclared := _UNDECLARED.search(what):
        return _unknown_name(toks, undeclared[1], offset, types)
    if overload := _OVERLOAD.search(what):
        return _no_overload(toks, overload[1], overload[2], offset)
    if select := _SELECT.search(what):
        return "no-fields", offset, {"type": select[1]}
    if not what.startswith("Syntax error"):
        return "cel", offset, {"what": what}
    if offset >= len(text.rstrip()):
        return "syntax-end", offset, {}
    near = next((token.text for token in toks if token.start <= offset < token.end), "")
    return "syntax", offset, {"near": near or text[offset : offset + 1]}


def _unknown_name(
    toks: Sequence[Token], reference: str, offset: int, types: Mapping[str, str]
) -> _Complaint:
    found = chains(toks)
    chain = next((c for c in found if c.start <= offset < c.end), None)
    chain = chain or next((c for c in found if c.name == reference), None)
    if chain is None or (chain.called and "." not in chain.name) or named(chain, types):
        return "unknown-function", offset, {"name": reference}
    name = chain.name.rpartition(".")[0] if chain.called else chain.name
    root = name.partition(".")[0]
    if root == "evidence" and not any(fact.startswith("evidence.") for fact in types):
        return "no-evidence-here", chain.start, {"name": name}
    code = "unknown-fact" if root in {"evidence", "target"} else "unknown-name"
    close = ", ".join(close_names(name, types)) or "–"
    return code, chain.start, {"name": name, "close": close}


def _no_overload(toks: Sequence[Token], function: str, types: str, offset: int) -> _Complaint:
    """Which operands do not go together; for int beside double, what to write."""
    operator = function.strip("@_")
    if types not in {"double, int", "int, double"}:
        return "types", offset, {"operator": operator, "types": types}
    index = next((i for i, token in enumerate(toks) if token.start == offset), 0)
    number = toks[index + 1 if types.endswith("int") else index - 1]
    write = f"{number.text}.0" if number.kind == "int" else "double(…)"
    if number.kind == "name":
        side = [c for c in chains(toks) if number.end == c.end or number.start == c.start]
        write = f"double({side[0].name})" if side and not side[0].called else write
    return "int-double", offset, {"operator": operator, "write": write}
