"""The reader of HTTP replies, against well-formed, broken and hostile bytes."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.http_reply import HEAD_BOUND, Keeping, Reply, ReplyReader


def read(pieces: list[bytes], *, head_only: bool = False, closed: bool = True) -> Reply:
    """What a reader makes of these pieces and the end of the stream."""
    reader = ReplyReader(head_only=head_only, max_body=1_000, text=b"needle")
    for piece in pieces:
        if piece:
            reader.feed(piece)
    if closed:
        reader.feed(b"")
    return reader.reply()


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("stream", "status", "size"),
    [
        (OK + b"Content-Length: 5\r\n\r\nhello", 200, 5),
        (OK + b"content-length: 5, 5\r\n\r\nhello trailing rubbish", 200, 5),
        (b"HTTP/1.0 404 Not Found\n\nnone", 404, 4),
        (b"HTTP/1.1 204\r\nContent-Length: 9\r\n\r\n", 204, 0),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 \r\na: b\r\n\r\n" + OK + b"\r\nabc", 200, 3),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n",
            200,
            5,
        ),
        (
            OK + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\nA\r\n0123456789\r\n0\n\n",
            200,
            10,
        ),
        (OK + b"X-Folded: one\r\n two\r\nContent-Length: 0\r\n\r\n", 200, 0),
    ],
)
def test_well_formed_replies_are_read_to_their_end(stream: bytes, status: int, size: int) -> None:
    """Each framing of RFC 9112 ends complete, with its status and the size of its body."""
    reply = read([stream])
    assert (reply.end, reply.status, reply.size) == ("complete", status, size)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"", "closed without a reply"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", "closed before its end"),
        (OK + b"Content-Length: 9\r\n\r\nshort", "closed before its end"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "closed before its end"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not an HTTP/1 reply"),
        (b"HTTP/2 200\r\n\r\n", "not an HTTP/1 reply"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "not an HTTP/1 reply"),
        (b"HTTP/1.1 200 O\x00K\r\n\r\n", "not an HTTP/1 reply"),
        (OK + b"Server: a\x00b\r\n\r\n", "bad header line"),
        (OK + b"Server : a\r\n\r\n", "bad header line"),
        (OK + b" folded: first\r\n\r\n", "bad header line"),
        (OK + b"no colon\r\n\r\n", "bad header line"),
        (OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", "bad content-length"),
        (OK + b"Content-Length: -1\r\n\r\n", "bad content-length"),
        (OK + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n", "bad content-length"),
        (
            OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n",
            "transfer coding that was not asked for",
        ),
        (OK + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", "bad chunk size"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", "bad chunk size"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nabc", "bad chunk end"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"x" * 2_000, "chunk line too long"),
        (
            OK + b"Transfer-Encoding: chunked\r\n\r\n" + (b"1;" + b"x" * 900 + b"\r\nz\r\n") * 80,
            "more framing than body",
        ),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "protocol switched without being asked"),
        (OK + b"A: " + b"x" * HEAD_BOUND, "head too long"),
        (OK + b"A: b\r\n" * 600, "too many header lines"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 600, "too many header lines"),
    ],
)
def test_broken_replies_are_malformed_with_a_reason(stream: bytes, reason: str) -> None:
    """Each way to break or overload a reply ends it as malformed, and the reason names it."""
    reply = read([stream])
    assert (reply.end, reply.reason) == ("malformed", reason)


@pytest.mark.parametrize(
    "stream",
    [
        OK + b"Content-Length: 100000000\r\n\r\n",
        OK + b"\r\n" + b"x" * 1_001,
        OK + b"Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + b"x" * 2_000,
    ],
)
def test_a_body_above_the_bound_ends_the_reply(stream: bytes) -> None:
    """A body longer than the bound, declared or not, ends as too large without waiting for it."""
    assert read([stream], closed=False).end == "too-large"


def test_a_reply_to_head_has_no_body() -> None:
    """After HEAD the head alone completes the reply, whatever length it declares."""
    reply = read([OK + b"Content-Length: 5\r\n\r\n"], head_only=True, closed=False)
    assert (reply.end, reply.size) == ("complete", 0)


def test_location_and_coding_are_kept() -> None:
    """The two fields that others need are given as text; bytes outside ASCII do not raise."""
    reply = read([b"HTTP/1.1 302 F\r\nLocation: /\xe9\r\nContent-Encoding: GZIP\r\n\r\n"])
    assert (reply.location, reply.encoding) == ("/\xe9", "gzip")


FRAGMENTS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 C\r\n\r\n",
        b"HTTP/1.1 302 F\n",
        b"HTTP/1.",
        b"\r",
        b"\n",
        b"\r\n",
        b"Content-Length: 7\r\n",
        b"Content-Length: 8\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Location: /x\r\n",
        b" folded\r\n",
        b"needle",
        b"nee",
        b"dle",
        b"5\r\n",
        b"0\r\n",
        b"3e9\r\n",
        b"x" * 999,
        b"\x00",
        b";",
        b"A: b\r\n",
    ]
)
STREAMS = st.one_of(
    st.binary(max_size=300),
    st.lists(st.one_of(FRAGMENTS, st.binary(max_size=6)), max_size=25).map(b"".join),
    st.lists(FRAGMENTS, max_size=25).map(lambda parts: OK + b"".join(parts)),
)


@given(stream=STREAMS, cuts=st.lists(st.integers(min_value=0, max_value=1_500), max_size=30))
def test_splits_do_not_change_the_result(stream: bytes, cuts: list[int]) -> None:
    """Arbitrary bytes never raise, and the same bytes split anywhere read the same."""
    places = [0, *sorted(cuts), len(stream)]
    pieces = [stream[a:b] for a, b in pairwise(places)]
    single = [stream[at : at + 1] for at in range(len(stream))]
    assert read([stream]) == read(pieces) == read(single)


@given(before=st.binary(max_size=60), after=st.binary(max_size=60), cut=st.integers(0, 130))
def test_the_text_is_found_across_any_seam(before: bytes, after: bytes, cut: int) -> None:
    """A text in the body is found wherever the stream is cut."""
    stream = OK + b"\r\n" + before + b"needle" + after
    at = len(OK) + 2 + cut
    assert read([stream[:at], stream[at:]]).contains


def kept(pieces: list[bytes], bound: int = 1_000) -> tuple[Keeping, Reply]:
    """What a reader keeps of these pieces and the end of the stream."""
    keeping = Keeping()
    reader = ReplyReader(head_only=False, max_body=bound, keeping=keeping)
    for piece in pieces:
        if piece:
            reader.feed(piece)
    reader.feed(b"")
    return keeping, reader.reply()


def test_fields_and_body_are_kept_on_demand() -> None:
    """Every field of the final head in order, as sent, and the body without its framing."""
    stream = (
        b"HTTP/1.1 103 Early\r\nLink: early\r\n\r\n" + OK + b"Set-Cookie:  a=b \r\nX-Y: z\r\n"
        b"set-cookie: c\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n"
    )
    keeping, reply = kept([stream])
    assert (reply.end, bytes(keeping.body), keeping.head_read) == ("complete", b"abcde", True)
    assert keeping.fields[:3] == [(b"Set-Cookie", b"a=b"), (b"X-Y", b"z"), (b"set-cookie", b"c")]
    assert len(keeping.fields) == 4


def test_a_folded_field_is_kept_as_one() -> None:
    """A continued line belongs to the field before it, however the head is cut."""
    stream = OK + b"A: one\r\n  two\r\nB: c\r\n\r\n"
    assert kept([stream])[0].fields == [(b"A", b"one two"), (b"B", b"c")]


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 5000\r\n", b"", b"Transfer-Encoding: chunked\r\n"]
)
def test_a_longer_body_is_kept_up_to_the_bound(framing: bytes) -> None:
    """However its length is told, the beginning is there and the end is too-large."""
    body = (b"1388\r\n" if b"chunked" in framing else b"") + bytes(range(250)) * 20
    keeping, reply = kept([OK + framing + b"\r\n" + body], bound=300)
    assert (reply.end, reply.size) == ("too-large", 300)
    assert bytes(keeping.body) == (bytes(range(250)) * 2)[:300]


@given(stream=STREAMS, cuts=st.lists(st.integers(min_value=0, max_value=1_500), max_size=30))
def test_splits_do_not_change_what_is_kept(stream: bytes, cuts: list[int]) -> None:
    """The same bytes split anywhere keep the same fields and body, within the bound."""
    places = [0, *sorted(cuts), len(stream)]
    whole, split = kept([stream]), kept([stream[a:b] for a, b in pairwise(places)])
    assert whole == split
    assert len(whole[0].body) == whole[1].size <= 1_000
