"""The kinds of value a configuration holds, each refused with a sentence of its own.

A PydanticCustomError's type is the name of its text in `config.toml`; "value" is filled in by
`monitor.config.validation`.
"""

import re
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from annotated_types import Interval
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from checks.base import Microseconds
from monitor.calendar import minutes_of
from monitor.ledger.errors import NoteError
from monitor.ledger.signer import KeyKind, Verifier
from monitor.model import parse_duration

KEY_PATTERN = r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?"
SECRET_PATTERN = r"(file|env|credential):\S.*"  # noqa: S105 - the form of a reference
LINE_LIMIT = 200
"""Characters of a name or another one-line text."""

_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_LAST_LABEL = re.compile(r"(?:.*\.)?[0-9]+\.?")
"""A last label of digits alone is an IPv4 address gone wrong, not a name (WHATWG URL, 3.5)."""
_ORIGIN = re.compile(r"[^\s+\x00-\x1f\x7f]{1,255}")
"""C2SP signed-note: not empty, no Unicode space, no plus; we add a bound."""
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
"""A day and a time of day (RFC 3339), the zone left out where it is the city's own."""
_SCHEMES = ("https", "http", "tcp", "tls", "icmp", "dns")


def is_host_name(text: str) -> bool:
    """Whether a text can be a host name (RFC 1123, underscores let through)."""
    return (
        len(text) <= 253
        and _HOST_NAME.fullmatch(text) is not None
        and _LAST_LABEL.fullmatch(text) is None
    )


def literal(text: str) -> str | None:
    """The canonical spelling of an IP address; None for anything else."""
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def _key(text: str) -> str:
    if re.fullmatch(KEY_PATTERN, text) is None:
        raise PydanticCustomError("key-form", "key")
    return text


def _line(text: str) -> str:
    if "\n" in text or "\t" in text or len(text) > LINE_LIMIT:
        raise PydanticCustomError("line", "line", {"limit": LINE_LIMIT})
    return text


def _host(text: str) -> str:
    address = literal(text)
    if address is None and not is_host_name(text):
        raise PydanticCustomError("host-bad", "host")
    return address or text.rstrip(".").lower()


def _address(text: str) -> str:
    address = literal(text)
    if address is None:
        raise PydanticCustomError("address-bad", "address")
    return address


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        pass
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        raise PydanticCustomError("network-bad", "network") from None
    raise PydanticCustomError("network-host-bits", "network", {"meant": str(meant)})


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise PydanticCustomError("url-bad", "url") from None
    if parts.scheme not in _SCHEMES or re.search(r"\s", text) or port == 0:
        raise PydanticCustomError("url-bad", "url")
    if "@" in parts.netloc:
        raise PydanticCustomError("url-password", "url")
    if literal(host) is None and not is_host_name(host):
        raise PydanticCustomError("url-bad", "url")
    return text


def _mac(text: str) -> str:
    plain = text.lower().replace("-", ":")
    if _MAC.fullmatch(plain) is None:
        raise PydanticCustomError("mac-bad", "mac")
    return plain


def _timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError
        raise PydanticCustomError("timezone-bad", "timezone") from None
    except KeyError:
        raise PydanticCustomError("timezone-bad", "timezone") from None
    return text


def _origin(text: str) -> str:
    if _ORIGIN.fullmatch(text) is None:
        raise PydanticCustomError("origin-bad", "origin")
    return text


def _absolute(text: str) -> str:
    if not text.startswith("/"):
        raise PydanticCustomError("path-not-absolute", "path")
    return text


def _moment(text: str) -> str:
    try:
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text).isoformat()
    except ValueError:  # a 13th month
        pass
    raise PydanticCustomError("moment-bad", "moment")


def _witness_url(text: str) -> str:
    if urlsplit(_url(text)).scheme not in ("https", "http") or "?" in text or "#" in text:
        raise PydanticCustomError("witness-url-bad", "url")
    return text.rstrip("/")


def _authority_url(text: str) -> str:
    if urlsplit(_url(text)).scheme not in ("https", "http") or "#" in text:
        raise PydanticCustomError("authority-url-bad", "url")
    return text


def _hour(text: str) -> str:
    if minutes_of(text) is None:
        raise PydanticCustomError("hour-bad", "hour")
    return text


def _witness_key(text: str) -> str:
    try:
        kind = Verifier.parse(text).kind
    except NoteError:
        raise PydanticCustomError("vkey-bad", "vkey") from None
    if kind is not KeyKind.COSIGNATURE:
        raise PydanticCustomError("witness-key-kind", "vkey")
    return text


def _log_key(text: str) -> str:
    try:
        kind = Verifier.parse(text).kind
    except NoteError:
        raise PydanticCustomError("vkey-bad", "vkey") from None
    if kind is not KeyKind.ED25519:
        raise PydanticCustomError("log-key-kind", "vkey")
    return text


def _listen(text: str) -> str:
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    port_fits = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65_535
    if not colon or not port_fits or literal(bare) is None or (":" in bare) != (bare != host):
        raise PydanticCustomError("listen-bad", "listen")
    return text


class Span:
    """Marks a length of time written with its unit and held as microseconds."""

    def __get_pydantic_core_schema__(self, source: object, build: Any) -> Any:
        """As in checks, with a sentence in both languages."""
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(_span, build(source))

    def __get_pydantic_json_schema__(self, schema: Any, build: Any) -> Any:
        """As in checks."""
        return Microseconds().__get_pydantic_json_schema__(schema, build)


def _span(text: object) -> int:
    try:
        return parse_duration(text)
    except ValueError:
        raise PydanticCustomError("duration-bad", "duration") from None


Key = Annotated[
    str, AfterValidator(_key), WithJsonSchema({"type": "string", "pattern": f"^{KEY_PATTERN}$"})
]
"""The name of a thing: small letters, digits, dots, hyphens."""
Line = Annotated[str, AfterValidator(_line)]
Host = Annotated[str, AfterValidator(_host)]
"""An IP address (canonical) or a host name (small letters)."""
Address = Annotated[str, AfterValidator(_address)]
"""An IP address alone."""
Network = Annotated[str, AfterValidator(_network)]
Url = Annotated[str, AfterValidator(_url)]
Mac = Annotated[str, AfterValidator(_mac)]
Zone = Annotated[str, AfterValidator(_timezone)]
Origin = Annotated[str, AfterValidator(_origin)]
Moment = Annotated[str, AfterValidator(_moment)]
"""A day and a time, 2026-12-01T22:00; in the city's zone unless it carries one."""
Absolute = Annotated[str, AfterValidator(_absolute)]
WitnessUrl = Annotated[str, AfterValidator(_witness_url)]
"""Where `/add-checkpoint` is asked for, without that and without a slash at its end."""
AuthorityUrl = Annotated[str, AfterValidator(_authority_url)]
"""Where a time-stamping authority is asked, whole."""
Hour = Annotated[
    str,
    AfterValidator(_hour),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}),
]
"""A time of day in the city's zone, 07:30."""
WitnessKey = Annotated[str, AfterValidator(_witness_key)]
"""A verifier key of type 0x04 (cosignature)."""
LogKey = Annotated[str, AfterValidator(_log_key)]
"""A verifier key of type 0x01."""
Listen = Annotated[str, AfterValidator(_listen)]
"""An address and a port: 127.0.0.1:8950, [::1]:8950; port 0: any."""
Port = Annotated[int, Interval(ge=1, le=65_535)]
Length = Annotated[int, Span()]
