"""The page check against real servers of loopback that cloak, drift, lead away and are hostile."""

from pathlib import Path
from typing import Any

import pytest

from checks.page import check
from checks.page.settings import Baseline, PageSettings
from monitor.model import Family, Fault, FaultKind
from tests.checks.harness import (
    SHORT,
    NeverAnswers,
    assignment,
    facts,
    fault,
    gather,
    net_of,
    observe,
    run,
    scope_of,
)
from tests.checks.page_scene import CLEAN, SPAM, crawler, from_search, look, settings, shows
from tests.checks.test_national_filter import LANDING, resolving
from tests.lab.certificates import Authority
from tests.lab.webserver import WebServer, cut, endless, page, redirect, silent

OK = b"HTTP/1.1 200 OK\r\n"


def test_a_clean_page_is_the_same_for_every_visitor() -> None:
    """Three visits to one page: its structure, no difference, no spam, nothing of its text."""

    async def scenario() -> None:
        async with WebServer({"/": page(CLEAN.encode())}) as server:
            found = await look(server)
            visits = [r.decode() for r in server.requests if r.startswith(b"GET / ")]
        assert [(crawler(v), from_search(v)) for v in visits] == [
            (False, False),
            (True, False),
            (False, True),
        ]
        assert (found["outcome"], found["status"], found["blocked"]) == ("ok", 200, False)
        assert found["link_hosts"] == ["127.0.0.1", "dpmptsp.example"]
        assert found["script_hosts"] == ["cdn.example"]
        assert (found["forms"], found["password_hosts"]) == (2, ["127.0.0.1"])
        assert (found["crawler_differs"], found["search_differs"]) == (0, 0)
        assert found["spam_words"] == found["crawler_spam_words"] == []
        assert (found["cloaked"], found["leads_to"]) == (False, "")
        assert "Selamat" not in repr(found)
        assert "drift" not in found
        assert "previous_drift" not in found

    run(scenario)


@pytest.mark.parametrize("who", [crawler, from_search])
def test_spam_that_only_search_engines_see_is_cloaked(who: Any) -> None:
    """Words, a share of the text, and that they are hidden from a browser; only list entries."""

    async def scenario() -> None:
        async with WebServer({}) as server:
            server.pages["/"] = shows(server, lambda request: SPAM if who(request) else CLEAN)
            found = await look(server)
        name = "crawler" if who is crawler else "search"
        other = "search" if who is crawler else "crawler"
        assert found["cloaked"] is True
        assert found["spam_words"] == found[f"{other}_spam_words"] == []
        assert found[f"{name}_spam_words"] == ["gacor hari ini", "slot gacor"]
        assert 0.1 < found[f"{name}_differs"] < 0.5
        assert found[f"{other}_differs"] == 0

    run(scenario)


def test_spam_that_everybody_sees_is_not_cloaked() -> None:
    """The words are told, and that nothing is hidden."""

    async def scenario() -> None:
        async with WebServer({"/": page(SPAM.encode())}) as server:
            found = await look(server)
        assert found["cloaked"] is False
        assert "slot gacor" in found["spam_words"]

    run(scenario)


def test_search_visitors_that_are_led_away_are_seen_without_following() -> None:
    """By a redirect out of the scope or by a refresh; the place they are led to is not asked."""

    async def scenario() -> None:
        away = redirect("http://judi.example/?from=search")
        refresh = CLEAN.replace(
            "<head>", "<head><meta http-equiv=refresh content='0;//x.example/'>"
        )
        async with WebServer({}) as server:
            wish = PageSettings(url=server.url(host="web.example"), timeout=10_000_000)
            net = net_of({"web.example": ["127.0.0.1"], "judi.example": ["192.0.2.1"]})
            for shown, outcome, host in ((away, "led-away", "judi.example"),
                                         (refresh, "ok", "x.example")):  # fmt: skip
                server.pages["/"] = shows(
                    server, lambda request, to=shown: to if from_search(request) else CLEAN
                )
                found = facts(await observe(check.KIND, wish, net))
                assert (found["search"], found["search_leads_to"]) == (outcome, host)
                assert found["leads_to"] == found["crawler_leads_to"] == ""
                assert "from=search" not in repr(found)

    run(scenario)


def test_a_visitor_led_to_another_host_is_seen_within_the_scope_as_well() -> None:
    """A redirect that could be followed, and the field Refresh, lead away like any other."""

    async def scenario() -> None:
        async with WebServer({}) as server:
            wish = PageSettings(url=server.url(host="web.example"), timeout=10_000_000)
            net = net_of({"web.example": ["127.0.0.1"], "judi.example": ["127.0.0.1"]})
            away = redirect(server.url("/x", host="judi.example"))
            field = page(CLEAN.encode(), fields="Refresh: 0; url=//judi.example/?x=SECRET\r\n")
            server.pages["/x"] = page(CLEAN.encode())
            for shown in (away, field):
                server.pages["/"] = shows(
                    server, lambda request, to=shown: to if crawler(request) else CLEAN
                )
                found = facts(await observe(check.KIND, wish, net))
                assert found["crawler_leads_to"] == "judi.example"
                assert found["leads_to"] == found["search_leads_to"] == ""
                assert "SECRET" not in repr(found)

    run(scenario)


def test_pages_are_read_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many observations at a time hold the loop no longer a turn than one."""
    viewing, open_now, most = check.viewing, 0, 0

    def watched(*args: Any) -> Any:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        for view in viewing(*args):
            open_now -= view is not None
            yield view

    monkeypatch.setattr(check, "viewing", watched)

    async def scenario() -> None:
        async with WebServer({"/": page(CLEAN.encode() * 5)}) as server:
            prober = check.KIND.prober(net_of())
            one = assignment(check.KIND, settings(server, sitemap=False), Family.IPV4)
            outcomes = await gather(prober, [one] * 4)
            await prober.close()
        assert all(outcome.evidence is not None for outcome in outcomes)
        assert most == 1

    run(scenario)


def test_a_page_that_leads_everybody_away_is_evidence() -> None:
    """The browser too: outcome led-away and the host, and no word of a page that was not seen."""

    async def scenario() -> None:
        async with WebServer({"/": redirect("http://judi.example/")}) as server:
            net = net_of({"judi.example": ["192.0.2.1"]})
            found = facts(await observe(check.KIND, settings(server), net))
        assert (found["outcome"], found["leads_to"]) == ("led-away", "judi.example")
        assert not {"fingerprint", "spam_words", "cloaked", "blocked"} & found.keys()

    run(scenario)


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_crawler_that_is_refused_leaves_its_facts_undefined(status: int) -> None:
    """A defence against robots is no cloaking: what a crawler would see is not known."""

    async def scenario() -> None:
        async with WebServer({}) as server:
            refusal = page(b"<p>slot gacor</p>", status=status)
            server.pages["/"] = shows(server, lambda r: refusal if crawler(r) else CLEAN)
            found = await look(server)
        assert (found["crawler"], found["crawler_status"]) == ("ok", status)
        assert not {"crawler_differs", "crawler_spam_words"} & found.keys()
        assert found["search_differs"] == 0

    run(scenario)


def test_drift_is_told_against_what_the_operator_pinned_alone() -> None:
    """The facts of one observation, pasted as baseline: dates move nothing, a defacement does."""

    async def scenario() -> None:
        async with WebServer({"/": page(CLEAN.encode())}) as server:
            before = await look(server)
            names = ("title_hash", "fingerprint", "link_hosts", "script_hosts", "form_hosts")
            pinned = Baseline(
                **{n: tuple(v) if isinstance(v := before[n], list) else v for n in names}
            )
            later = CLEAN.replace("14 Nov", "15 Nov").replace("15230", "99")
            server.pages["/"] = page(later.encode())
            calm = await look(server, baseline=pinned)
            assert (calm["drift"], calm["title_changed"]) == (0, False)
            assert calm["outbound_hosts_new"] == calm["script_hosts_new"] == []
            defaced = (
                "<title>Hacked</title><script src=//evil.example/></script>"
                "<a href=//judi.example>x</a><form action=//steal.example></form>kata yang lain"
            )
            server.pages["/"] = page(defaced.encode())
            found = await look(server, baseline=pinned)
            assert found["drift"] > 0.8
            assert found["title_changed"] is True
            assert found["outbound_hosts_new"] == ["judi.example"]
            assert found["script_hosts_new"] == ["evil.example"]
            assert found["form_hosts_new"] == ["steal.example"]
            one = await look(server, baseline=Baseline(title_hash=pinned.title_hash))
            assert one["title_changed"] is True
            assert not {"drift", "outbound_hosts_new"} & one.keys()

    run(scenario)


def test_the_observation_before_is_compared_without_a_baseline() -> None:
    """Undefined after a start; then the drift and the hosts since the last page that was shown."""

    async def scenario() -> None:
        async with WebServer({"/": page(CLEAN.encode())}) as server:
            prober = check.KIND.prober(net_of())
            try:
                series = [assignment(check.KIND, settings(server), Family.IPV4)]
                first = facts((await gather(prober, series))[0])
                server.pages["/"] = page(b"down", status=503)
                failing = facts((await gather(prober, series))[0])
                server.pages["/"] = page(SPAM.encode())
                second = facts((await gather(prober, series))[0])
            finally:
                await prober.close()
        assert "previous_drift" not in first
        assert "previous_drift" not in failing
        assert 0 < second["previous_drift"] < 0.7
        assert second["previous_hosts_new"] == ["x-slotgacor.example"]

    run(scenario)


def test_the_filter_in_place_of_the_page_is_blocked() -> None:
    """No other visitor is tried, and nothing is said of a page."""

    async def scenario() -> None:
        async with WebServer({"/": redirect(f"http://{LANDING}/")}) as server:
            found = await look(server)
            assert len(server.requests) == 1
        assert (found["outcome"], found["blocked"], found["blocked_by"]) == (
            "blocked",
            True,
            LANDING,
        )
        assert not {"spam_words", "cloaked", "crawler"} & found.keys()

    run(scenario)


def test_a_cname_whose_target_is_gone_is_dangling() -> None:
    """Whoever registers the target owns the name; a living chain is told and not dangling."""

    async def scenario() -> None:
        async with resolving() as (dns, net), WebServer({"/": page(CLEAN.encode())}) as server:
            dns.add("old.example", "CNAME", "gone.cloud.example.")
            dns.add("www.example", "CNAME", "web.example.")
            dns.add("web.example", "A", "127.0.0.1")
            gone = PageSettings(url=server.url(host="old.example"))
            found = facts(await observe(check.KIND, gone, net))
            assert (found["outcome"], found["cname_dangling"]) == ("dns", True)
            assert found["cname"] == ["gone.cloud.example"]
            here = PageSettings(url=server.url(host="www.example"))
            found = facts(await observe(check.KIND, here, net))
            assert (found["cname"], found["cname_dangling"]) == (["web.example"], False)
            plain = PageSettings(url=server.url(host="web.example"))
            found = facts(await observe(check.KIND, plain, net))
            assert (found["cname"], found["cname_dangling"]) == ([], False)
            found = await look(server)
            assert "cname" not in found

    run(scenario)


def test_every_visitor_is_sent_to_the_same_address() -> None:
    """A name that answers each time with another address is asked once in an observation."""

    class Rotating:
        asked = 0

        def lookup(self, name: str, family: Family, found: Any) -> None:
            self.asked += 1
            found(["127.0.0.1" if self.asked == 1 else "127.0.0.9"])

    async def scenario() -> None:
        async with WebServer({"/": page(CLEAN.encode())}) as server:
            wish = PageSettings(url=server.url(host="web.example"), timeout=10_000_000)
            found = facts(await observe(check.KIND, wish, net_of(resolver=Rotating())))
        assert (found["search"], found["server_address"]) == ("ok", "127.0.0.1")

    run(scenario)


def test_what_is_no_evidence_is_a_fault() -> None:
    """Out of scope and silent resolvers say nothing of the page."""

    async def scenario() -> None:
        async with WebServer({"/": page()}) as server:
            net = net_of(scope=scope_of("192.0.2.0/24"))
            assert fault(await observe(check.KIND, settings(server), net)).kind is FaultKind.SCOPE
            assert server.requests == []
        wish = PageSettings(url="http://web.example/", timeout=SHORT)
        silent_net = net_of(resolver=NeverAnswers())
        assert fault(await observe(check.KIND, wish, silent_net)).kind is FaultKind.RESOLVER
        trouble = Fault(kind=FaultKind.RESOLVER, message="SERVFAIL")
        net = net_of({"web.example": trouble})
        assert fault(await observe(check.KIND, wish, net)) == trouble

    run(scenario)


def test_hostile_replies_end_in_their_outcomes() -> None:
    """Endless, silent, cut, looping and packed ones: bounded, and no verdict on a page."""

    async def scenario() -> None:
        chunk = b"10000\r\n" + b"<b>" * 21_845 + b"x\r\n"
        hostile = {
            "/endless": (endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", chunk), "too-large"),
            "/cut": (cut(OK + b"Content-Length: 99\r\n\r\nx"), "reset"),
            "/loop": (redirect("/loop"), "too-many-redirects"),
            "/gzip": (page(b"\x1f\x8b", fields="Content-Encoding: gzip\r\n"), "coded"),
            "/silent": (silent(), "timeout"),
        }
        async with WebServer({path: shown for path, (shown, _) in hostile.items()}) as server:
            for path, (_, outcome) in hostile.items():
                late = {"timeout": SHORT} if path == "/silent" else {}
                found = await look(server, path, **late)
                assert found["outcome"] == outcome
                assert not {"spam_words", "cloaked", "fingerprint", "blocked"} & found.keys()
            server.pages["/slow"] = shows(
                server, lambda request: silent() if crawler(request) else CLEAN
            )
            found = await look(server, "/slow", timeout=SHORT)
            assert (found["outcome"], found["crawler"]) == ("ok", "timeout")
            assert "cloaked" not in found

    run(scenario)


def test_a_page_that_goes_on_beyond_the_bound_is_not_called_clean() -> None:
    """Of a text of more than 64 Ki characters the rest was not searched: no spam is undefined."""

    async def scenario() -> None:
        long = "<title>x</title>" + "kata " * 20_000
        async with WebServer({"/": page(long.encode())}) as server:
            found = await look(server)
            server.pages["/"] = page(("slot gacor " + long).encode())
            spam = await look(server)
        assert found["cut"] is True
        assert not {"spam_words", "cloaked"} & found.keys()
        assert spam["spam_words"] == ["slot gacor"]

    run(scenario)


def test_sitemaps_are_counted_and_searched() -> None:
    """Named by robots.txt, over an index; foreign hosts and spam paths are told."""

    async def scenario() -> None:
        async with WebServer({"/": page(CLEAN.encode())}) as server:
            index = f"<sitemapindex><sitemap><loc>{server.url('/b.xml')}</loc></sitemap>"
            urls = [server.url(f"/berita/{n}") for n in range(300)]
            urls += [
                "https://other.example/",
                "http://call +62 now/",
                server.url("/slot-gacor-hari-ini"),
            ]
            body = "<urlset>" + "".join(f"<url><loc>{url}</loc></url>" for url in urls)
            server.pages["/robots.txt"] = page(b"SiteMap: " + server.url("/a.xml").encode())
            server.pages["/a.xml"] = page(index.encode())
            server.pages["/b.xml"] = page(body.encode())
            found = await look(server, baseline=Baseline(sitemap_urls=100))
            assert (found["sitemap"], found["sitemap_urls"]) == ("whole", 303)
            assert found["sitemap_growth"] == 203
            assert found["sitemap_hosts"] == ["other.example"]
            assert found["sitemap_spam_urls"] == 1
            assert found["sitemap_spam_words"] == ["gacor hari ini", "slot gacor"]
            server.requests.clear()
            assert "sitemap" not in await look(server, sitemap=False)
            assert len(server.requests) == 3

    run(scenario)


def test_the_sitemaps_lie_where_the_page_does() -> None:
    """Of a page that moves to `www.` the sitemaps are those of that name; of another host not."""

    async def scenario() -> None:
        async with WebServer({"/": page(CLEAN.encode())}) as server:
            net = net_of({name: ["127.0.0.1"] for name in ("a.example", "www.a.example")})
            own = server.url("/s.xml", host="www.a.example")
            server.pages["/s.xml"] = page(f"<urlset><loc>{own}</loc></urlset>".encode())
            server.pages["/robots.txt"] = page(f"Sitemap: {own}".encode())
            moved = redirect(server.url("/", host="www.a.example"))
            server.pages["/"] = shows(
                server, lambda request: CLEAN if "Host: www." in request else moved
            )
            wish = PageSettings(url=server.url(host="a.example"), timeout=10_000_000)
            found = facts(await observe(check.KIND, wish, net))
        assert (found["sitemap"], found["sitemap_urls"]) == ("whole", 1)
        assert (found["leads_to"], found["crawler_leads_to"]) == ("www.a.example",) * 2

    run(scenario)


def test_a_page_in_place_of_a_sitemap_is_none() -> None:
    """Where every path is a page there is no sitemap; one that was named is missed."""

    async def scenario() -> None:
        async with WebServer({"/": page(CLEAN.encode())}) as server:
            server.pages["/sitemap.xml"] = page(CLEAN.encode())
            found = await look(server)
            assert found["sitemap"] == "none"
            assert not {"sitemap_urls", "sitemap_spam_words"} & found.keys()
            server.pages["/robots.txt"] = page(f"Sitemap: {server.url('/sitemap.xml')}".encode())
            assert (await look(server))["sitemap"] == "partial"
            server.pages["/sitemap.xml"] = page(b"<urlset></urlset>")
            found = await look(server)
            assert (found["sitemap"], found["sitemap_urls"]) == ("whole", 0)

    run(scenario)


def test_sitemaps_that_cannot_be_read_to_the_end_are_partial() -> None:
    """A packed bomb, one too large, one elsewhere: bad things found count, a number does not."""

    async def scenario() -> None:
        async with WebServer({"/": page(CLEAN.encode())}) as server:
            assert (await look(server))["sitemap"] == "none"
            server.pages["/robots.txt"] = page(b"", status=503)
            assert (await look(server))["sitemap"] == "partial"
            bomb = page(b"\x1f\x8b" * 100, fields="Content-Encoding: gzip\r\n")
            piece = b"<loc>http://a.example/</loc>" * 2_000
            large = endless(OK + b"\r\n", piece)
            begins = endless(OK + b"\r\n<loc>http://127.0.0.1/togel-hari-ini/</loc>", piece)
            spam = page(f"<urlset><loc>{server.url('/slot88/')}</loc>".encode())
            for shown in (bomb, large, page(b"", status=500)):
                server.pages["/1.xml"], server.pages["/2.xml"] = shown, spam
                named = f"Sitemap: {server.url('/1.xml')}\nSitemap: {server.url('/2.xml')}\n"
                server.pages["/robots.txt"] = page(named.encode())
                found = await look(server)
                assert found["sitemap"] == "partial"
                assert found["sitemap_spam_words"] == ["slot88"]
                assert "sitemap_urls" not in found
            server.pages["/1.xml"] = begins
            found = await look(server)
            assert found["sitemap_spam_words"] == ["slot88", "togel hari ini"]
            server.pages["/robots.txt"] = page(b"Sitemap: https://cdn.example/s.xml\n")
            found = await look(server)
            assert (found["sitemap"], found["sitemap_hosts"]) == ("partial", ["cdn.example"])
            assert "sitemap_spam_words" not in found

    run(scenario)


def test_https_is_verified_for_every_visitor(tmp_path: Path) -> None:
    """A trusted certificate is ok three times; an untrusted one is outcome tls with its words."""
    authority = Authority.new()
    roots = authority.write(tmp_path / "ca.pem")
    good, bad = authority.issue("127.0.0.1"), Authority.new("Other").issue("127.0.0.1")

    async def scenario() -> None:
        for leaf, verify, outcome in ((good, True, "ok"), (bad, True, "tls"), (bad, False, "ok")):
            async with WebServer({"/": page(CLEAN.encode())}, tls=leaf.context()) as server:
                wish = settings(server, verify=verify)
                found = facts(await observe(check.KIND, wish, net_of(ca_file=roots)))
            assert found["outcome"] == outcome
            assert ("crawler" in found) is (outcome == "ok")
            assert ("issuer" in found.get("reason", "")) is (outcome == "tls")

    run(scenario)


def test_a_page_is_read_as_its_reply_says() -> None:
    """In the charset of Content-Type; what is no HTML has no view, so that nothing is said."""

    async def scenario() -> None:
        wide = page(
            "slot gacor".encode("utf-16-le"), fields="Content-Type: text/html; charset=utf-16\r\n"
        )
        paper = page(b"%PDF slot gacor", fields="Content-Type: application/pdf\r\n")
        async with WebServer({"/": wide, "/pdf": paper}) as server:
            assert (await look(server))["spam_words"] == ["slot gacor"]
            found = await look(server, "/pdf")
        assert (found["outcome"], found["crawler"], found["blocked"]) == ("ok", "ok", False)
        assert not {"spam_words", "cloaked", "words", "leads_to"} & found.keys()

    run(scenario)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        ({"max_body": 0}, "max_body"),
        ({"max_redirects": 21}, "max_redirects"),
        ({"crawler_agent": "a\r\nX: y"}, "crawler_agent"),
        ({"phrases": ("!!",)}, "too short"),
        ({"phrases": tuple(f"kata{n}" for n in range(501))}, "more than 500"),
        ({"filter_hosts": ("x",)}, "not a host name"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(wish: dict[str, Any], message: str) -> None:
    """Each with what is wrong."""
    with pytest.raises(ValueError, match=message):
        PageSettings(url="https://web.example/", **wish)


@pytest.mark.parametrize(
    "wish", [{"title_hash": "x"}, {"fingerprint": "s1-"}, {"sitemap_urls": -1}]
)
def test_a_baseline_is_made_of_facts(wish: dict[str, Any]) -> None:
    """What no observation can have shown is refused."""
    with pytest.raises(ValueError, match=next(iter(wish))):
        Baseline(**wish)
