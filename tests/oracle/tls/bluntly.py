"""The truth about a server, found out bluntly: one suite or one group in each hello.

Written apart from `checks/tls` and without its tables, so that one can prove the other. Slow on
purpose: nothing is concluded from an order or from what was chosen before. A server has accepted
a suite when its ServerHello (or HelloRetryRequest) names it; everything else is written down as
what it was.
"""

import re
import socket
import struct
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_NMAP = Path("/usr/share/nmap/nselib/tls.lua")
_VERSIONS = {"SSLv3": 0x0300, "TLSv1.0": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303,
             "TLSv1.3": 0x0304}  # fmt: skip
GROUPS = {
    "secp192r1": 19, "secp224r1": 21, "secp256k1": 22, "secp256r1": 23, "secp384r1": 24,
    "secp521r1": 25, "brainpoolP256r1": 26, "brainpoolP384r1": 27, "brainpoolP512r1": 28,
    "x25519": 29, "x448": 30, "brainpoolP256r1tls13": 31, "brainpoolP384r1tls13": 32,
    "brainpoolP512r1tls13": 33, "curveSM2": 41, "ffdhe2048": 256, "ffdhe3072": 257,
    "ffdhe4096": 258, "ffdhe6144": 259, "ffdhe8192": 260, "MLKEM512": 512, "MLKEM768": 513,
    "MLKEM1024": 514,
    "SecP256r1MLKEM768": 4587, "X25519MLKEM768": 4588, "SecP384r1MLKEM1024": 4589,
    "curveSM2MLKEM768": 4590,
}  # fmt: skip
_FINITE = [group for name, group in GROUPS.items() if name.startswith("ffdhe")]
_SIGNATURES = (0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0807, 0x0808, 0x0809, 0x080A,
               0x080B, 0x0401, 0x0501, 0x0601, 0x0402, 0x0202, 0x0203, 0x0201)  # fmt: skip
_RETRY = bytes.fromhex("CF21AD74E59A6111BE1D8C021E65B891C2A211167ABB8C5E079E09E2C8A8339C")
_SSL2_KINDS = {0x010080: "SSL_CK_RC4_128_WITH_MD5", 0x020080: "SSL_CK_RC4_128_EXPORT40_WITH_MD5",
               0x030080: "SSL_CK_RC2_128_CBC_WITH_MD5",
               0x040080: "SSL_CK_RC2_128_CBC_EXPORT40_WITH_MD5",
               0x050080: "SSL_CK_IDEA_128_CBC_WITH_MD5", 0x060040: "SSL_CK_DES_64_CBC_WITH_MD5",
               0x0700C0: "SSL_CK_DES_192_EDE3_CBC_WITH_MD5"}  # fmt: skip
_SECONDS = 5.0
_AT_A_TIME = 8
"""Suites in a hello that only asks whether it is worth asking each."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a server answered: "hello" with version and suite (and group), or why not."""

    how: str
    version: str = ""
    suite: int = 0
    group: int = 0
    compression: int = 0
    extensions: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Server:
    """Whom to ask."""

    address: str
    port: int
    name: str


@cache
def suites() -> Mapping[int, str]:
    """Code → IANA name: nmap's own table, or else all that the system's OpenSSL knows."""
    if not _NMAP.exists():
        return _suites_of_openssl()
    text = _NMAP.read_text(encoding="utf-8")
    table = text[text.index("\nCIPHERS = {") :]
    table = table[: table.index("\n}")]
    found = re.findall(r'^\[?"?(TLS_\w+)"?\]?\s*=\s*0x([0-9A-Fa-f]{4}),?', table, re.MULTILINE)
    named = {int(code, 16): name.replace("TLS_AKE_WITH", "TLS") for name, code in found}
    assert len(named) > 300
    return {code: name for code, name in named.items() if "SCSV" not in name}


def _suites_of_openssl() -> Mapping[int, str]:
    argv = ["openssl", "ciphers", "-V", "-stdname", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"]
    listed = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True).stdout
    lines = re.findall(r"0x(\w\w),0x(\w\w) - (TLS_\w+)", listed)
    return {int(high + low, 16): name for high, low, name in lines}


def accepted_suites(server: Server, version: str) -> set[str]:
    """Every suite that the server accepts in this version, each asked for alone."""
    if version == "SSLv2":
        return set(ssl2_kinds(server))
    tls13 = version == "TLSv1.3"
    codes = [code for code in sorted(suites()) if (code >> 8 == 0x13) == tls13]
    finite = [code for code in codes if suites()[code].startswith("TLS_DH")]
    found = _each(server, version, codes, _groups_of(version))
    if not tls13:  # a server of RFC 7919 takes DHE only with a group in common, an older one never
        found |= _each(server, version, finite, [*_groups_of(version), *_FINITE])
    return found


def _each(server: Server, version: str, codes: list[int], groups: list[int]) -> set[str]:
    found: set[str] = set()
    for at in range(0, len(codes), _AT_A_TIME):
        some = codes[at : at + _AT_A_TIME]
        if _took(ask(server, version, some, groups), version, some):
            found |= {
                suites()[code]
                for code in some
                if _took(ask(server, version, [code], groups), version, [code])
            }
    return found


def accepted_groups(server: Server, versions: Iterable[str]) -> set[str]:
    """Every group of a key exchange that the server accepts, each offered alone.

    In TLS 1.3 a hello without a key share is answered by the one that is asked for; below, a
    suite with an ephemeral curve is accepted only with a curve in common.
    """
    found: set[str] = set()
    ecdhe = [code for code, name in suites().items() if re.match("TLS_ECDHE_(RSA|ECDSA)_", name)]
    tls13 = [code for code in suites() if code >> 8 == 0x13]
    for version in versions:
        offered = tls13 if version == "TLSv1.3" else ecdhe if version != "SSLv2" else []
        if version == "SSLv3" or not offered:
            continue
        for name, group in GROUPS.items():
            if group not in _groups_of(version):
                continue
            said = [
                ask(server, version, offered[at : at + 60], [group])
                for at in range(0, len(offered), 60)
            ]
            if any(_took(one, version, offered) for one in said):
                found.add(name)
    return found


def ask(
    server: Server, version: str, codes: Sequence[int], groups: Sequence[int], extras: bytes = b""
) -> Said:
    """One hello in one version and its answer; with `extras` it also offers to compress."""
    hello = _hello(_VERSIONS[version], codes, groups, server.name, extras)
    try:
        with socket.create_connection((server.address, server.port), _SECONDS) as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.sendall(hello)
            return _read(peer)
    except TimeoutError:
        return Said("timeout")
    except OSError as error:
        return Said(f"lost: {error}")


def compresses_and_renegotiates(server: Server, version: str) -> tuple[bool, bool] | None:
    """Whether it takes DEFLATE (RFC 3749), and knows secure renegotiation (RFC 5746); None: lost.

    Below TLS 1.3 only: there is neither in it.
    """
    codes = [code for code in suites() if code >> 8 != 0x13]
    for at in range(0, len(codes), 60):
        some = codes[at : at + 60]
        said = ask(server, version, some, _groups_of(version), _extension(0xFF01, b"\0"))
        if _took(said, version, some):
            return said.compression == 1, 0xFF01 in said.extensions
    return None


def ssl2_kinds(server: Server) -> list[str]:
    """The ciphers of an SSLv2 SERVER-HELLO ("The SSL Protocol", 1995, 2.6)."""
    specs = b"".join(kind.to_bytes(3, "big") for kind in _SSL2_KINDS)
    body = struct.pack(">BHHHH", 1, 2, len(specs), 0, 16) + specs + bytes(range(16))
    try:
        with socket.create_connection((server.address, server.port), _SECONDS) as peer:
            peer.sendall(struct.pack(">H", 0x8000 | len(body)) + body)
            head = _exactly(peer, 2)
            length = (head[0] & 0x7F) << 8 | head[1]
            answer = _exactly(peer, length)
    except OSError:
        return []
    if not head[0] & 0x80 or answer[0] != 4:
        return []
    certificate, listed = struct.unpack_from(">HH", answer, 5)
    at = 11 + certificate
    kinds = [int.from_bytes(answer[at + i : at + i + 3], "big") for i in range(0, listed, 3)]
    return [_SSL2_KINDS[kind] for kind in kinds]


def _groups_of(version: str) -> list[int]:
    """Curves alone before TLS 1.3; in it what RFC 8446, 4.2.7, and its successors allow."""
    curves = [group for group in GROUPS.values() if group <= GROUPS["x448"]]
    if version != "TLSv1.3":
        return curves
    return [group for group in GROUPS.values() if group >= 23 and group not in (26, 27, 28)]


def _took(said: Said, version: str, codes: Sequence[int]) -> bool:
    return said.how == "hello" and said.version == version and said.suite in codes


def _hello(
    version: int, codes: Sequence[int], groups: Sequence[int], name: str, extras: bytes
) -> bytes:
    listed = b"".join(struct.pack(">H", code) for code in codes)
    body = struct.pack(">H", min(version, 0x0303)) + bytes(range(32))
    body += b"\x20" + bytes(range(32)) if version == 0x0304 else b"\0"
    body += struct.pack(">H", len(listed)) + listed + (b"\2\1\0" if extras else b"\1\0")
    extensions = extras
    if version > 0x0300:
        extensions += _extension(0, _sized(b"\0" + _sized(name.encode(), 2), 2))
        extensions += _extension(10, _sized(b"".join(struct.pack(">H", g) for g in groups), 2))
        extensions += _extension(11, b"\1\0")
    if version >= 0x0303:
        listed = b"".join(struct.pack(">H", scheme) for scheme in _SIGNATURES)
        extensions += _extension(13, _sized(listed, 2))
    if version == 0x0304:
        extensions += _extension(43, b"\2\3\4") + _extension(51, b"\0\0")
    if extensions:
        body += _sized(extensions, 2)
    message = b"\1" + len(body).to_bytes(3, "big") + body
    return struct.pack(">BHH", 22, min(version, 0x0301), len(message)) + message


def _extension(number: int, content: bytes) -> bytes:
    return struct.pack(">H", number) + _sized(content, 2)


def _sized(content: bytes, size: int) -> bytes:
    return len(content).to_bytes(size, "big") + content


def _read(peer: socket.socket) -> Said:
    """The first message: a ServerHello, an alert, or something else."""
    gathered = b""
    for _ in range(64):
        kind, _, length = struct.unpack(">BHH", _exactly(peer, 5))
        content = _exactly(peer, length)
        if kind == 21:
            if content[0] == 1 and content[1] != 0:
                continue  # a warning, such as unrecognized_name
            return Said(f"alert {content[1]}")
        if kind != 22:
            return Said(f"record {kind}")
        gathered += content
        if len(gathered) >= 4 and len(gathered) >= 4 + int.from_bytes(gathered[1:4], "big"):
            return _server_hello(gathered)
    return Said("too many records")


def _server_hello(message: bytes) -> Said:
    if message[0] != 2:
        return Said(f"message {message[0]}")
    version = int.from_bytes(message[4:6], "big")
    chance, session = message[6:38], message[38]
    suite = int.from_bytes(message[39 + session : 41 + session], "big")
    compression, numbers = message[41 + session], set[int]()
    at, end, group = 44 + session, 4 + int.from_bytes(message[1:4], "big"), 0
    while at + 4 <= end:
        number, length = struct.unpack_from(">HH", message, at)
        content = message[at + 4 : at + 4 + length]
        numbers.add(number)
        if number == 43:
            version = int.from_bytes(content, "big")
        if number == 51 and chance == _RETRY:
            group = int.from_bytes(content, "big")
        at += 4 + length
    word = next((word for word, code in _VERSIONS.items() if code == version), f"{version:#06x}")
    return Said("hello", word, suite, group, compression, frozenset(numbers))


def _exactly(peer: socket.socket, size: int) -> bytes:
    gathered = b""
    while len(gathered) < size:
        chunk = peer.recv(size - len(gathered))
        if not chunk:
            raise ConnectionError("closed")
        gathered += chunk
    return gathered
