"""The web check against nginx as a city would run it."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from checks.web.check import KIND
from checks.web.evidence import WebSettings
from tests.checks.harness import facts, net_of, observe, run
from tests.lab.certificates import Authority
from tests.lab.parts import command

pytestmark = pytest.mark.lab
NAME = "www.example"
_SERVER = """\
daemon off; {user} pid {home}/pid; error_log {home}/error.log; worker_processes 1;
events {{ worker_connections 64; }}
http {{
  access_log off; default_type text/html; {temporary}
  server {{
    listen 127.0.0.1:{plain}; server_name {name};
    location / {{ return 301 https://$host:{tls}$request_uri; }}
  }}
  server {{
    listen 127.0.0.1:{tls} ssl; server_name {name}; root {home}/site;
    ssl_certificate {home}/chain.pem; ssl_certificate_key {home}/key.pem;
    add_header Strict-Transport-Security "max-age=63072000; includeSubDomains" always;
    add_header X-Frame-Options SAMEORIGIN; add_header X-Content-Type-Options nosniff;
    server_tokens {tokens}; gzip on; gzip_min_length 1; gzip_types *;
    location = /.well-known/security.txt {{ default_type text/plain; }}
    location /backup/ {{ autoindex on; }}
    location /admin/ {{ return 401; }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(home: Path, *, tokens: str) -> Iterator[tuple[int, int]]:
    """A running nginx and its two ports: plain and TLS."""
    plain, tls = _free_ports()
    leaf = AUTHORITY.issue(NAME)
    (home / "chain.pem").write_bytes(leaf.certificates)
    (home / "key.pem").write_bytes(leaf.key)
    temporary = "".join(
        f"{kind}_temp_path {home}/{kind}; "
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    settings = home / "nginx.conf"
    settings.write_text(
        _SERVER.format(
            home=home,
            temporary=temporary,
            plain=plain,
            tls=tls,
            name=NAME,
            tokens=tokens,
            # Its workers would else be nobody, who may not read the folder of a test.
            user="user root;" if os.geteuid() == 0 else "",
        ),
        encoding="utf-8",
    )
    process = subprocess.Popen([command("nginx"), "-c", str(settings), "-p", str(home)])
    try:
        _until_listening(process, tls)
        yield plain, tls
    finally:
        process.terminate()
        process.wait(timeout=10)


def _free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        for sock in (one, two):
            sock.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def _until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 10
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError("nginx does not listen")


AUTHORITY = Authority.new()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of a site: a page, a login page, a listing, a repository left behind."""
    site = tmp_path / "site"
    for path, text in {
        "index.html": "<title>Kota</title><script src=http://cdn.example/a.js></script>",
        "login": "<form method=post><input type=password></form>",
        ".well-known/security.txt": "Contact: tel:+1-201-555-0123\nExpires: 2026-01-01T00:00:00Z\n",
        "backup/dump.sql": "CREATE TABLE warga;",
        ".git/HEAD": "ref: refs/heads/main\n",
    }.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("tokens", ["on", "off"])
def test_a_site_of_nginx_is_described(home: Path, tokens: str) -> None:
    """Redirect, fields, login, listing and a repository left behind are seen as they are."""

    async def scenario() -> None:
        wish = WebSettings(
            url=f"https://{NAME}:{tls}/",
            plain=f"http://{NAME}:{plain}/",
            login="/login",
            closed=("/.git/HEAD", "/.env", "/backup", "/admin/"),
            pause=0,
        )
        net = net_of({NAME: ["127.0.0.1"]}, ca_file=AUTHORITY.write(home / "ca.pem"))
        found = facts(await observe(KIND, wish, net))
        assert {name: found.get(name) for name in EXPECTED} == EXPECTED
        assert found["banner.shows_version"] is (tokens == "on")
        assert found["security_txt.days_left"] < 0

    with nginx(home, tokens=tokens) as (plain, tls):
        run(scenario)


EXPECTED = {
    "outcome": "ok",
    "plain.status": 301,
    "plain.leads_to_https": True,
    "hsts.max_age_s": 63_072_000,
    "csp.enforced": False,
    "framing": "same-origin",
    "nosniff": True,
    "banner.products": ["nginx"],
    "cookies.names": [],
    "login.insecure": [],
    "mixed.active": 1,
    "mixed.hosts": ["cdn.example"],
    "security_txt.valid": True,
    "closed.open": ["/.git/HEAD", "/backup"],
    "closed.undecided": [],
}
