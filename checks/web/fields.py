"""The header fields of a reply, in order, as a browser would take them. Pure; RFC 9110, 5."""

from collections.abc import Iterable, Sequence

Fields = Sequence[tuple[str, str]]
"""Names in lower case and values without surrounding spaces, in the order of the reply."""


def fields_of(pairs: Iterable[tuple[bytes, bytes]]) -> Fields:
    """Bytes outside ASCII are read as ISO-8859-1 (5.5)."""
    return tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in pairs)


def every(fields: Fields, name: str) -> list[str]:
    """The values of a field, in order."""
    return [value for own, value in fields if own == name]


def first(fields: Fields, name: str) -> str | None:
    """The first value of a field; None: there is none."""
    return next(iter(every(fields, name)), None)


def listed(fields: Fields, name: str) -> list[str]:
    """The members of a field that is a list (5.6.1), in order, without empty ones."""
    members = (member.strip(" \t") for value in every(fields, name) for member in value.split(","))
    return [member for member in members if member]


def content_type(fields: Fields) -> tuple[str, str]:
    """Media type and charset in lower case; empty where the reply does not say (8.3.1)."""
    kind, *parameters = (first(fields, "content-type") or "").lower().split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip(" \t") == "charset":
            return kind.strip(" \t"), value.strip(" \t\"'")
    return kind.strip(" \t"), ""
