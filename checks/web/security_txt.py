"""security.txt: may people who find a weakness report it, and is the file in force? Pure.

Source: RFC 9116. Contacts are counted and not kept. A signature is noticed, not verified.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

SIZE_BOUND: Final = 32_768
"""Bytes of a file that are read (2.3 of the RFC's advice: at most 32 KiB)."""
_LINES_BOUND: Final = 1_000
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,63}):[ \t]*(.*)")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_DATE_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:(\d\d)(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_SIGNED: Final = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE: Final = "-----BEGIN PGP SIGNATURE-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityTxt:
    """What a file says. `error` is empty when it conforms; whether it has expired is not judged.

    `error`: not-text, too-large, not-utf-8, contact-missing, contact-no-uri, expires-missing,
    expires-twice, expires-unreadable, languages-twice.
    """

    error: str
    contacts: int = 0
    expires_s: int | None = None
    """UTC seconds."""
    signed: bool = False


def security_txt(body: bytes, media_type: str, charset: str, *, whole: bool) -> SecurityTxt:
    """The file that a reply carries; `whole`: no byte of it is missing."""
    if media_type != "text/plain":
        return SecurityTxt(error="not-text")
    if not whole:
        return SecurityTxt(error="too-large")
    try:
        text = body.decode("utf-8-sig")  # editors put a mark before it
    except UnicodeDecodeError:
        return SecurityTxt(error="not-utf-8")
    if charset not in ("", "utf-8", "us-ascii"):
        return SecurityTxt(error="not-utf-8")
    lines = text.splitlines()
    if len(lines) > _LINES_BOUND:
        return SecurityTxt(error="too-large")
    signed = _SIGNED in lines
    return _read(lines[: lines.index(_SIGNATURE)] if _SIGNATURE in lines else lines, signed=signed)


def _read(lines: list[str], *, signed: bool) -> SecurityTxt:
    found: dict[str, list[str]] = {}
    for line in lines:
        match = _FIELD.fullmatch(line.rstrip(" \t"))
        if match and not line.startswith("#"):
            found.setdefault(match[1].lower(), []).append(match[2])
    contacts, expires = found.get("contact", []), found.get("expires", [])
    expires_s = _seconds(expires[0]) if len(expires) == 1 else None
    return SecurityTxt(
        error=_error(contacts, expires, expires_s, found.get("preferred-languages", [])),
        contacts=len(contacts),
        expires_s=expires_s,
        signed=signed,
    )


def _error(
    contacts: list[str], expires: list[str], expires_s: int | None, languages: list[str]
) -> str:
    if not contacts:
        return "contact-missing"
    if not all(_URI.fullmatch(one) and not one.lower().startswith("http:") for one in contacts):
        return "contact-no-uri"  # 2.5.3: a URI, and one of the web is https
    if len(expires) != 1:
        return "expires-twice" if expires else "expires-missing"
    if expires_s is None:
        return "expires-unreadable"
    return "languages-twice" if len(languages) > 1 else ""


def _seconds(written: str) -> int | None:
    """UTC seconds of a date-time (RFC 3339, 5.6); a leap second counts as the one before it."""
    match = _DATE_TIME.fullmatch(written)
    if match is None:
        return None
    if match[1] == "60":
        written = f"{written[: match.start(1)]}59{written[match.end(1) :]}"
    try:
        moment = datetime.fromisoformat(written.upper())
        return int((moment.astimezone(UTC) - _EPOCH).total_seconds())
    except (ValueError, OverflowError):
        return None


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
