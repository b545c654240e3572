"""The demo's inbox, against what may come over a wire."""

import asyncio
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.demo.inbox import Inbox, Received, read_message

ID = "ab" * 32


async def _posted(raw: bytes) -> tuple[bytes, list[Received]]:
    arrived: list[Received] = []
    inbox = Inbox(arrived.append)
    await inbox.open()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", inbox.port)
        writer.write(raw)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 30)
        writer.close()
    finally:
        inbox.close()
    return answer, arrived


def _request(body: bytes, length: object = None) -> bytes:
    stated = len(body) if length is None else length
    return f"POST /alerts HTTP/1.1\r\nContent-Length: {stated}\r\n\r\n".encode() + body


def test_a_message_arrives_with_its_id() -> None:
    """Title, body and kind are taken over; the id is the end of the body."""
    body = {"title": "T", "message": f"B\nid: {ID}", "type": "failure"}
    answer, arrived = asyncio.run(_posted(_request(json.dumps(body).encode())))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert arrived == [Received(title="T", body=f"B\nid: {ID}", kind="failure", id=ID)]


@pytest.mark.parametrize("length", ["-1", "x", "", "99999999"])
def test_a_length_out_of_bounds_is_refused(length: str) -> None:
    """What states no sensible length is not read."""
    answer, arrived = asyncio.run(_posted(_request(b"{}", length)))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert arrived == []


@given(st.binary(max_size=200))
def test_nonsense_is_a_value_error_or_a_message(raw: bytes) -> None:
    """No bytes raise anything else."""
    with contextlib.suppress(ValueError):
        assert isinstance(read_message(raw), Received)
