"""One server of the farm: who makes it, how, and what is certain about it by its settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ALL = ("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3")
MODERN = ("TLSv1.2", "TLSv1.3")
V12 = ("TLSv1.2",)
V13 = ("TLSv1.3",)
ANCIENT = ("SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A server to raise.

    `maker`: nginx, haproxy, s_server (these use the system's OpenSSL), python, and, from the
    oracle's environment, ssl102, ssl111, ssl40 and tlslite. `options` are the maker's own words.
    """

    name: str
    maker: str
    protocols: tuple[str, ...]
    key: str = "rsa2048"
    """Kind of its certificate's key; empty: it has none."""
    fault: str = ""
    """See `Credentials.shown`."""
    options: Mapping[str, Any] = field(default_factory=dict)
    truth: Mapping[str, Any] = field(default_factory=dict)
    """Facts that follow from the settings, by their names in the evidence, beside `protocols`."""

    @property
    def needs_oracle(self) -> bool:
        """Whether the oracle's environment has to be there (tests/oracle/tls/install.sh)."""
        return self.maker in ("ssl102", "ssl111", "ssl40", "tlslite")


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """An entry that stands."""

    entry: Entry
    address: str
    port: int

    @property
    def name(self) -> str:
        """The entry's name."""
        return self.entry.name
