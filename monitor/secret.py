"""Secrets by reference: configuration names where a secret lies, and never holds it.

Enforced here: a secret never shows in repr, str or an error; a file that any account of the
host may read is refused; what is read is bounded. Left to others: when to reveal.
"""

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from monitor.text import Language, say

SECRET_LIMIT = 65_536
"""Bytes; a PEM key or a token is far smaller."""

_REFERENCE = re.compile(r"(file|env|credential):(\S(?:.*\S)?)")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"']*")
_HOST_IS_PUBLIC = re.compile(r"https?|icmp|tcp|tls|dns|sqlite.*|postgres.*")
"""Schemes whose host and path name a place; in any other (Apprise) they may be a token."""


class SecretError(Exception):
    """A secret cannot be read. `sentence` says what to do and never holds the secret."""

    def __init__(self, key: str, **values: object) -> None:
        self.key = key
        self.values = values
        super().__init__(self.sentence("en"))

    def sentence(self, lang: Language) -> str:
        """What is wrong, and what to do, in `lang`."""
        return say(f"config.{self.key}", lang, **self.values)


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """`file:PATH`, `env:NAME` or `credential:NAME` (systemd, $CREDENTIALS_DIRECTORY).

    A relative PATH starts at `base`, the directory of the configuration. ValueError for a text
    that is no reference; the text, which may be the secret itself, is not repeated.
    """

    reference: str
    base: Path = field(default=Path(), compare=False)

    def __post_init__(self) -> None:
        match = _REFERENCE.fullmatch(self.reference)
        if match is None or (match[1] != "file" and not _NAME.fullmatch(match[2])):
            raise ValueError("a secret is named file:PATH, env:NAME or credential:NAME")

    def __repr__(self) -> str:
        return f"Secret({self.reference!r})"

    def __str__(self) -> str:
        return "***"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, build: object) -> Any:
        """Read `{secret: REFERENCE}`; imported late, whoever reveals needs no pydantic."""
        from pydantic_core import core_schema

        return core_schema.with_info_plain_validator_function(cls._written)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: object, build: object) -> dict[str, Any]:
        """What an editor may expect."""
        reference = {"type": "string", "pattern": "^(file|env|credential):"}
        return {
            "type": "object",
            "properties": {"secret": reference},
            "required": ["secret"],
            "additionalProperties": False,
        }

    @classmethod
    def _written(cls, value: object, info: Any) -> "Secret":
        from pydantic_core import PydanticCustomError

        try:
            if isinstance(value, dict) and set(value) == {"secret"}:
                return cls(value["secret"], (info.context or {}).get("base", Path()))
        except (ValueError, TypeError):
            pass
        raise PydanticCustomError("secret-form", "a secret")

    def reveal(self) -> str:
        """The secret, without the newline at its end; SecretError says why it cannot be had."""
        source, _, name = self.reference.partition(":")
        if source == "env":
            secret = os.environ.get(name, "")
        elif source == "credential":
            secret = _read(_credential(name), self.reference, credential=True)
        else:
            secret = _read(self.base / name, self.reference)
        secret = secret.rstrip("\r\n")
        if not secret:
            raise SecretError("secret-empty", reference=self.reference)
        return secret


def _credential(name: str) -> Path:
    directory = os.environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise SecretError("secret-no-credentials", name=name)
    return Path(directory) / name


def _read(path: Path, reference: str, *, credential: bool = False) -> str:
    """The text of a secret's file. The open file is examined, so that it cannot be swapped."""
    try:
        # O_NONBLOCK: opening a FIFO in place of a file must not hang the daemon.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            mode = os.fstat(descriptor).st_mode
            if not stat.S_ISREG(mode):
                raise SecretError("secret-no-file", reference=reference)
            if mode & stat.S_IRWXO and not credential:
                raise SecretError("secret-world-readable", reference=reference, path=path)
            raw = file.read(SECRET_LIMIT + 1)
        text = raw.decode("utf-8")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SecretError("secret-unreadable", reference=reference, reason=reason) from None
    except ValueError:
        raise SecretError("secret-no-text", reference=reference) from None
    if len(raw) > SECRET_LIMIT:
        raise SecretError("secret-too-long", reference=reference, limit=SECRET_LIMIT)
    return text


def mask(url: str) -> str:
    """A URL fit for print: scheme and, where it cannot be a token, host and path."""
    scheme, separator, _ = url.partition("://")
    if not separator:
        return url
    if not _HOST_IS_PUBLIC.fullmatch(scheme.lower()):
        return f"{scheme}://***"
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{scheme}://***"
    user, at, host = parts.netloc.rpartition("@")
    if at:
        name, colon, _ = user.partition(":")
        host = f"{name}:***@{host}" if colon else f"***@{host}"
    query = "?***" if parts.query else ""
    return f"{scheme}://{host}{parts.path}{query}"


def mask_all(text: str) -> str:
    """The text with every URL in it masked."""
    return _URL.sub(lambda match: mask(match[0]), text)
