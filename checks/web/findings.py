"""From the replies of one look at a server to the fields of its evidence. Pure.

Each function gives the fields that it could see; what is left out was not observed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from checks.address import literal_family
from checks.html import Outline
from checks.http_request import redirected
from checks.shown_url import shown_url
from checks.web import csp, headers
from checks.web.cookies import Cookie, cookies
from checks.web.fetch import REDIRECTS, Fetched
from checks.web.fields import content_type, every
from checks.web.forms import Mixed, Seen, login, mixed
from checks.web.hsts import hsts
from checks.web.security_txt import security_txt
from checks.web.visit import Visit

_LOCATION_BOUND = 255
_NAMES_BOUND = 32
_REFUSALS = frozenset({401, 403, 408, 425, 429})
"""The server did not say whether the file is there."""

Found = dict[str, Any]


def of_page(visit: Visit) -> Found:
    """Where the page is and how its reply describes it."""
    last = visit.hops[-1]
    found: Found = {
        "outcome": visit.outcome,
        "reason": visit.reason or None,
        "status": last.status,
        "final_url": last.place.shown,
        "redirects": tuple(hop.place.shown for hop in visit.hops[1:]),
        "server_address": last.address or None,
    }
    if visit.page is not None:
        found |= {"tls": last.place.tls, **_of_head(last, visit.outline)}
    return found


def _of_head(reply: Fetched, outline: Outline | None) -> Found:
    fields = reply.fields
    in_head = csp.enforced(fields)
    of_page = csp.policies(outline.csp) if outline else []
    reported = csp.policies(every(fields, "content-security-policy-report-only"))
    generator = outline.generator if outline else ""
    return {
        "csp_enforced": bool(in_head or of_page),
        "csp_report_only": bool(reported) and not (in_head or of_page),
        "csp_script_weaknesses": csp.script_weaknesses([*in_head, *of_page]),
        "csp_upgrades": csp.upgrades([*in_head, *of_page]),
        "nosniff": headers.nosniff(fields),
        # A meta element cannot say who may frame the page (CSP 3, 3.3).
        "framing": headers.framing(fields, in_head),
        "referrer_policy": headers.referrer_policy(fields, outline.referrer if outline else ""),
        "banner_products": headers.products(fields, generator),
        "banner_shows_version": headers.shows_version(fields, generator),
    }


def of_hsts(host: str, visit: Visit) -> Found:
    """The policy of this very host's replies over TLS: the last valid one (RFC 6797, 8.1).

    Some servers set the field on pages and not on redirects. A host that is named by its address
    has none (8.1.1).
    """
    if literal_family(host):
        return {"hsts_valid": False, "hsts_error": "address"} if visit.page is not None else {}
    said = [
        hsts(every(reply.fields, "strict-transport-security"))
        for reply in visit.hops
        if reply.ok and reply.place.tls and reply.place.host == host
    ]
    valid = [policy for policy in said if policy.valid]
    if valid:
        return {
            "hsts_valid": True,
            "hsts_max_age_s": valid[-1].max_age_s,
            "hsts_include_subdomains": valid[-1].include_subdomains,
            "hsts_preload": valid[-1].preload,
        }
    if said:
        wrong = [policy.error for policy in said if policy.error != "absent"]
        return {"hsts_valid": False, "hsts_error": wrong[0] if wrong else "absent"}
    return {"hsts_valid": False, "hsts_error": "no-tls"} if visit.page is not None else {}


def of_plain(host: str, reply: Fetched) -> Found:
    """What happens to somebody who asks without TLS: the first reply alone."""
    found: Found = {"plain_outcome": reply.outcome}
    if reply.ok:
        found |= {
            "plain_status": reply.status,
            "plain_location": shown_url(reply.location)[:_LOCATION_BOUND] or None,
            "plain_leads_to_https": leads_to_https(host, reply),
        }
    return found


def leads_to_https(host: str, reply: Fetched) -> bool:
    """Whether a reply sends people to the same host over TLS, at once."""
    if reply.status not in REDIRECTS or not reply.location:
        return False
    try:
        where = redirected(reply.place, reply.location)
    except ValueError:
        return False
    return where.tls and where.host == host


def of_cookies(replies: Iterable[Fetched]) -> Found:
    """What these replies set, together; names alone, sorted."""
    every_one: list[Cookie] = []
    read = [reply for reply in replies if reply.ok]
    for reply in read:
        values = every(reply.fields, "set-cookie")
        every_one += cookies(values, over_tls=reply.place.tls)
    if not read:
        return {}
    return {
        "cookies_names": _names(every_one),
        "cookies_not_secure": _names(one for one in every_one if not one.secure),
        "cookies_script_readable": _names(one for one in every_one if not one.http_only),
        "cookies_no_same_site": _names(one for one in every_one if not one.same_site),
        "cookies_refused": _names(one for one in every_one if one.refused),
    }


def _names(found: Iterable[Cookie]) -> tuple[str, ...]:
    return tuple(sorted({one.name for one in found})[:_NAMES_BOUND])


def seen(reply: Fetched, outline: Outline) -> Seen:
    """A page for the eyes of `forms`."""
    whole = reply.whole and not outline.cut
    return Seen(url=reply.place.shown, tls=reply.place.tls, outline=outline, whole=whole)


def of_passwords(pages: Sequence[Seen], *, complete: bool, expected: bool) -> Found:
    """Where passwords are asked for. `complete`: every page was read that was to be looked at.

    What is wrong is told wherever it was seen; that nothing is wrong only of what was seen whole.
    A login page that is `expected` but shows no password field is made by a script: nothing is
    known of it.
    """
    found = login(pages)
    sure = complete and all(page.whole for page in pages)
    known = sure and (bool(found.pages) or not expected)
    return {
        "login_pages": found.pages if found.pages or sure else None,
        "login_insecure": found.insecure if found.insecure or known else None,
        "login_in_url": found.in_url if found.in_url or known else None,
    }


def of_mixed(pages: Iterable[Seen]) -> Found:
    """What pages that came over TLS name with http; a zero only of pages that were read whole."""
    over_tls = [page for page in pages if page.tls]
    if not over_tls:
        return {}
    each = [mixed(page.outline) for page in over_tls]
    whole = all(page.whole for page in over_tls)

    def told(count: int) -> int | None:
        return count if count or whole else None

    return {
        "mixed_active": told(sum(one.active for one in each)),
        "mixed_passive": told(sum(one.passive for one in each)),
        "mixed_forms": told(sum(one.forms for one in each)),
        "mixed_hosts": _hosts(each) if whole or any(one.hosts for one in each) else None,
    }


def _hosts(each: Iterable[Mixed]) -> tuple[str, ...]:
    return tuple(sorted({host for one in each for host in one.hosts})[:_NAMES_BOUND])


def of_security_txt(visit: Visit) -> Found:
    """Whether the file is there and conforms; silence and refusals say nothing."""
    page = visit.page
    if page is None or page.status is None or page.status in _REFUSALS:
        return {}
    if page.status < 300 and not page.readable:
        return {}  # in a coding that nobody asked for
    if not 200 <= page.status <= 299:
        return {"security_txt_found": False, "security_txt_valid": False}
    media_type, charset = content_type(page.fields)
    file = security_txt(page.body, media_type, charset, whole=page.whole)
    if file.error == "not-text":
        # A page in place of the file: many servers answer everything with one.
        return {"security_txt_found": False, "security_txt_valid": False}
    if not page.place.tls:
        file = replace(file, error=file.error or "not-tls")  # RFC 9116, 3
    return {
        "security_txt_found": True,
        "security_txt_valid": not file.error,
        "security_txt_error": file.error or None,
        "security_txt_contacts": file.contacts,
        "security_txt_signed": file.signed,
        "security_txt_expires_s": file.expires_s,
    }
