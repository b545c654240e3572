"""Settings of the page check, and the baseline that an operator pins in them."""

import re
from dataclasses import MISSING, dataclass, fields

from checks.base import Duration, Settings, option
from checks.http_request import place
from checks.national_filter import FILTER_HOSTS, filter_of
from checks.page.fingerprint import is_sketch
from checks.page.words import LURES, PHRASES, TOPICS, lists_of

_MAX_BODY_BOUND = 4 * 1_024 * 1_024
_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
_CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
_SHOWN = re.compile(r"[\x20-\x7e]{1,300}")
_TITLE = re.compile(r"t1-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What the page is known to be: facts of an observation that the operator has looked at.

    Each key is compared on its own; what is left out is compared with nothing.
    """

    title_hash: str | None = None
    """Fact of that name, "t1-" and 16 hexadecimal digits."""
    fingerprint: str | None = None
    """Fact of that name, "s1-" and 128 hexadecimal digits."""
    link_hosts: tuple[str, ...] | None = None
    """Hosts that links may lead to."""
    script_hosts: tuple[str, ...] | None = None
    """Hosts that scripts may come from."""
    form_hosts: tuple[str, ...] | None = None
    """Hosts that forms may send to."""
    sitemap_urls: int | None = None
    """URLs of the sitemaps."""

    def __post_init__(self) -> None:
        if self.title_hash is not None and not _TITLE.fullmatch(self.title_hash):
            raise ValueError("title_hash is not the fact title_hash of an observation")
        if self.fingerprint is not None and not is_sketch(self.fingerprint):
            raise ValueError("fingerprint is not the fact fingerprint of an observation")
        if self.sitemap_urls is not None and self.sitemap_urls < 0:
            raise ValueError("sitemap_urls is below 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageSettings(Settings):
    """Which page to look at, as whom, and what to compare it with."""

    interval: Duration = option(3_600_000_000, "Time between observations.")  # noqa: RUF009
    timeout: Duration = option(  # noqa: RUF009 - it is field()
        30_000_000, "Time for all fetches of an observation together."
    )
    url: str = option(MISSING, "Address of the page, http:// or https://.")
    max_body: int = option(1_048_576, "Bytes of a page read at most; a longer one is too-large.")
    max_redirects: int = option(5, "Redirects followed at most, for each visitor.")
    verify: bool = option(True, "An https page needs a trusted certificate with the right name.")
    sitemap: bool = option(True, "Read robots.txt and the sitemaps of the same host too.")
    browser_agent: str = option(_BROWSER, "User-Agent of the browser and of the search visitor.")
    crawler_agent: str = option(_CRAWLER, "User-Agent of the crawler.")
    search_referer: str = option("https://www.google.com/", "Where the search visitor comes from.")
    phrases: tuple[str, ...] = option(PHRASES, "Words of gambling spam of which one is enough.")
    topics: tuple[str, ...] = option(TOPICS, "Words of gambling; they count near two lures.")
    lures: tuple[str, ...] = option(LURES, "Words that lure; two of them near a topic count.")
    filter_hosts: tuple[str, ...] = option(
        FILTER_HOSTS,
        "Landing hosts, addresses and networks of the national filter; empty: not looked for.",
    )
    baseline: Baseline | None = option(  # noqa: RUF009 - it is field()
        None, "Facts of an observation that the page is compared with; none: no drift is told."
    )

    def __post_init__(self) -> None:
        place(self.url)
        filter_of(self.filter_hosts)
        lists_of(self.phrases, self.topics, self.lures)
        if not 1 <= self.max_body <= _MAX_BODY_BOUND:
            raise ValueError(f"max_body is not between 1 and {_MAX_BODY_BOUND}")
        if not 0 <= self.max_redirects <= 20:
            raise ValueError("max_redirects is not between 0 and 20")
        for name in ("browser_agent", "crawler_agent", "search_referer"):
            if not _SHOWN.fullmatch(getattr(self, name)):
                raise ValueError(f"{name} is not a line of 1 to 300 ASCII characters")


BASELINE = tuple(one.name for one in fields(Baseline))
"""Names of the facts that a baseline is made of."""
