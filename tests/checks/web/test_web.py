"""The web check against real servers of loopback, good, faulty and hostile."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from checks.table import KINDS
from checks.web.check import KIND
from checks.web.evidence import WebSettings
from monitor.model import Family, Fault, FaultKind
from tests.checks.harness import SHORT, facts, fault, net_of, observe, run
from tests.lab.certificates import Authority
from tests.lab.webserver import (
    Page,
    WebServer,
    cut,
    dripping,
    endless,
    page,
    raw,
    redirect,
    silent,
)

AUTHORITY = Authority.new()
NAMES = {"www.example": ["127.0.0.1"], "sso.example": ["127.0.0.1"]}
HTML = "Content-Type: text/html; charset=utf-8\r\n"
GOOD_FIELDS = (
    f"{HTML}Strict-Transport-Security: max-age=31536000; includeSubDomains\r\n"
    "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'\r\n"
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: same-origin\r\nServer: nginx\r\n"
    "Set-Cookie: __Host-sid=5ecret; Secure; HttpOnly; SameSite=Lax; Path=/\r\n"
)
LOGIN = b"<title>Masuk</title><form method=post action=/in><input type=password></form>"
FILE = b"Contact: mailto:csirt@city.example\nExpires: 2027-01-01T00:00:00Z\n"


@pytest.fixture
def roots(tmp_path: Path) -> str:
    """The PEM file of the trusted authority."""
    return AUTHORITY.write(tmp_path / "ca.pem")


def html(text: str, fields: str = "", **wishes: Any) -> Page:
    """A page of HTML."""
    return page(text.encode(), fields=HTML + fields, **wishes)


def tls_server(pages: Mapping[str, Page], names: tuple[str, ...] = tuple(NAMES)) -> WebServer:
    """A server with a certificate of the trusted authority."""
    return WebServer(pages, tls=AUTHORITY.issue(*names).context())


async def look(server: WebServer, path: str = "/", **wishes: Any) -> dict[str, Any]:
    """The facts of one look at a server by the name www.example."""
    ca_file = wishes.pop("roots", "")
    names = wishes.pop("names", NAMES)
    outcome = await observe(KIND, settings(server, path, **wishes), net_of(names, ca_file=ca_file))
    return facts(outcome)


def settings(server: WebServer, path: str = "/", **wishes: Any) -> WebSettings:
    """Settings for a page of this server, without pauses."""
    url = server.url(path, "www.example")
    return WebSettings(url=url, **{"pause": 0, "timeout": 6_000_000, "closed": (), **wishes})


GOOD: Mapping[str, Page] = {
    "/": page(b"<title>Kota</title><p>Selamat datang", fields=GOOD_FIELDS),
    "/login": page(LOGIN, fields=GOOD_FIELDS),
    "/.well-known/security.txt": page(FILE, fields="Content-Type: text/plain; charset=utf-8\r\n"),
}


def test_a_good_site_is_described(roots: str) -> None:
    """Each fact of a site that is as it should be is told."""

    async def scenario() -> None:
        async with tls_server(GOOD) as server, WebServer({}) as plain:
            onward = server.url("/", "www.example")
            plain.pages = {"/": redirect(onward, 308), "/login": redirect(onward)}
            found = await look(
                server,
                roots=roots,
                login="/login",
                plain=plain.url("/", "www.example"),
                closed=("/backup/", "/login"),
            )
        assert {name: found[name] for name in EXPECTED} == EXPECTED
        assert 0 < found["security_txt.days_left"] < 10_000
        assert "5ecret" not in repr(found)
        assert "csirt" not in repr(found)
        asked = [request.split(b" ")[:2] for request in server.requests]
        assert {method for method, _ in asked} == {b"GET"}
        assert [path for _, path in asked][:3] == [b"/", b"/login", b"/.well-known/security.txt"]
        assert [path for _, path in asked][3:] == [b"/backup/", b"/login"]
        assert len(plain.requests) == 2
        assert found["requests"] == len(asked) + 2
        assert not any(b"cookie:" in request.lower() for request in server.requests)

    run(scenario)


EXPECTED = {
    "outcome": "ok",
    "status": 200,
    "redirects": [],
    "tls": True,
    "server_address": "127.0.0.1",
    "plain.outcome": "ok",
    "plain.status": 308,
    "plain.leads_to_https": True,
    "hsts.valid": True,
    "hsts.max_age_s": 31_536_000,
    "hsts.include_subdomains": True,
    "hsts.preload": False,
    "csp.enforced": True,
    "csp.report_only": False,
    "csp.script_weaknesses": [],
    "csp.upgrades": False,
    "nosniff": True,
    "framing": "nobody",
    "referrer_policy": "same-origin",
    "banner.products": ["nginx"],
    "banner.shows_version": False,
    "cookies.names": ["__Host-sid"],
    "cookies.not_secure": [],
    "cookies.script_readable": [],
    "cookies.no_same_site": [],
    "cookies.refused": [],
    "login.outcome": "ok",
    "login.status": 200,
    "login.insecure": [],
    "mixed.active": 0,
    "mixed.passive": 0,
    "mixed.forms": 0,
    "mixed.hosts": [],
    "security_txt.found": True,
    "security_txt.valid": True,
    "security_txt.contacts": 1,
    "security_txt.signed": False,
    "security_txt.expires": "2027-01-01T00:00:00Z",
    "closed.open": [],
    "closed.undecided": [],
}


def test_a_poor_site_is_described(roots: str) -> None:
    """What is missing or wrong is told as it is, not judged."""
    poor = html(
        "<meta name=generator content='CMS 3.2'><script src=http://cdn.example/x.js></script>"
        "<img src=http://img.example/1.png><form action=http://www.example/in>"
        "<input type=password></form>",
        "Strict-Transport-Security: max-age=0\r\nServer: Apache/2.4.41 (Ubuntu)\r\n"
        "Set-Cookie: PHPSESSID=1\r\nSet-Cookie: a=b; SameSite=None\r\n"
        "Content-Security-Policy-Report-Only: default-src 'self'\r\n",
    )

    async def scenario() -> None:
        async with tls_server({"/": poor}) as server, WebServer({"/": html("hello")}) as plain:
            found = await look(server, roots=roots, plain=plain.url("/", "www.example"))
        assert (found["hsts.valid"], found["hsts.max_age_s"]) == (True, 0)
        assert (found["csp.enforced"], found["csp.report_only"]) == (False, True)
        assert found["csp.script_weaknesses"] == ["no-script-src"]
        assert (found["nosniff"], found["framing"], found["referrer_policy"]) == (
            False,
            "anyone",
            "",
        )
        assert found["banner.products"] == ["Apache", "CMS"]
        assert found["banner.shows_version"] is True
        assert found["cookies.not_secure"] == ["PHPSESSID", "a"]
        assert found["cookies.no_same_site"] == ["PHPSESSID"]
        assert found["cookies.refused"] == ["a"]
        assert found["login.insecure"] == ["action http://www.example/in"]
        assert found["login.in_url"] == ["http://www.example/in"]
        assert (found["mixed.active"], found["mixed.passive"], found["mixed.forms"]) == (1, 1, 1)
        assert found["mixed.hosts"] == ["cdn.example", "img.example"]
        assert (found["plain.status"], found["plain.leads_to_https"]) == (200, False)
        assert (found["security_txt.found"], found["security_txt.valid"]) == (False, False)
        assert "closed.open" not in found

    run(scenario)


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("https://www.example/", True),
        ("https://www.example:8443/x", True),
        ("https://other.example/", False),
        ("http://www.example/x", False),
        ("/x", False),
        ("https://[", False),
    ],
)
def test_the_first_step_counts(location: str, leads: bool, roots: str) -> None:
    """Only a redirect to the same host over TLS, at once, leads to https."""

    async def scenario() -> None:
        async with tls_server({}) as server, WebServer({"/": redirect(location)}) as plain:
            found = await look(server, roots=roots, plain=plain.url("/", "www.example"))
        assert found["plain.leads_to_https"] is leads

    run(scenario)


def test_a_login_that_is_served_without_tls_too_is_found(roots: str) -> None:
    """The login page is asked for without TLS as well; there its password is in the clear."""
    pages = {"/": html("hello"), "/login": page(LOGIN, fields=HTML)}

    async def scenario() -> None:
        async with tls_server(pages) as server, WebServer(pages) as plain:
            at = plain.url("/", "www.example")
            found = await look(server, roots=roots, plain=at, login="/login?next=1")
            assert found["login.insecure"] == [f"action {at}in", f"page {at}login"]
            assert found["login.pages"] == [at + "login", server.url("/login", "www.example")]

    run(scenario)


def test_a_site_without_tls_is_looked_at_as_it_is() -> None:
    """Of an http URL the page itself is the plain one; nothing of TLS is told."""

    async def scenario() -> None:
        async with WebServer({"/": html("hello")}) as server:
            found = await look(server, login="/")
            assert (found["tls"], found["plain.leads_to_https"]) == (False, False)
            assert (found["hsts.valid"], found["hsts.error"]) == (False, "no-tls")
            assert "mixed.active" not in found
            # A login page without a password field is made by a script: nothing is known.
            assert "login.insecure" not in found
            assert found["login.pages"] == []
            found = await look(server)
            assert (found["login.pages"], found["login.insecure"]) == ([], [])

    run(scenario)


def test_hsts_may_come_with_the_page_and_not_with_the_redirect(roots: str) -> None:
    """Browsers take the field of any reply of the host over TLS; the last valid one holds."""
    on = page(b"hello", fields=HTML + "Strict-Transport-Security: max-age=9\r\n")
    first = page(b"", status=302, fields="Location: /x\r\nStrict-Transport-Security: max-age=7\r\n")
    wrong = page(b"", status=302, fields="Location: /y\r\nStrict-Transport-Security: max-age\r\n")

    async def scenario() -> None:
        async with tls_server({"/x": on, "/y": html("hello")}) as server:
            for shown, expected in ((redirect("/x"), 9), (first, 9), (wrong, None)):
                server.pages["/"] = shown
                found = await look(server, roots=roots, closed=())
                assert found.get("hsts.max_age_s") == expected
            assert found["hsts.error"] == "malformed"

    run(scenario)


def test_the_landing_hosts_of_the_filter_are_the_operators(roots: str) -> None:
    """A page like the landing page is blocked, and the site's own where nothing is looked for."""
    landing = html("<title>Internet Positif</title>")

    async def scenario() -> None:
        async with tls_server({"/": landing}) as server:
            found = await look(server, roots=roots, closed=())
            assert (found["outcome"], "nosniff" in found) == ("blocked", False)
            found = await look(server, roots=roots, closed=(), filter_hosts=())
            assert (found["outcome"], found["nosniff"]) == ("ok", False)

    run(scenario)


def test_a_host_named_by_its_address_has_no_hsts() -> None:
    """Browsers ignore the field of a host that is an address."""

    async def scenario() -> None:
        async with WebServer({"/": page(b"x", fields=GOOD_FIELDS)}) as server:
            wish = WebSettings(url=server.url("/"), pause=0, closed=())
            found = facts(await observe(KIND, wish))
        assert (found["hsts.valid"], found["hsts.error"]) == (False, "address")

    run(scenario)


def test_a_redirect_out_of_scope_is_not_followed(roots: str) -> None:
    """Every address is asked of the scope; what was seen before the step is told."""
    names = {**NAMES, "far.example": ["192.0.2.1"]}
    pages = {"/": redirect("https://far.example/"), "/x": html("x")}

    async def scenario() -> None:
        async with tls_server(pages) as server:
            at = "http://far.example/"
            found = await look(
                server, roots=roots, names=names, login="https://far.example/in", plain=at
            )
            assert found["plain.outcome"] == "not-followed"
            assert (found["outcome"], found["reason"]) == ("not-followed", "scope")
            assert (found["status"], found["hsts.error"]) == (302, "absent")
            assert found["login.outcome"] == "not-followed"
            assert "nosniff" not in found
            assert "login.insecure" not in found
            wish = WebSettings(url="https://far.example/")
            told = fault(await observe(KIND, wish, net_of(names)))
            assert told.kind is FaultKind.SCOPE

    run(scenario)


def test_each_request_asks_the_scope_about_the_address_it_goes_to() -> None:
    """A name that leads elsewhere at the second request is refused at the second request."""

    class Moving:
        asked = 0

        def lookup(self, name: str, family: Family, found: Callable[[Any], None]) -> None:
            self.asked += 1
            found(["127.0.0.1" if self.asked == 1 else "192.0.2.7"])

    async def scenario() -> None:
        async with WebServer({"/": html("hello")}) as server:
            resolver = Moving()
            net = net_of(resolver=resolver)
            found = facts(await observe(KIND, settings(server, login="/login"), net))
            assert found["outcome"] == "ok"
            assert found["login.outcome"] == "not-followed"
            assert len(server.requests) == 1
            assert resolver.asked > 1

    run(scenario)


def test_closed_paths_are_told_apart(roots: str) -> None:
    """Open is content of its own: no error page, no login page, no redirect away."""
    listing = html("<title>Index of /backup</title><a href=dump.sql>dump.sql</a>")
    pages = {
        "/": html("hello"),
        "/login": page(LOGIN, fields=HTML),
        "/backup": redirect("/backup/", 301),
        "/backup/": listing,
        "/admin": redirect("/login"),
        "/panel": page(LOGIN, fields=HTML),
        "/secret": page(b"no", status=403),
        "/busy": page(b"later", status=503),
        "/empty": page(b""),
    }
    closed = ("/backup", "/admin", "/panel", "/secret", "/empty", "/gone")

    async def scenario() -> None:
        async with tls_server(pages) as server:
            found = await look(server, roots=roots, closed=closed)
            assert (found["closed.open"], found["closed.undecided"]) == (["/backup"], [])
            found = await look(server, roots=roots, closed=("/secret", "/busy"))
            assert found["closed.undecided"] == ["/busy"]
            assert "closed.open" not in found

    run(scenario)


def test_an_answer_to_everything_opens_nothing(roots: str) -> None:
    """A server that shows one page for any path shows nothing; what differs from it is open."""

    class Anything(dict[str, Page]):
        def get(self, path: str, default: Any = None) -> Page:  # type: ignore[override]
            known = super().get(path)
            return known or html(f"<title>Oops</title>Nothing at {path}, request {id(path):x}")

    async def scenario() -> None:
        async with tls_server({}) as server:
            server.pages = Anything({"/dump.sql": html("<title>Oops</title>CREATE TABLE warga")})
            found = await look(server, roots=roots, closed=("/admin/", "/dump.sql"))
        assert found["closed.open"] == ["/dump.sql"]
        paths = [request.split(b" ")[1].decode() for request in server.requests]
        # The neighbour of each has the same ending; of what shows something else two are asked.
        assert paths[-5] == "/admin/"
        assert paths[-4].count("/") == 2
        assert paths[-3] == "/dump.sql"
        assert all(path.endswith(".sql") for path in paths[-2:])
        assert (found["security_txt.found"], found["status"]) == (False, 200)

    run(scenario)


@pytest.mark.parametrize(
    ("hostile", "outcome"),
    [
        (endless(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"), "malformed"),
        (endless(b"HTTP/1.1 200 OK\r\nA: ", b"x" * 10_000), "malformed"),
        (dripping(b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"), "timeout"),
        (silent(), "timeout"),
        (cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc"), "reset"),
        (raw(b"\x00" * 100), "malformed"),
        (redirect("/"), "too-many-redirects"),
        (redirect("http://\x80["), "malformed"),
        (page(b"x", status=503), "status"),
    ],
    ids=["fields", "field", "slow", "silent", "cut", "zeros", "loop", "nowhere", "error"],
)
def test_hostile_pages_have_their_outcome(hostile: Page, outcome: str) -> None:
    """Each ends within its bounds as evidence, and nothing is said of a page that was not seen."""

    async def scenario() -> None:
        async with WebServer({"/": hostile}) as server:
            # Only where silence is the point is the time short.
            wish = 4 * SHORT if outcome == "timeout" else 15_000_000
            found = await look(server, timeout=wish)
        assert found["outcome"] == outcome
        assert not {"nosniff", "login.insecure", "mixed.active"} & set(found)
        assert found["requests"] <= 10

    run(scenario)


def test_a_page_above_the_bound_is_read_up_to_it(roots: str) -> None:
    """Of ten megabytes the head and the first bytes are read; a zero is not told of the rest."""
    start = b"<img src=http://a.example><form method=post><input type=password></form>"
    big = page(start + b"<p>x" * 2_500_000, fields=GOOD_FIELDS)
    endless_one = endless(b"HTTP/1.1 200 OK\r\n" + HTML.encode() + b"\r\n" + start, b"<p>" * 20_000)

    async def scenario() -> None:
        for one in (big, endless_one):
            async with tls_server({"/": one}) as server:
                found = await look(server, roots=roots, max_body=100_000)
            assert (found["outcome"], found["mixed.passive"]) == ("ok", 1)
            assert "mixed.active" not in found
            assert len(found["login.pages"]) == 1
            assert "login.insecure" not in found

    run(scenario)


@pytest.mark.parametrize("charset", ["punycode", "utf-16", "zlib", "\xff", "x" * 300, ""])
def test_a_wrong_character_set_changes_nothing(charset: str, roots: str) -> None:
    """Whatever a server calls its character set, the page is read or is empty."""
    fields = f"Content-Type: text/html; charset={charset}\r\n"

    async def scenario() -> None:
        async with tls_server({"/": page(LOGIN, fields=fields)}) as server:
            found = await look(server, roots=roots)
        assert found["outcome"] == "ok"
        assert len(found["login.pages"]) == (0 if charset == "utf-16" else 1)

    run(scenario)


def test_a_page_that_is_no_html_loads_nothing(roots: str) -> None:
    """Of text there is nothing to be mixed; where no plain page is known none is asked for."""
    pages = {"/": page(b'{"a": "<img src=http://a.example>"}', fields="Content-Type: a/json\r\n")}

    async def scenario() -> None:
        async with tls_server(pages) as server:
            found = await look(server, roots=roots)
        assert (found["mixed.active"], found["mixed.passive"]) == (0, 0)
        assert (found["login.insecure"], found["plain.outcome"]) == ([], "not-asked")
        assert found["requests"] == 2

    run(scenario)


def test_a_coded_page_is_not_looked_into(roots: str) -> None:
    """Of a page in a coding that nobody asked for only the head is told."""
    coded = html("<meta name=generator content='CMS 1.0'>", "Content-Encoding: gzip\r\n")
    file = page(b"\x1f\x8b", fields="Content-Type: text/plain\r\nContent-Encoding: gzip\r\n")
    pages = {"/": coded, "/a": html("a"), "/.well-known/security.txt": file}

    async def scenario() -> None:
        async with tls_server(pages) as server:
            found = await look(server, roots=roots, closed=("/a",))
        assert (found["nosniff"], found["banner.products"]) == (False, [])
        assert not {"login.pages", "mixed.active", "security_txt.valid"} & set(found)
        assert found["closed.open"] == ["/a"]

    run(scenario)


def test_all_requests_share_one_deadline() -> None:
    """A silent server costs a third of the time a request and no more than all of it together."""
    pages = {"/": html("x"), **{f"/{name}": silent() for name in "abcdefgh"}}

    async def scenario() -> None:
        async with WebServer(pages) as server:
            wish = settings(
                server, timeout=900_000, closed=tuple(f"/{name}" for name in "abcdefgh")
            )
            outcome = await observe(KIND, wish, net_of(NAMES))
            found = facts(outcome)
        assert found["outcome"] == "ok"
        assert found["closed.undecided"] == [f"/{name}" for name in "abcdefgh"]
        assert "closed.open" not in found
        assert found["requests"] < 9

    run(scenario)


def test_a_silent_plain_port_does_not_cost_the_rest() -> None:
    """No request takes the time of all: after a timeout the next one is asked."""
    pages = {"/": html("x"), "/login": page(LOGIN, fields=HTML)}

    async def scenario() -> None:
        async with WebServer(pages) as server, WebServer({"/": silent()}) as plain:
            at = plain.url("/", "www.example")
            found = await look(server, timeout=4 * SHORT, plain=at, login="/login")
        assert (found["plain.outcome"], found["login.outcome"]) == ("timeout", "ok")
        assert "plain.leads_to_https" not in found

    run(scenario)


def test_a_page_without_trust_is_not_read(roots: str) -> None:
    """A certificate of nobody is outcome tls, and only the plain page is asked for."""
    leaf = Authority.new("Other").issue("www.example")

    async def scenario() -> None:
        async with WebServer(GOOD, tls=leaf.context()) as server, WebServer({}) as plain:
            at = plain.url("/", "www.example")
            found = await look(server, roots=roots, plain=at, login="/login")
            assert (found["outcome"], found["plain.status"]) == ("tls", 404)
            assert not {"hsts.valid", "nosniff", "login.outcome"} & set(found)
            assert server.requests == []
            found = await look(server, roots=roots, plain=at, verify=False)
            assert found["outcome"] == "ok"

    run(scenario)


def test_faults_of_the_agent_are_no_evidence() -> None:
    """Silent resolvers and a missing family are faults."""
    broken = Fault(kind=FaultKind.RESOLVER, message="SERVFAIL")
    wish = WebSettings(url="https://www.example/")

    async def scenario() -> None:
        told = fault(await observe(KIND, wish, net_of({"www.example": broken})))
        assert told.kind is FaultKind.RESOLVER
        told = fault(await observe(KIND, wish, net_of(NAMES), Family.IPV6))
        assert told.kind is FaultKind.ABSENT
        found = facts(await observe(KIND, wish, net_of({})))
        assert found["outcome"] == "dns"

    run(scenario)


def test_an_unchanged_site_gives_the_same_posture(roots: str) -> None:
    """Two looks at one site differ in measures only, so the posture is stored once."""

    async def scenario() -> None:
        async with tls_server(GOOD) as server:
            wish = settings(server, login="/login", closed=("/a",))
            seen = [await observe(KIND, wish, net_of(NAMES, ca_file=roots)) for _ in range(2)]
        one, two = (
            {name: getattr(item.evidence, name) for name in item.evidence.postures()}
            for item in seen
            if item.evidence is not None
        )
        assert one == two

    run(scenario)


def test_other_work_goes_on_while_a_hostile_page_is_read(roots: str) -> None:
    """The loop gets many turns while a page is read that takes a parser long."""
    start = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 500000\r\n\r\n"
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def scenario() -> None:
        async with WebServer({"/": raw(start + (b"<a b=c " * 71_429)[:500_000])}) as server:
            counting = asyncio.ensure_future(count())
            try:
                found = await look(server)
            finally:
                counting.cancel()
        assert found["outcome"] == "ok"
        assert turns > 50

    run(scenario)


@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        ({"url": "ftp://www.example"}, "not an http"),
        ({"login": "mailto:a@b.example"}, "not an http"),
        ({"plain": "https://www.example"}, "plain is not"),
        ({"closed": ("admin",)}, "not a path"),
        ({"closed": ("//other.example/",)}, "not a path"),
        ({"closed": ("/a b",)}, "a space"),
        ({"closed": tuple(f"/{n}" for n in range(17))}, "more than 16"),
        ({"max_body": 2_000_000}, "max_body"),
        ({"max_redirects": 11}, "max_redirects"),
        ({"interval": 1_000_000}, "interval"),
        ({"timeout": 61_000_000}, "timeout"),
        ({"pause": 6_000_000}, "pause"),
    ],
)
def test_wrong_settings_say_what_is_wrong(wishes: dict[str, Any], reason: str) -> None:
    """Each bound is refused with its own sentence."""
    with pytest.raises(ValueError, match=reason):
        WebSettings(**{"url": "https://www.example/", **wishes})


def test_the_plain_page_is_guessed_only_where_it_is_usual() -> None:
    """At port 443 the plain page is that of port 80; at another port nothing is asked."""

    def plain(url: str) -> str | None:
        where = WebSettings(url=url).plain_place()
        return None if where is None else where.url

    assert plain("https://www.example/a/b") == "http://www.example/"
    assert plain("https://[2001:db8::1]/") == "http://[2001:db8::1]/"
    assert plain("https://www.example:8443/") is None
    assert plain("http://www.example:8080/a") == "http://www.example:8080/a"


def test_urls_become_settings() -> None:
    """web://host means https://host; the check is in the table."""
    assert KIND.from_url is not None
    made = KIND.from_url(urlsplit("web://www.example/a"))
    assert made == WebSettings(url="https://www.example/a")
    assert KIND.families(WebSettings(url="https://192.0.2.1/")) == (Family.IPV4,)
    assert KINDS["web"] is KIND
