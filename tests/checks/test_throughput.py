"""The throughput check against a real HTTP server on loopback."""

import asyncio
from typing import Any

import pytest

from checks import throughput
from checks.throughput import ThroughputEvidence, ThroughputSettings
from monitor.model import Family, FaultKind
from tests.checks.harness import SHORT, assignment, facts, fault, gather, net_of, observe, run
from tests.lab.webserver import WebServer, cut, dripping, endless, page, redirect, silent

HEAD = b"HTTP/1.1 200 OK\r\n"


def wish(server: WebServer, path: str = "/", **wishes: Any) -> ThroughputSettings:
    """Settings for a page of this server."""
    return ThroughputSettings(url=server.url(path), **wishes)


async def download(page_: Any, **wishes: Any) -> dict[str, Any]:
    """The facts of one download of a page."""
    async with WebServer({"/": page_}) as server:
        return facts(await observe(throughput.KIND, wish(server, **wishes)))


def test_a_whole_download_has_a_rate() -> None:
    """All bytes are counted, and the rate is theirs over the time from request to last byte."""

    async def scenario() -> None:
        found = await download(page(b"x" * 300_000))
        assert (found["outcome"], found["bytes"], found["capped"]) == ("ok", 300_000, False)
        assert found["status"] == 200
        expected = found["bytes"] * 8_000 / found["elapsed_ms"]
        assert found["bits_per_second"] == pytest.approx(expected, rel=0.01)

    run(scenario)


def test_no_more_than_the_bound_is_asked_for_and_counted() -> None:
    """The request names the range; of a server that sends on, only the bound is counted."""

    async def scenario() -> None:
        async with WebServer({"/": endless(HEAD + b"\r\n", b"x" * 10_000)}) as server:
            found = facts(await observe(throughput.KIND, wish(server, bytes=50_000)))
            asked = server.requests
        assert (found["outcome"], found["bytes"], found["capped"]) == ("ok", 50_000, True)
        assert len(asked) == 1
        assert b"\r\nRange: bytes=0-49999\r\n" in asked[0]

    run(scenario)


def test_a_part_as_long_as_the_bound_is_capped() -> None:
    """A server that knows ranges answers 206 with exactly the bytes asked for."""

    async def scenario() -> None:
        found = await download(page(b"x" * 5_000, status=206), bytes=5_000)
        assert (found["outcome"], found["status"]) == ("ok", 206)
        assert (found["bytes"], found["capped"]) == (5_000, True)

    run(scenario)


def test_the_time_ends_a_slow_download_and_its_rate_is_known() -> None:
    """What came within the time is a measurement; silence before any content is none."""

    async def scenario() -> None:
        slow = await download(dripping(HEAD + b"\r\n", b"x" * 1_000), timeout=600_000)
        assert (slow["outcome"], slow["capped"]) == ("timeout", True)
        assert slow["elapsed_ms"] >= 500
        assert 0 < slow["bits_per_second"] <= slow["bytes"] * 8 / 0.5
        none = await download(silent(), timeout=SHORT)
        assert none["outcome"] == "timeout"
        assert not {"bytes", "bits_per_second", "elapsed_ms", "capped"} & set(none)

    run(scenario)


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        (page(b"not here", status=404), "status"),
        (redirect("/elsewhere"), "status"),
        (cut(HEAD + b"Content-Length: 9\r\n\r\nabc"), "reset"),
        (page(b"", fields="Content-Length: x\r\n"), "malformed"),
    ],
)
def test_what_is_no_download_has_no_rate(content: Any, outcome: str) -> None:
    """An error page, a redirect, a torn connection and nonsense say nothing about the rate."""

    async def scenario() -> None:
        found = await download(content)
        assert found["outcome"] == outcome
        assert not {"bytes", "bits_per_second", "elapsed_ms", "capped"} & set(found)

    run(scenario)


def test_a_redirect_leads_nowhere() -> None:
    """What the server sends elsewhere is not fetched from there: nobody asked for that."""

    async def scenario() -> None:
        pages = {"/": redirect("/big"), "/big": page(b"x" * 5_000)}
        async with WebServer(pages) as server:
            found = facts(await observe(throughput.KIND, wish(server)))
            asked = len(server.requests)
        assert (found["outcome"], asked) == ("status", 1)
        assert "bits_per_second" not in found

    run(scenario)


def test_an_empty_page_has_no_rate() -> None:
    """Nothing was transferred: a rate of 0 would be an invention."""

    async def scenario() -> None:
        found = await download(page(b""))
        assert (found["outcome"], found["bytes"]) == ("ok", 0)
        assert "bits_per_second" not in found

    run(scenario)


def test_downloads_wait_for_each_other() -> None:
    """Of two batches that begin together, the server never sees two downloads at once."""
    at_once, most = 0, 0

    async def counted(writer: asyncio.StreamWriter) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await page(b"x" * 1_000, after_s=0.05)(writer)
        at_once -= 1

    async def scenario() -> None:
        async with WebServer({"/": counted}) as server:
            prober = throughput.KIND.prober(net_of())
            one = assignment(throughput.KIND, wish(server), Family.IPV4)
            batches = await asyncio.gather(*(gather(prober, [one, one]) for _ in range(2)))
            await prober.close()
        told = [facts(outcome)["outcome"] for batch in batches for outcome in batch]
        assert told == ["ok"] * 4

    run(scenario)
    assert most == 1


def test_an_address_out_of_scope_is_not_asked() -> None:
    """A download goes to no address that the scope does not admit."""

    async def scenario() -> None:
        settings = ThroughputSettings(url="http://192.0.2.1/file")
        outcome = await observe(throughput.KIND, settings)
        assert fault(outcome).kind is FaultKind.SCOPE

    run(scenario)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"interval": 299_999_999}, "shorter than 5m"),
        ({"bytes": 50_000_001}, "between 1 and 50000000"),
        ({"bytes": 0}, "between 1 and 50000000"),
        ({"timeout": 61_000_000}, "longer than 60s"),
        ({"url": "ftp://192.0.2.1/"}, "http"),
    ],
)
def test_an_immodest_wish_is_refused(wrong: dict[str, Any], message: str) -> None:
    """Too often, too much or too long is refused when it is configured."""
    with pytest.raises(ValueError, match=message):
        ThroughputSettings(**{"url": "http://192.0.2.1/file", **wrong})


def test_the_record_keeps_no_content_and_no_url() -> None:
    """What is stored is how it went, not what it was."""
    assert set(ThroughputEvidence.postures()) == {
        "outcome",
        "reason",
        "status",
        "capped",
        "server_address",
    }
