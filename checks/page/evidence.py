"""Evidence of the page check."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from checks.base import Evidence, FactValue, measure, posture

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PageEvidence(Evidence):
    """What the page is made of, what three visitors were shown, and what changed.

    `outcome`: of the browser's fetch: ok, dns, refused, timeout, unreachable, tls, reset,
    too-large, too-many-redirects, malformed, coded (a coding that was not asked for), led-away
    (a redirect out of the scope, to `leads_to`), blocked (the national filter answered).
    `crawler` and `search` are those of the other two. Shares of a text are stored in millionths.
    """

    FACTS: ClassVar[Mapping[str, str]] = {
        "outcome": "string",
        "reason": "string",
        "status": "int",
        "final_url": "string",
        "server_address": "string",
        "blocked": "bool",
        "blocked_by": "string",
        "total_ms": "double",
        "size": "int",
        "words": "int",
        "title_hash": "string",
        "fingerprint": "string",
        "link_hosts": "list<string>",
        "script_hosts": "list<string>",
        "form_hosts": "list<string>",
        "password_hosts": "list<string>",
        "forms": "int",
        "leads_to": "string",
        "cut": "bool",
        "spam_words": "list<string>",
        "crawler": "string",
        "crawler_status": "int",
        "crawler_differs": "double",
        "crawler_leads_to": "string",
        "crawler_spam_words": "list<string>",
        "search": "string",
        "search_status": "int",
        "search_differs": "double",
        "search_leads_to": "string",
        "search_spam_words": "list<string>",
        "cloaked": "bool",
        "cname": "list<string>",
        "cname_dangling": "bool",
        "sitemap": "string",
        "sitemap_urls": "int",
        "sitemap_hosts": "list<string>",
        "sitemap_spam_urls": "int",
        "sitemap_spam_words": "list<string>",
        "drift": "double",
        "title_changed": "bool",
        "outbound_hosts_new": "list<string>",
        "script_hosts_new": "list<string>",
        "form_hosts_new": "list<string>",
        "sitemap_growth": "int",
        "previous_drift": "double",
        "previous_hosts_new": "list<string>",
    }

    total_us: int | None = measure("us")
    size: int | None = measure("bytes")
    words: int | None = measure("words")
    crawler_differs: int | None = measure("millionths")
    search_differs: int | None = measure("millionths")
    drift: int | None = measure("millionths")
    previous_drift: int | None = measure("millionths")
    sitemap_urls: int | None = measure("URLs")
    sitemap_spam_urls: int | None = measure("URLs")
    sitemap_growth: int | None = measure("URLs")
    outcome: str = posture()
    reason: str | None = posture()
    status: int | None = posture()
    final_url: str = posture()
    server_address: str | None = posture()
    blocked: bool | None = posture()
    blocked_by: str | None = posture()
    title_hash: str | None = posture()
    fingerprint: str | None = posture()
    link_hosts: tuple[str, ...] | None = posture()
    script_hosts: tuple[str, ...] | None = posture()
    form_hosts: tuple[str, ...] | None = posture()
    password_hosts: tuple[str, ...] | None = posture()
    forms: int | None = posture()
    leads_to: str | None = posture()
    cut: bool | None = posture()
    spam_words: tuple[str, ...] | None = posture()
    crawler: str | None = posture()
    crawler_status: int | None = posture()
    crawler_leads_to: str | None = posture()
    crawler_spam_words: tuple[str, ...] | None = posture()
    search: str | None = posture()
    search_status: int | None = posture()
    search_leads_to: str | None = posture()
    search_spam_words: tuple[str, ...] | None = posture()
    cloaked: bool | None = posture()
    cname: tuple[str, ...] | None = posture()
    cname_dangling: bool | None = posture()
    sitemap: str | None = posture()
    sitemap_hosts: tuple[str, ...] | None = posture()
    sitemap_spam_words: tuple[str, ...] | None = posture()
    title_changed: bool | None = posture()
    outbound_hosts_new: tuple[str, ...] | None = posture()
    script_hosts_new: tuple[str, ...] | None = posture()
    form_hosts_new: tuple[str, ...] | None = posture()
    previous_hosts_new: tuple[str, ...] | None = posture()

    def facts(self) -> dict[str, FactValue]:
        """Every defined fact; shares between 0 and 1."""
        facts: dict[str, FactValue] = {}
        if self.total_us is not None:
            facts["total_ms"] = self.total_us / 1_000
        for name, kind in self.FACTS.items():
            value = None if name == "total_ms" else getattr(self, name)
            if kind == "double" and value is not None:
                facts[name] = value / _MILLION
            elif value is not None:
                facts[name] = list(value) if isinstance(value, tuple) else value
        return facts
