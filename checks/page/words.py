"""Words of gambling spam, and how a page is searched for them. Pure.

A word of `PHRASES` is enough: no office writes "slot gacor". A word of `TOPICS` alone proves
nothing, for offices do write of "judi online" and "situs togel" when they warn of them, and of a
"slot waktu" or "slot hari ini" of a queue: it counts where two lures stand near it, as in an
offer. The lists are the operator's: the settings `phrases`,
`topics` and `lures` replace them. Only entries of a list are ever told, never the page's text.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from checks.page.normal import readings, words

PHRASES = (
    *("slot gacor", "slot88", "slot777", "slot maxwin", "slot thailand", "slot deposit"),
    *("slot dana", "slot pulsa", "slot qris", "slot demo", "slot terpercaya", "slot resmi"),
    *("slot bet", "demo slot", "link slot", "akun slot"),
    *("rtp slot", "rtp live", "bocoran rtp", "pola slot"),
    *("gacor hari ini", "gacor maxwin", "link gacor", "situs gacor", "akun gacor"),
    *("togel hari ini", "togel hongkong", "togel singapore"),
    *("togel macau", "keluaran hk", "keluaran sgp", "toto macau", "toto slot", "toto togel"),
    *("situs toto", "bandar toto", "link toto", "live casino"),
    *("dominoqq", "bandarqq", "pkv games", "pragmatic play", "mahjong ways"),
    *("gates of olympus", "starlight princess", "sweet bonanza", "scatter hitam", "sbobet"),
    *("joker123", "judi terpercaya"),
)
TOPICS = (
    *("judi", "judol", "togel", "slot", "casino", "kasino", "poker", "taruhan", "toto", "mahjong"),
)
LURES = (
    *("gacor", "maxwin", "jackpot", "scatter", "rtp", "deposit", "depo", "withdraw", "bonus"),
    *("freebet", "freespin", "new member", "link alternatif", "anti rungkad", "gampang menang"),
    *("bonanza", "olympus", "pragmatic"),
)
NEAR = 12
"""Words within which a topic and two different lures are an offer."""
ENTRIES = 500
FOUND = 32
"""Entries told of one page."""
_HOST_LETTERS = 6
"""Shorter entries are not looked for inside a host name: other words may hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lists:
    """The three lists, made ready: entries by their first word, and written in one word."""

    starts: dict[str, tuple[tuple[str, ...], ...]]
    joined: dict[str, str]
    kinds: dict[str, str]
    """phrase, topic or lure of each entry."""

    def at(self, text: Sequence[str], place: int) -> Iterator[str]:
        """The entries that begin at this word."""
        for reading in readings(text[place]):
            if reading in self.joined:
                yield self.joined[reading]
            for entry in self.starts.get(reading, ()):
                rest = text[place + 1 : place + len(entry)]
                if len(rest) == len(entry) - 1 and all(
                    word in readings(own) for word, own in zip(entry[1:], rest, strict=True)
                ):
                    yield " ".join(entry)


class Search:
    """Searches one text, a part at a time, so that nobody else is held up."""

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._near: dict[str, int] = {}
        """The last place of each topic and lure."""
        self.found: set[str] = set()

    def look(self, text: Sequence[str], places: Iterable[int]) -> None:
        """Look at these places of a text, in order."""
        for place in places:
            for entry in self._lists.at(text, place):
                self._take(entry, place)

    def _take(self, entry: str, place: int) -> None:
        if self._lists.kinds[entry] == "phrase":
            self.found.add(entry)
            return
        self._near[entry] = place
        near = {one for one, at in self._near.items() if place - at < NEAR}
        kinds = [self._lists.kinds[one] for one in near]
        if "topic" in kinds and kinds.count("lure") >= 2:
            self.found |= near

    def entries(self) -> tuple[str, ...]:
        """What was found, in order of the alphabet."""
        return tuple(sorted(self.found)[:FOUND])


def found_in(text: str, lists: Lists) -> tuple[str, ...]:
    """The entries that make a text gambling spam; empty: none do."""
    search, split = Search(lists), tuple(words(text))
    search.look(split, range(len(split)))
    return search.entries()


def found_in_host(host: str, lists: Lists) -> tuple[str, ...]:
    """The phrases within a host name, written in one word or with hyphens."""
    letters = host.lower().replace("-", "").replace(".", " ")
    return tuple(
        sorted(
            entry
            for entry, kind in lists.kinds.items()
            if kind == "phrase"
            and len(one := entry.replace(" ", "")) >= _HOST_LETTERS
            and one in letters
        )
    )[:FOUND]


@lru_cache(maxsize=64)
def lists_of(phrases: tuple[str, ...], topics: tuple[str, ...], lures: tuple[str, ...]) -> Lists:
    """The lists, compared as pages are; ValueError names an entry without a word."""
    starts: dict[str, list[tuple[str, ...]]] = {}
    joined: dict[str, str] = {}
    kinds: dict[str, str] = {}
    if len(phrases) + len(topics) + len(lures) > ENTRIES:
        raise ValueError(f"phrases, topics and lures have more than {ENTRIES} entries")
    for kind, entries in (("lure", lures), ("topic", topics), ("phrase", phrases)):
        for written in entries:
            entry = tuple(words(written))
            if not entry or len("".join(entry)) < 3:
                raise ValueError(f"{written!r} is too short to be searched for")
            name = " ".join(entry)
            if name not in kinds:
                starts.setdefault(entry[0], []).append(entry)
            if len(entry) > 1:
                joined["".join(entry)] = name
            kinds[name] = kind
    return Lists(
        starts={first: tuple(own) for first, own in starts.items()}, joined=joined, kinds=kinds
    )
