"""The certificates of a time-stamp reply in the order that DER wants. Pure.

A CMS CertificateSet is a SET OF, which DER orders by its elements' bytes (X.690, 11.6). OpenSSL,
and whoever builds an authority on it, writes them as they come; rfc3161-client refuses that. No
signature covers the set (RFC 5652, 5.4), so that putting it in order changes nothing that counts.
"""

from collections.abc import Iterator

_SEQUENCE, _SET, _INTEGER, _OID, _FIRST = 0x30, 0x31, 0x02, 0x06, 0xA0
_MOST = 64
"""Certificates; a set of more is left as it is."""
_LONGEST_LENGTH = 3


def in_order(reply: bytes) -> bytes:
    """The same bytes but for the order of the certificates; any other form is left as it is."""
    try:
        start, end = _certificates(reply)
        found = [reply[first:stop] for _, first, _, stop in _elements(reply, start, end)]
    except ValueError:
        return reply
    return reply if len(found) > _MOST else reply[:start] + b"".join(sorted(found)) + reply[end:]


def _certificates(reply: bytes) -> tuple[int, int]:
    """Where the certificates begin and end (RFC 3161, 2.4.2; RFC 5652, 3 and 5.1)."""
    start, end = _part(reply, 0, len(reply), (_SEQUENCE,))  # TimeStampResp
    start, end = _part(reply, start, end, (_SEQUENCE, _SEQUENCE))  # its ContentInfo
    start, end = _part(reply, start, end, (_OID, _FIRST))
    start, end = _part(reply, start, end, (_SEQUENCE,))  # SignedData
    return _part(reply, start, end, (_INTEGER, _SET, _SEQUENCE, _FIRST))


def _part(raw: bytes, start: int, end: int, tags: tuple[int, ...]) -> tuple[int, int]:
    """The content of the last one of the elements with these tags; ValueError where they differ."""
    elements = _elements(raw, start, end)
    for tag in tags:
        found, _, content, stop = next(elements, (-1, 0, 0, 0))
        if found != tag:
            raise ValueError("another form")
    return content, stop


def _elements(raw: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(tag, start, start of the content, end) of each element; ValueError for other lengths."""
    while at < end:
        if at + 2 > end:
            raise ValueError("cut off")
        content, length = at + 2, raw[at + 1]
        if length > 0x80 and length - 0x80 <= _LONGEST_LENGTH:
            content += length - 0x80
            length = int.from_bytes(raw[at + 2 : content])
        elif length >= 0x80:
            raise ValueError("an indefinite or a monstrous length")
        if content + length > end:
            raise ValueError("cut off")
        yield raw[at], at, content, content + length
        at = content + length
