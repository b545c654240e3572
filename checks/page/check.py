"""page: is the page still the one that the office put there, and is it so for every visitor?

One observation asks for the same page three times, at the same address: as a browser, as a search
engine's crawler, and as somebody who comes from a search; then it reads the sitemaps. Spam that
is injected into a site often shows itself to the latter two alone. Nothing of a page is kept but
hashes, counts, hosts and the entries of the operator's own list that were found.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import SplitResult, urlunsplit

from checks.address import families_of, literal_family
from checks.base import Aliases, Assignment, CheckKind, Evidence, Net, Prober, Settings
from checks.http_request import Place, place
from checks.national_filter import NO_FILTER, filter_of
from checks.page.assembling import Before, Observed, Visit, before_of, evidence_of
from checks.page.evidence import PageEvidence
from checks.page.fetch import Fetcher, Got, Visitor
from checks.page.reading import Searching, Sitemaps, read_sitemaps
from checks.page.settings import PageSettings
from checks.page.view import View, viewing
from checks.page.words import lists_of
from checks.task_prober import TaskProber
from checks.trust import looking_context, verifying_context
from monitor.model import Family, Fault, FaultKind

_HTML = frozenset({"", "text/html", "application/xhtml+xml"})
REMEMBERED = 10_000
"""Series whose last observation is kept for comparison; of more the oldest are forgotten."""


class PageProber(TaskProber):
    """Remembers of each series what its last observation showed, until the program ends."""

    def __init__(self, net: Net) -> None:
        super().__init__(net, self._observe)
        self._before: dict[tuple[str, Family], Before] = {}
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._reading = asyncio.Lock()

    async def _observe(self, net: Net, assignment: Assignment) -> Evidence | Fault:
        settings = assignment.settings
        assert isinstance(settings, PageSettings)
        series = (assignment.target, assignment.family)
        observation = _Observation(
            net,
            assignment.family,
            settings,
            lambda: self._context(net, settings.verify),
            self._reading,
        )
        seen = await observation.made(self._before.get(series))
        if isinstance(seen, Fault):
            return seen
        self._remember(series, before_of(seen.browser))
        return evidence_of(settings, seen)

    def _remember(self, series: tuple[str, Family], shown: Before | None) -> None:
        if shown is None:
            return
        self._before.pop(series, None)
        while len(self._before) >= REMEMBERED:
            del self._before[next(iter(self._before))]
        self._before[series] = shown

    def _context(self, net: Net, verify: bool) -> ssl.SSLContext | Fault:
        if verify not in self._contexts:
            made = verifying_context(net.ca_file) if verify else looking_context()
            if isinstance(made, Fault):
                return made
            self._contexts[verify] = made
        return self._contexts[verify]


class _Observation:
    """The fetches of one observation, one after another, under one deadline."""

    def __init__(
        self,
        net: Net,
        family: Family,
        settings: PageSettings,
        context: Callable[[], ssl.SSLContext | Fault],
        reading: asyncio.Lock,
    ) -> None:
        self.net, self.family, self.settings = net, family, settings
        self.at = place(settings.url)
        lists = lists_of(settings.phrases, settings.topics, settings.lures)
        self.search = Searching(lists=lists, reading=reading)
        known = filter_of(settings.filter_hosts)
        self.fetcher = Fetcher(
            net=net,
            family=family,
            # Who looks at the landing page itself wants to see it.
            filter=NO_FILTER if known.of_host(self.at.host) else known,
            settings=settings,
            context=context,
        )
        self.started_ns = net.boottime_ns()
        self.deadline = asyncio.get_running_loop().time() + settings.timeout / 1e6

    async def made(self, before: Before | None) -> Observed | Fault:
        """Everything that was seen in time; a Fault where the browser's page was not."""
        settings = self.settings
        browser = Visitor(agent=settings.browser_agent)
        first = await self._visit(browser)
        if isinstance(first, Fault):
            return first
        seen = Observed(
            browser=first,
            aliases=self._aliases(),
            before=before,
            address=self.fetcher.pinned.get(first.got.at.host, ""),
        )
        if first.answered:
            crawler = Visitor(agent=settings.crawler_agent)
            search = replace(browser, referer=settings.search_referer)
            seen = replace(seen, crawler=_told(await self._visit(crawler)))
            seen = replace(seen, search=_told(await self._visit(search)))
            seen = replace(seen, sitemaps=await self._sitemaps(crawler, self._home(first)))
        total_us = (self.net.boottime_ns() - self.started_ns) // 1_000
        return replace(seen, total_us=max(0, total_us))

    async def _visit(self, visitor: Visitor) -> Visit | Fault:
        settings = self.settings
        try:
            async with asyncio.timeout_at(self.deadline):
                got = await self.fetcher.get(settings.url, visitor, settings.max_body)
        except TimeoutError:
            if self.at.host not in self.fetcher.pinned:
                return Fault(
                    kind=FaultKind.RESOLVER, message="no answer from the resolvers in time"
                )
            return Visit(got=Got(outcome="timeout", at=self.at), asked=self.at.host)
        if isinstance(got, Fault):
            return got
        if not got.readable or got.kind not in _HTML:
            return Visit(got=got, asked=self.at.host)
        try:
            async with asyncio.timeout_at(self.deadline), self.search.reading:
                return Visit(got=got, asked=self.at.host, view=await self._view(got))
        except TimeoutError:
            return Fault(kind=FaultKind.OVERLOAD, message="the page was not read through in time")

    async def _view(self, got: Got) -> View:
        for view in viewing(got.body, got.charset, got.at.url, self.search.lists):
            if view is not None:
                return view
            await asyncio.sleep(0)
        raise AssertionError("the steps of a view end with it")

    def _home(self, first: Visit) -> Place:
        """Where the sitemaps lie: at `www.` of the host, or without it, if the page does."""
        last = first.got.at
        names = {f"www.{self.at.host}", self.at.host.removeprefix("www.")}
        return last if first.got.readable and last.host in names else self.at

    async def _sitemaps(self, visitor: Visitor, home: Place) -> Sitemaps | None:
        """What was read in time; None where it was not asked for or nothing was."""
        if not self.settings.sitemap:
            return None
        found = Sitemaps(home.host)
        try:
            async with asyncio.timeout_at(self.deadline):
                await read_sitemaps(self.fetcher, home, visitor, self.search, found)
        except TimeoutError:
            found.missed += 1
        return found

    def _aliases(self) -> Aliases | None:
        if literal_family(self.at.host):
            return None
        return self.net.aliases(self.at.host, self.family)


def _told(visit: Visit | Fault) -> Visit | None:
    """A second or third visit that could not be made leaves its facts undefined."""
    return None if isinstance(visit, Fault) else visit


def prober(net: Net) -> Prober:
    """A prober of this check."""
    return PageProber(net)


def from_url(url: SplitResult) -> PageSettings:
    """Settings of an http:// or https:// URL."""
    return PageSettings(url=urlunsplit(url))


def families(settings: Settings) -> tuple[Family, ...]:
    """A literal's own family, both of a name."""
    assert isinstance(settings, PageSettings)
    return families_of(place(settings.url).host)


KIND = CheckKind(
    name="page",
    settings=PageSettings,
    evidence=PageEvidence,
    prober=prober,
    from_url=from_url,
    families=families,
)
