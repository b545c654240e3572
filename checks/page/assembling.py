"""What was got by each visitor made into evidence. Pure.

A list of bad things is told as soon as there is one; that there is none is told only where all
was looked at. What could not be compared is undefined.
"""

from dataclasses import dataclass
from typing import Any

from checks.base import Aliases
from checks.page.evidence import PageEvidence
from checks.page.fetch import LED_AWAY, Got
from checks.page.fingerprint import sketch_distance
from checks.page.reading import Sitemaps
from checks.page.settings import Baseline, PageSettings
from checks.page.view import View, differs, hidden, new_hosts

_MILLION = 1_000_000
_REFUSALS = frozenset({401, 403, 406, 407, 429})
"""Statuses by which a server refuses a visitor: what it would show others is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visitor's fetch, and the view of the page if one could be made."""

    got: Got
    asked: str
    """The host that was asked first."""
    view: View | None = None

    @property
    def shown(self) -> View | None:
        """The view, unless the server refused this visitor or failed."""
        status = self.got.status or 0
        return None if status in _REFUSALS or status >= 500 else self.view

    @property
    def answered(self) -> bool:
        """Whether the site itself said anything, so that other visitors may hear otherwise."""
        got = self.got
        return got.outcome != "blocked" and (got.status is not None or got.outcome == LED_AWAY)

    @property
    def leads_to(self) -> str | None:
        """Another host that the visitor is led to; empty: none; None: not known."""
        got = self.got
        if got.outcome == LED_AWAY:
            return got.away
        refreshed = got.refresh_host or (self.view.refresh_host if self.view else "")
        if got.readable and refreshed not in ("", got.at.host):
            return refreshed
        if got.outcome != "blocked" and got.at.host != self.asked:
            return got.at.host
        return None if self.view is None else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What the observation before this one showed."""

    fingerprint: str
    hosts: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything that one observation brought."""

    browser: Visit
    crawler: Visit | None = None
    search: Visit | None = None
    sitemaps: Sitemaps | None = None
    aliases: Aliases | None = None
    before: Before | None = None
    address: str = ""
    total_us: int | None = None


def before_of(visit: Visit) -> Before | None:
    """What to compare the next observation with."""
    view = visit.shown
    return None if view is None else Before(fingerprint=view.fingerprint, hosts=_all_hosts(view))


def evidence_of(settings: PageSettings, seen: Observed) -> PageEvidence:
    """The evidence of an observation."""
    values: dict[str, Any] = dict.fromkeys((*PageEvidence.measures(), *PageEvidence.postures()))
    values |= _of_reply(settings, seen)
    values |= _of_name(seen.aliases)
    values |= _of_sitemaps(settings.baseline, seen.sitemaps)
    view = seen.browser.view
    if view is not None:
        values |= _of_structure(view)
    for name, visit in (("crawler", seen.crawler), ("search", seen.search)):
        if visit is not None:
            values |= _of_visitor(name, visit, seen.browser.shown)
    shown = seen.browser.shown
    if shown is not None:
        values |= _of_drift(settings.baseline, seen.before, shown)
        others = [v.shown for v in (seen.crawler, seen.search) if v is not None and v.shown]
        values["cloaked"] = hidden(shown, [one for one in others if one is not None])
    return PageEvidence(**values)


def _of_reply(settings: PageSettings, seen: Observed) -> dict[str, Any]:
    got = seen.browser.got
    blocked = True if got.outcome == "blocked" else False if got.readable else None
    return {
        "outcome": got.outcome,
        "reason": got.reason[:255] or None,
        "status": got.status,
        "final_url": got.at.shown,
        "server_address": seen.address or None,
        "blocked": blocked if settings.filter_hosts else None,
        "blocked_by": got.reason[:255] if got.outcome == "blocked" else None,
        "leads_to": seen.browser.leads_to,
        "size": len(got.body) if got.readable else None,
        "total_us": seen.total_us,
    }


def _of_structure(view: View) -> dict[str, Any]:
    return {
        "words": view.words,
        "title_hash": view.title_hash,
        "fingerprint": view.fingerprint,
        "link_hosts": view.link_hosts,
        "script_hosts": view.script_hosts,
        "form_hosts": view.form_hosts,
        "password_hosts": view.password_hosts,
        "forms": view.forms,
        "cut": view.cut,
        "spam_words": view.spam_words,
    }


def _of_visitor(name: str, visit: Visit, browser: View | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: visit.got.outcome,
        f"{name}_status": visit.got.status,
        f"{name}_leads_to": visit.leads_to,
    }
    view = visit.shown
    if view is not None:
        found[f"{name}_spam_words"] = view.spam_words
        if browser is not None:
            found[f"{name}_differs"] = _millionths(differs(browser, view))
    return found


def _of_name(aliases: Aliases | None) -> dict[str, Any]:
    if aliases is None:
        return {}
    names = tuple(name[:253] for name in aliases.names)
    return {"cname": names, "cname_dangling": bool(names) and aliases.gone}


def _of_sitemaps(baseline: Baseline | None, sitemaps: Sitemaps | None) -> dict[str, Any]:
    if sitemaps is None:
        return {}
    whole, before = sitemaps.whole, baseline.sitemap_urls if baseline else None
    return {
        "sitemap": sitemaps.word,
        "sitemap_urls": sitemaps.urls if whole else None,
        "sitemap_hosts": tuple(sorted(sitemaps.hosts)) if whole or sitemaps.hosts else None,
        "sitemap_spam_urls": sitemaps.spam_urls if whole or sitemaps.spam_urls else None,
        "sitemap_spam_words": sitemaps.spam_words,
        "sitemap_growth": sitemaps.urls - before if whole and before is not None else None,
    }


def _of_drift(baseline: Baseline | None, before: Before | None, view: View) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if baseline is not None:
        if baseline.fingerprint is not None:
            drift = sketch_distance(baseline.fingerprint, view.fingerprint)
            found["drift"] = _millionths(drift)
        if baseline.title_hash is not None:
            found["title_changed"] = baseline.title_hash != view.title_hash
        for fact, now, pinned in (
            ("outbound_hosts_new", view.link_hosts, baseline.link_hosts),
            ("script_hosts_new", view.script_hosts, baseline.script_hosts),
            ("form_hosts_new", view.form_hosts, baseline.form_hosts),
        ):
            if pinned is not None:
                found[fact] = _new(view, now, pinned)
    if before is not None:
        drift = sketch_distance(before.fingerprint, view.fingerprint)
        found["previous_drift"] = _millionths(drift)
        found["previous_hosts_new"] = _new(view, _all_hosts(view), before.hosts)
    return found


def _new(
    view: View, now: tuple[str, ...] | frozenset[str], before: tuple[str, ...] | frozenset[str]
) -> tuple[str, ...] | None:
    found = new_hosts(now, before)
    return found if found or not view.cut else None


def _all_hosts(view: View) -> frozenset[str]:
    return frozenset((*view.link_hosts, *view.script_hosts, *view.form_hosts))


def _millionths(share: float) -> int:
    return round(share * _MILLION)
