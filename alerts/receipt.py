"""What came of an attempt, as a code that cannot hold a secret. Pure.

A messaging library's own words may contain the URL, and the URL contains the token. So a receipt
is built from a closed list of words and at most a three-digit number found in those words:
nothing else passes. `receipt_sentence` says it to people.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from monitor.text import Language, say

ACCEPTED = "accepted"
BAD_URL = "bad-url"
NO_ROUTE = "no-route"
NO_SYSLOG = "no-syslog"
TIMEOUT = "timeout"
INTERNAL = "internal"
FAILED = "failed"

_HTTP = re.compile(r"\berror=(\d{3})\b")
_SMTP = re.compile(r"\((\d{3}), b['\"]")
_SYMPTOMS: tuple[tuple[str, str], ...] = (
    (r"name or service|name resolution|getaddrinfo|nodename", "name"),
    (r"certificate|\bssl\b|\btls\b", "tls"),
    (r"timed out|timeout", "no-answer"),
    (r"refused", "refused"),
    (r"unreachable|no route", "unreachable"),
    (r"reset by peer|aborted|connection error|socket exception", "connection"),
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9 _.-]{0,39}")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Whether the service took the message, and the code that says how it went."""

    delivered: bool
    code: str


def accepted(service: object) -> Receipt:
    """The service took it. `service` is the kind of service ("JSON"), never an address."""
    name = str(service)
    return Receipt(True, f"{ACCEPTED}:{name}" if _NAME.fullmatch(name) else ACCEPTED)


def failed(words: Iterable[str]) -> Receipt:
    """Why the service did not take it, as far as the library's words tell."""
    text = "\n".join(words)
    for pattern, kind in ((_HTTP, "http"), (_SMTP, "smtp")):
        if match := pattern.search(text):
            return Receipt(False, f"{kind}-{match[1]}")
    for symptom, code in _SYMPTOMS:
        if re.search(symptom, text, re.IGNORECASE):
            return Receipt(False, code)
    return Receipt(False, FAILED)


def broken(error: BaseException) -> Receipt:
    """A defect on our side of the service: only the name of the exception's type passes."""
    return Receipt(False, f"{INTERNAL}:{type(error).__name__}")


def receipt_sentence(code: str, lang: Language) -> str:
    """A receipt's code in words, with what to do where there is something to do."""
    word, _, detail = code.partition(":")
    kind, _, number = word.rpartition("-")
    if kind in ("http", "smtp"):
        word, detail = kind, number
    try:
        return say(f"alerts.receipt-{word}", lang, detail=detail)
    except KeyError:
        return say("alerts.receipt-failed", lang, detail="")
