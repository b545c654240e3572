"""web: is a site served the way it should be? Only GET, without credentials, request by request."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, urlunsplit

from checks.address import families_of
from checks.attempt import ConnectionProber
from checks.base import Assignment, CheckKind, Done, Evidence, Net, Probe, Prober, Settings
from checks.http_request import place
from checks.task_prober import TaskProber
from checks.web.evidence import WebEvidence, WebSettings
from checks.web.fetch import Errand, FetchAttempt
from checks.web.look import Look
from monitor.model import Family, Fault


class WebProber:
    """A coroutine for each probe, and one prober of connections for all their requests."""

    def __init__(self, net: Net) -> None:
        self._fetching = ConnectionProber(net, FetchAttempt, needs_roots=True)
        self._looking = TaskProber(net, self._look)
        self._reading = asyncio.Lock()

    async def _look(self, net: Net, assignment: Assignment) -> Evidence | Fault:
        errand = Errand(net, self._fetching, assignment, self._reading)
        return await Look(errand).observe(net.wall_us())

    def begin(self, batch: Sequence[Probe], done: Done) -> None:
        """See `checks.base.Prober`."""
        self._looking.begin(batch, done)

    def tick(self) -> None:
        """Expire what is due."""
        self._fetching.tick()

    def counters(self) -> Mapping[str, int]:
        """Of probes and of their requests together."""
        return Counter(self._fetching.counters()) + Counter(self._looking.counters())

    def notes(self) -> Sequence[str]:
        """Trust cannot be judged on a host without roots."""
        return self._fetching.notes()

    async def close(self) -> None:
        """Nothing under way is told."""
        await self._looking.close()
        await self._fetching.close()


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return WebProber(net)


def from_url(url: SplitResult) -> WebSettings:
    """Settings of an http:// or https:// URL; web:// means https://."""
    if url.scheme == "web":
        url = url._replace(scheme="https")
    return WebSettings(url=urlunsplit(url))


def families(settings: Settings) -> tuple[Family, ...]:
    """A literal's own family, both of a name."""
    assert isinstance(settings, WebSettings)
    return families_of(place(settings.url).host)


KIND = CheckKind(
    name="web",
    settings=WebSettings,
    evidence=WebEvidence,
    prober=prober,
    from_url=from_url,
    families=families,
)
