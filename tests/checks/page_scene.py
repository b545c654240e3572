"""A site that shows different visitors different pages, for the tests of the page check."""

import asyncio
from collections.abc import Callable
from typing import Any

from checks.page import check
from checks.page.settings import PageSettings
from tests.checks.harness import facts, observe
from tests.lab.webserver import Page, WebServer, page

CLEAN = (
    "<html><head><title>Pemerintah Kota 14 November 2026</title>"
    "<script src='https://cdn.example/app.js'></script></head><body><h1>Selamat datang</h1>"
    "<p>Layanan perizinan dan kependudukan dibuka setiap hari kerja pukul 08.00 sampai 16.00 "
    "di kantor wali kota. Pengunjung ke 15230.</p>"
    "<a href='https://dpmptsp.example/'>perizinan</a><a href='/berita'>berita</a>"
    "<form action='/cari'><input name=q></form>"
    "<form action='/masuk' method=post><input type=password></form></body></html>"
)
SPAM = CLEAN.replace(
    "</body>",
    "<div style='display:none'>Situs sl0t gac0r hari ini <a href='https://x-slotgacor.example/'>"
    "daftar</a></div></body>",
)


def shows(server: WebServer, choose: Callable[[str], Page | str]) -> Page:
    """A page chosen by the request that is being answered (its head, as text)."""

    async def write(writer: asyncio.StreamWriter) -> None:
        chosen = choose(server.requests[-1].decode())
        await (page(chosen.encode()) if isinstance(chosen, str) else chosen)(writer)

    return write


def crawler(request: str) -> bool:
    """Whether a search engine's crawler asks."""
    return "Googlebot" in request


def from_search(request: str) -> bool:
    """Whether the visitor comes from a search."""
    return "\r\nReferer: https://www.google.com/\r\n" in request


def settings(server: WebServer, path: str = "/", **wishes: Any) -> PageSettings:
    """Settings for a page of this server."""
    return PageSettings(url=server.url(path), **{"timeout": 10_000_000, **wishes})


async def look(server: WebServer, path: str = "/", **wishes: Any) -> dict[str, Any]:
    """The facts of one observation of a page."""
    return facts(await observe(check.KIND, settings(server, path, **wishes)))
