"""The http check against real servers of loopback: good, slow, broken and hostile."""

from typing import Any

import pytest

from checks import http
from checks.http_evidence import HttpSettings
from monitor.model import Family, Fault, FaultKind
from tests.checks.harness import (
    SHORT,
    NeverAnswers,
    facts,
    fault,
    net_of,
    observe,
    run,
    scope_of,
)
from tests.checks.http_scene import OK, get, settings
from tests.lab.webserver import (
    WebServer,
    page,
    raw,
    redirect,
)


def test_a_page_is_got_with_its_phases() -> None:
    """A plain page is ok; each phase has its time, TLS has none, the total is the largest."""

    async def scenario() -> None:
        async with WebServer({"/": page(b"hello")}) as server:
            found = await get(server)
        assert (found["outcome"], found["status"], found["size"]) == ("ok", 200, 5)
        assert found["as_expected"] is True
        assert "tls_ms" not in found
        assert "dns_ms" not in found
        assert "body_matches" not in found
        assert found["total_ms"] >= found["connect_ms"] + found["first_byte_ms"] > 0
        assert found["final_url"] == server.url("/")

    run(scenario)


def test_each_family_is_got_on_its_own() -> None:
    """One name with a dead IPv4 and a living IPv6 address is seen as that."""

    async def scenario() -> None:
        async with WebServer({"/": page()}, address="::1") as server:
            wish = HttpSettings(url=server.url(host="web.example"), timeout=5_000_000)
            assert http.KIND.families(wish) == (Family.IPV4, Family.IPV6)
            net = net_of({"web.example": ["127.0.0.1", "::1"]})
            four = facts(await observe(http.KIND, wish, net, Family.IPV4))
            six = facts(await observe(http.KIND, wish, net, Family.IPV6))
            literal = facts(await observe(http.KIND, settings(server), None, Family.IPV6))
            assert b"Host: [::1]:" in server.requests[-1]
        assert (four["outcome"], four["as_expected"]) == ("refused", False)
        assert (six["outcome"], six["server_address"]) == ("ok", "::1")
        assert six["dns_ms"] >= 0
        assert literal["outcome"] == "ok"

    run(scenario)


@pytest.mark.parametrize(
    ("status", "expected", "as_expected"),
    [(200, (200,), True), (404, ("200-399",), False), (503, (200, "500-599"), True)],
)
def test_the_status_is_compared_with_what_is_expected(
    status: int, expected: tuple[int | str, ...], as_expected: bool
) -> None:
    """A whole reply is ok whatever its status; as_expected compares it."""

    async def scenario() -> None:
        async with WebServer({"/": page(status=status)}) as server:
            found = await get(server, expect_status=expected)
        assert (found["outcome"], found["as_expected"]) == ("ok", as_expected)

    run(scenario)


def test_the_body_is_searched_and_not_kept() -> None:
    """A text in the page, across chunks, is found; another is not; nothing of it is evidence."""
    chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nKota\r\n7\r\n Kupang\r\n0\r\n\r\n"

    async def scenario() -> None:
        async with WebServer({"/": raw(chunked)}) as server:
            good = await get(server, body="ta Ku")
            bad = await get(server, body="slot gacor")
        assert (good["body_matches"], good["as_expected"]) == (True, True)
        assert (bad["body_matches"], bad["as_expected"]) == (False, False)
        assert "Kupang" not in repr(good)

    run(scenario)


def test_a_coding_that_was_not_asked_for_leaves_the_body_unjudged() -> None:
    """A gzip body is not unpacked: whether it matches is undefined, and it says so."""

    async def scenario() -> None:
        gzipped = page(b"\x1f\x8b\x08", fields="Content-Encoding: gzip\r\n")
        async with WebServer({"/": gzipped}) as server:
            found = await get(server, body="hello")
            assert b"Accept-Encoding: identity\r\n" in server.requests[0]
        assert found["encoding"] == "gzip"
        assert "body_matches" not in found
        assert "as_expected" not in found

    run(scenario)


def test_head_asks_for_no_body() -> None:
    """HEAD ends with the head, whatever length it declares."""

    async def scenario() -> None:
        async with WebServer({"/": raw(OK + b"Content-Length: 999999999\r\n\r\n")}) as server:
            found = await get(server, method="HEAD")
            assert server.requests[0].startswith(b"HEAD / HTTP/1.1\r\n")
        assert (found["outcome"], found["size"]) == ("ok", 0)

    run(scenario)


def test_redirects_are_followed_and_recorded_without_their_queries() -> None:
    """A chain of redirects ends at its page; what is kept of the URLs has no query."""

    async def scenario() -> None:
        async with WebServer({}) as other:
            other.pages["/end"] = page(b"here")
            async with WebServer({}) as server:
                server.pages["/"] = redirect("../login?token=secret", 301)
                server.pages["/login"] = redirect(other.url("/end?session=secret"), 307)
                found = await get(server, body="here")
            assert other.requests[0].startswith(b"GET /end?session=secret HTTP/1.1\r\n")
        assert (found["status"], found["as_expected"]) == (200, True)
        assert found["redirects"] == [server.url("/login"), other.url("/end")]
        assert found["final_url"] == other.url("/end")
        assert "secret" not in repr(found)

    run(scenario)


def test_a_redirect_loop_is_bounded() -> None:
    """A page that redirects to itself is fetched once and then once for each allowed redirect."""

    async def scenario() -> None:
        async with WebServer({"/": redirect("/")}) as server:
            found = await get(server, max_redirects=3)
            assert len(server.requests) == 4
        assert (found["outcome"], len(found["redirects"])) == ("too-many-redirects", 3)

    run(scenario)


def test_with_no_redirects_allowed_the_redirect_is_the_reply() -> None:
    """A redirect that is not to be followed is a reply of its own and says where it points."""

    async def scenario() -> None:
        async with WebServer({"/": redirect("https://portal.example/?x=1")}) as server:
            found = await get(server, max_redirects=0, expect_status=(302,))
        assert (found["as_expected"], found["location"]) == (True, "https://portal.example/")

    run(scenario)


def test_a_redirect_out_of_scope_is_refused_before_a_packet() -> None:
    """The scope is asked about the address of every hop; one outside makes the probe a fault."""

    async def scenario() -> None:
        async with WebServer({"/": page()}, address="127.0.0.2") as outside:
            async with WebServer({"/": redirect(outside.url())}) as server:
                net = net_of(scope=scope_of("127.0.0.1/32"))
                outcome = await observe(http.KIND, settings(server), net)
            assert fault(outcome).kind is FaultKind.SCOPE
            assert outside.requests == []

    run(scenario)


def test_a_name_is_resolved_anew_at_every_hop() -> None:
    """A name that first leads inside and then outside does not get past the scope."""

    class Rebinding:
        def __init__(self) -> None:
            self.answers = iter([["127.0.0.1"], ["127.0.0.2"]])

        def lookup(self, name: str, family: Family, found: Any) -> None:
            found(next(self.answers))

    async def scenario() -> None:
        async with WebServer({"/": redirect("/again")}) as server:
            wish = HttpSettings(url=server.url(host="web.example"))
            net = net_of(resolver=Rebinding(), scope=scope_of("127.0.0.1/32"))
            assert fault(await observe(http.KIND, wish, net)).kind is FaultKind.SCOPE

    run(scenario)


def test_names_without_addresses_are_evidence_and_silent_resolvers_are_not() -> None:
    """An unknown name is outcome dns; resolver trouble is a fault; a lacking family is absent."""

    async def scenario() -> None:
        wish = HttpSettings(url="http://gone.example/", timeout=SHORT)
        found = facts(await observe(http.KIND, wish))
        assert (found["outcome"], found["as_expected"]) == ("dns", False)
        trouble = Fault(kind=FaultKind.RESOLVER, message="SERVFAIL")
        assert fault(await observe(http.KIND, wish, net_of({"gone.example": trouble}))) == trouble
        silent_net = net_of(resolver=NeverAnswers())
        assert fault(await observe(http.KIND, wish, silent_net)).kind is FaultKind.RESOLVER
        net = net_of({"gone.example": ["127.0.0.1"]})
        lacking = await observe(http.KIND, wish, net, Family.IPV6)
        assert fault(lacking).kind is FaultKind.ABSENT

    run(scenario)


def test_a_redirect_to_a_name_that_lacks_the_family_is_evidence() -> None:
    """People of that family do not get the page: outcome dns, not an absent series."""

    async def scenario() -> None:
        async with WebServer({"/": redirect("http://six.example/")}) as server:
            net = net_of({"six.example": ["::1"]})
            found = facts(await observe(http.KIND, settings(server), net))
        assert (found["outcome"], len(found["redirects"])) == ("dns", 1)

    run(scenario)
