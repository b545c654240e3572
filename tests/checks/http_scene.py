"""What the tests of the http check share."""

from typing import Any

from checks import http
from checks.http_evidence import HttpSettings
from tests.checks.harness import facts, observe
from tests.lab.webserver import WebServer

OK = b"HTTP/1.1 200 OK\r\n"


async def get(server: WebServer, path: str = "/", **wishes: Any) -> dict[str, Any]:
    """The facts of one probe of a page."""
    return facts(await observe(http.KIND, settings(server, path, **wishes)))


def settings(server: WebServer, path: str = "/", **wishes: Any) -> HttpSettings:
    """Settings for a page of this server."""
    return HttpSettings(url=server.url(path), **{"timeout": 5_000_000, **wishes})
