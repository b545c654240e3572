"""The http check against servers that break, flood or stall."""

import pytest

from checks import http
from tests.checks.harness import (
    SHORT,
    facts,
    observe,
    run,
)
from tests.checks.http_scene import OK, get, settings
from tests.lab.webserver import (
    Page,
    WebServer,
    cut,
    dripping,
    endless,
    raw,
    redirect,
    silent,
)

HOSTILE: list[tuple[str, Page, str]] = [
    ("endless headers", endless(OK, b"A: b\r\n"), "malformed"),
    ("one endless header", endless(OK + b"A: ", b"x" * 4_096), "malformed"),
    ("endless interim replies", endless(b"", b"HTTP/1.1 100 C\r\n\r\n"), "malformed"),
    (
        "endless chunks",
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"x" * 1_024 + b"\r\n"),
        "too-large",
    ),
    (
        "endless chunks of one byte",
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 500),
        "malformed",
    ),
    ("endless chunk line", endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"), "malformed"),
    (
        "100 MB declared",
        endless(OK + b"Content-Length: 104857600\r\n\r\n", b"x" * 4_096),
        "too-large",
    ),
    ("100 MB undeclared", endless(OK + b"\r\n", b"x" * 65_536, 1_600), "too-large"),
    ("garbage", raw(bytes(range(256)) * 8), "malformed"),
    ("another protocol", raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "malformed"),
    ("NUL in a header", raw(OK + b"Server: a\x00b\r\n\r\nhi"), "malformed"),
    ("nothing", raw(b""), "malformed"),
    ("half a body", raw(OK + b"Content-Length: 9\r\n\r\nabc"), "malformed"),
    ("RST in the body", cut(OK + b"Content-Length: 9\r\n\r\nabc"), "reset"),
    ("RST before a byte", cut(b""), "reset"),
    ("redirect to a file", redirect("file:///records"), "malformed"),
    ("redirect with a password", redirect("http://a:b@127.0.0.1/"), "malformed"),
    ("redirect to nowhere", redirect("http://[bad/"), "malformed"),
    ("redirect too long", redirect("/" + "x" * 3_000), "malformed"),
]


@pytest.mark.parametrize(
    ("hostile", "outcome"), [h[1:] for h in HOSTILE], ids=[h[0] for h in HOSTILE]
)
def test_a_hostile_server_ends_in_an_outcome(hostile: Page, outcome: str) -> None:
    """Each way to break, flood or mislead ends the probe early with its own outcome."""

    async def scenario() -> None:
        async with WebServer({"/": hostile}) as server:
            found = await get(server, timeout=10_000_000)
        assert (found["outcome"], found["as_expected"]) == (outcome, False)
        assert "total_ms" not in found

    run(scenario)


@pytest.mark.parametrize(
    ("slow", "phase"),
    [
        (silent(), "reply"),
        (dripping(b"", b"H"), None),
        (dripping(OK, b"A: b\r\n"), "body"),
        (dripping(OK + b"\r\n", b"x"), "body"),
        (dripping(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), "body"),
    ],
)
def test_a_slow_server_ends_at_the_deadline(slow: Page, phase: str | None) -> None:
    """Silence and drip, in any phase, last no longer than the one deadline of the probe."""

    async def scenario() -> None:
        async with WebServer({"/": slow}) as server:
            outcome = await observe(http.KIND, settings(server, timeout=SHORT))
        found = facts(outcome)
        if phase is not None:
            assert (found["outcome"], found["reason"]) == ("timeout", phase)
            assert outcome.elapsed_us >= SHORT
        else:
            assert found["outcome"] == "malformed"

    run(scenario)
