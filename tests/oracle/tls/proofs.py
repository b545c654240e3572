"""Independent proofs of what is neither suite nor group: one `openssl s_client` for each question.

A proof that the system's OpenSSL cannot give (it speaks no SSLv3, RC4, export …) is absent.
"""

import os
import re
import select
import subprocess
import time
from pathlib import Path
from typing import IO, Any

from cryptography import x509

from tests.lab.tlsfarm.credentials import NAME
from tests.lab.tlsfarm.entry import Raised
from tests.oracle.tls import bluntly

_BELOW_13 = ("SSLv3", "TLSv1.0", "TLSv1.1", "TLSv1.2")
_WRONG_NAME = "62"
_BOUND_S = 20.0
_LATER_S = 1.5
"""How long something that may come after the handshake is waited for."""
_REFUSED = re.compile(r"alert (?:certificate required|handshake failure|bad certificate)")


def by_hello(one: Raised) -> dict[str, Any]:
    """What blunt hellos prove: protocols, suites, groups, compression, secure renegotiation."""
    server = bluntly.Server(one.address, one.port, NAME)
    versions = ("SSLv2", *_BELOW_13, "TLSv1.3")
    suites = {version: bluntly.accepted_suites(server, version) for version in versions}
    suites = {version: found for version, found in suites.items() if found}
    proved: dict[str, Any] = {
        "protocols": list(suites),
        "cipher_suites": {version: sorted(found) for version, found in suites.items()},
        "groups": sorted(bluntly.accepted_groups(server, suites)),
    }
    below = [version for version in _BELOW_13 if version in suites]
    if below:
        said = bluntly.compresses_and_renegotiates(server, below[-1])
        if said is not None:
            proved["compression"] = said[0]
            proved["renegotiation"] = "secure" if said[1] else "none"
    elif "TLSv1.3" in suites:  # which has neither (RFC 8446, 4.1.2 and 4.6)
        proved |= {"compression": False, "renegotiation": "none", "client_renegotiation": False}
    return proved


def by_client(one: Raised, ca: Path) -> dict[str, Any]:
    """What s_client proves: trust, staple, ALPN, early data, renegotiation, client certificate."""
    shown = _client(one, "-CAfile", str(ca), "-status", "-verify_hostname", NAME, until=_REFUSED)
    if "-----BEGIN CERTIFICATE-----" not in shown:
        return {}
    if "Cipher is (NONE)" in shown and not _REFUSED.search(shown):
        return _trust(shown)  # a certificate was shown, and no handshake followed
    proved: dict[str, Any] = {
        "stapled": "OCSP response: no response sent" not in shown,
        "client_certificate": _client_certificate(shown),
        "alpn": [
            protocol
            for protocol in ("h2", "http/1.1")
            if f"ALPN protocol: {protocol}" in _client(one, "-alpn", protocol)
        ],
        **_trust(shown),
        **_renegotiation(one),
    }
    tickets = _client(one, "-tls1_3", until=re.compile(r"Max Early Data: \d+"))
    early = re.search(r"Max Early Data: (\d+)", tickets)
    if early:
        proved["early_data"] = int(early[1]) > 0
    return proved


def by_file(chain: Path) -> dict[str, Any]:
    """What the certificate's own file says."""
    leaf = x509.load_pem_x509_certificate(chain.read_bytes())
    return {"not_after": leaf.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")}


def _trust(shown: str) -> dict[str, Any]:
    code = re.search(r"Verify return code: (\d+)", shown)
    if code is None:
        return {}
    return {
        "trusted": code[1] in ("0", _WRONG_NAME),
        **({"hostname_matches": code[1] == "0"} if code[1] in ("0", _WRONG_NAME) else {}),
    }


def _client_certificate(shown: str) -> str:
    asked = re.search(
        r"Acceptable client certificate CA names|Client Certificate Types|Requested Signature Alg",
        shown,
    )
    if not asked:
        return "no"
    return "required" if _REFUSED.search(shown) else "asked"


def _renegotiation(one: Raised) -> dict[str, Any]:
    ends = re.compile(
        r"RENEGOTIATING\n(?s:.*)(verify return:1\ndepth=0|no renegotiation|alert|rror:)"
    )
    said = _client(one, "-no_tls1_3", typed="R\n", until=ends)
    found = ends.search(said)
    if found is None:
        return {}
    return {"client_renegotiation": found[1].startswith("verify")}


def _client(
    one: Raised, *options: str, typed: str = "", until: re.Pattern[str] | None = None
) -> str:
    """What s_client prints; with `until` its input stays open until that, or a while, is over."""
    argv = ["openssl", "s_client", "-connect", f"{one.address}:{one.port}", "-servername", NAME,
            "-cipher", "ALL:@SECLEVEL=0", *options]  # fmt: skip
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "OPENSSL_CONF": "/dev/null"},
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(typed.encode())
        process.stdin.flush()
        said = "" if until is None else _read_until(process.stdout, until)
        return said + process.communicate(timeout=_BOUND_S)[0].decode(errors="replace")
    except (subprocess.TimeoutExpired, BrokenPipeError):
        return ""
    finally:
        process.kill()
        process.wait(_BOUND_S)


def _read_until(output: IO[bytes], until: re.Pattern[str]) -> str:
    said, end = b"", time.monotonic() + _LATER_S
    while (left := end - time.monotonic()) > 0 and not until.search(said.decode(errors="replace")):
        if select.select([output], [], [], left)[0]:
            chunk = os.read(output.fileno(), 65_536)
            if not chunk:
                break
            said += chunk
    return said.decode(errors="replace")
