"""The national filter: how its answer in a site's place is told from the site's own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import http
from checks.base import Aliases, Net
from checks.http_evidence import HttpSettings
from checks.national_filter import FILTER_HOSTS, NO_FILTER, filter_of
from checks.resolver import LoopResolver
from checks.web import check as web
from checks.web.evidence import WebSettings
from monitor.model import Family, FaultKind
from tests.checks.harness import boottime_ns, facts, fault, net_of, observe, run, scope_of
from tests.checks.http_scene import get
from tests.lab.dnsserver import DnsServer
from tests.lab.webserver import WebServer, page, redirect

LANDING = "lamanlabuh.aduankonten.id"
KNOWN = filter_of(FILTER_HOSTS)


@asynccontextmanager
async def resolving(**wishes: Any) -> AsyncIterator[tuple[DnsServer, Net]]:
    """A name server to fill, and a seam whose resolver asks it and nobody else."""
    async with DnsServer() as server:
        nowhere = Path("/nonexistent")
        resolver = LoopResolver(
            scope=scope_of("127.0.0.0/8"),
            boottime_ns=boottime_ns,
            nameservers=[server.endpoint],
            hosts=nowhere,
            resolv_conf=nowhere,
        )
        try:
            yield server, net_of(resolver=resolver, aliases=resolver.aliases, **wishes)
        finally:
            await resolver.close()


def test_a_redirect_to_a_landing_host_is_the_filter_not_an_outage() -> None:
    """The landing host is not visited; nothing is said of the site, whatever redirects allow."""

    async def scenario() -> None:
        async with WebServer({"/": redirect(f"http://{LANDING}/?u=secret")}) as server:
            for most in (5, 0):
                found = await get(server, max_redirects=most)
                assert (found["outcome"], found["blocked"]) == ("blocked", True)
                assert found["blocked_by"] == found["reason"] == LANDING
                assert "as_expected" not in found
                assert "secret" not in repr(found)

    run(scenario)


def test_a_page_of_the_site_itself_is_not_blocked() -> None:
    """A whole page that was looked into says so; a reply that was not leaves it undefined."""

    async def scenario() -> None:
        link = f'<p>Aduan: <a href="http://{LANDING}/">situs</a> Internet Positif</p>'.encode()
        async with WebServer({"/": page(link)}) as server:
            found = await get(server)
            assert (found["blocked"], found["as_expected"]) == (False, True)
            assert "blocked" not in await get(server, method="HEAD")
            assert "blocked" not in await get(server, filter_hosts=())
            server.pages["/"] = page(link, fields="Content-Encoding: gzip\r\n")
            assert "blocked" not in await get(server)
        assert "blocked" not in await get(server)

    run(scenario)


@pytest.mark.parametrize(
    ("body", "by"),
    [
        (f'<iframe width=1 src="http://{LANDING}/">', LANDING),
        (f"<META content='0; URL=//www.{LANDING}' http-equiv=refresh>", LANDING),
        (f'<script>window.location.href = "https://{LANDING}/x"</script>', LANDING),
        (f'<script>location.replace("http://{LANDING}")</script>', LANDING),
        ("<title>\n Internet   Positif </title>", "title: internet positif"),
        ("<title>Internet Positif untuk anak - Kota</title>", ""),
        (f'<iframe src="http://{LANDING}.example/">', ""),
        # A page of an office that has the ministry's search in a frame, or a button to it.
        (f'<iframe src="//{LANDING}/"></iframe>' + "x" * 16_384, ""),
        (f"<button onclick=\"location.href='//{LANDING}/'\">cek</button>" + "x" * 16_384, ""),
        (f"<meta http-equiv=refresh content='0; url=//{LANDING}'>" + "x" * 16_384, LANDING),
        ("x" * 4_096 + f'<iframe src="http://{LANDING}/">', ""),
    ],
)
def test_a_landing_page_is_known_by_what_it_does(body: str, by: str) -> None:
    """Refreshes, frames and scripts of a small page, and its whole title, in the first 4 KiB."""

    async def scenario() -> None:
        async with WebServer({"/": page(body.encode())}) as server:
            found = await get(server)
        assert found["blocked"] is bool(by)
        assert found.get("blocked_by", "") == by

    run(scenario)


def test_a_cname_to_a_landing_host_is_the_filter() -> None:
    """The answer of the provider's name server is enough: the landing host is not connected to."""

    async def scenario() -> None:
        async with resolving() as (dns, net), WebServer({"/": page()}) as server:
            dns.add("web.example", "CNAME", f"{LANDING}.")
            dns.add(LANDING, "A", "127.0.0.1")
            wish = HttpSettings(url=server.url(host="web.example"))
            found = facts(await observe(http.KIND, wish, net))
            assert (found["outcome"], found["blocked_by"]) == ("blocked", LANDING)
            assert server.requests == []

    run(scenario)


def test_a_landing_address_out_of_scope_is_the_filter_and_not_a_fault() -> None:
    """By CNAME or by a network of the operator's list; any other address stays a scope fault."""

    async def scenario() -> None:
        async with resolving() as (dns, net):
            dns.add("alias.example", "CNAME", f"{LANDING}.")
            dns.add(LANDING, "A", "192.0.2.8")
            dns.add("direct.example", "A", "192.0.2.9")
            found = facts(await observe(http.KIND, HttpSettings(url="https://alias.example/"), net))
            assert found["blocked_by"] == LANDING
            listed = HttpSettings(url="https://direct.example/", filter_hosts=("192.0.2.0/24",))
            found = facts(await observe(http.KIND, listed, net))
            assert (found["blocked_by"], found["outcome"]) == ("192.0.2.0/24", "blocked")
            plain = HttpSettings(url="https://direct.example/")
            assert fault(await observe(http.KIND, plain, net)).kind is FaultKind.SCOPE

    run(scenario)


def test_the_posture_of_a_landing_page_is_not_the_sites() -> None:
    """The web check tells that the filter answered, and nothing of headers that are its own."""

    async def scenario() -> None:
        async with WebServer({"/": redirect(f"http://{LANDING}/")}) as server:
            wish = WebSettings(url=server.url(), timeout=10_000_000)
            found = facts(await observe(web.KIND, wish))
        assert (found["outcome"], found["reason"]) == ("blocked", LANDING)
        assert not {"nosniff", "framing", "banner_products", "csp_enforced"} & found.keys()

    run(scenario)


def test_who_looks_at_the_landing_page_itself_sees_it() -> None:
    """The ministry's own site is no blocked site."""

    async def scenario() -> None:
        async with WebServer({"/": page(b"<title>Trustpositif</title>")}) as server:
            net = net_of({LANDING: ["127.0.0.1"]})
            wish = HttpSettings(url=server.url(host=LANDING))
            found = facts(await observe(http.KIND, wish, net))
        assert (found["outcome"], found["as_expected"]) == ("ok", True)

    run(scenario)


def test_the_resolver_tells_the_aliases_of_what_it_was_asked() -> None:
    """The chain in order; a name without one has none; of an unasked name nothing is known."""

    async def scenario() -> None:
        async with resolving() as (dns, net):
            dns.add("a.example", "CNAME", "B.example.")
            dns.add("b.example", "CNAME", "c.example.")
            dns.add("c.example", "A", "127.0.0.1")
            dns.add("gone.example", "CNAME", "nowhere.example.")
            assert await asked(net, "a.example") == Aliases(
                names=("b.example", "c.example"), gone=False
            )
            assert await asked(net, "c.example") == Aliases(names=(), gone=False)
            assert net.aliases("other.example", Family.IPV4) is None
            assert net.aliases("a.example", Family.IPV6) is None

    run(scenario)


async def asked(net: Net, name: str) -> Aliases | None:
    """Look up a name, then its aliases."""
    import asyncio

    told: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    net.resolver.lookup(name, Family.IPV4, told.set_result)
    await told
    return net.aliases(name, Family.IPV4)


@pytest.mark.parametrize("wrong", ["http://x.id/", "nodot", "192.0.2.1/8", "", "a b.id"])
def test_a_wrong_entry_of_the_list_is_named(wrong: str) -> None:
    """What is no host, address or network is refused with the entry in the message."""
    with pytest.raises(ValueError, match=r"is not a host name"):
        HttpSettings(url="http://web.example/", filter_hosts=(wrong,))


@given(st.lists(st.sampled_from("abci.-<>=\"'/ \n"), max_size=300), st.binary(max_size=200))
def test_any_bytes_are_judged(pieces: Sequence[str], rest: bytes) -> None:
    """No page makes it raise, and without a list nothing is found."""
    start = "".join(pieces).encode() + b"<title>" + rest
    assert isinstance(KNOWN.of_page(start), str)
    assert NO_FILTER.of_page(b"<title>internet positif</title>" + start) == ""


@given(st.sampled_from(FILTER_HOSTS), st.from_regex(r"[a-z]{1,8}", fullmatch=True))
def test_hosts_below_a_landing_host_count_and_others_do_not(host: str, label: str) -> None:
    """`x.host` is the filter's; `xhost` and `host.x` are not."""
    assert KNOWN.of_host(f"{label}.{host}.") == KNOWN.of_host(host.upper()) == host
    assert KNOWN.of_host(f"{label}{host}") in ("", *FILTER_HOSTS)
    assert KNOWN.of_host(f"{host}.{label}") == ""
