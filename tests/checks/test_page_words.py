"""Words of gambling spam: found however they are written, and not where offices write of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.page.normal import TEXT_BOUND, plain, readings, words
from checks.page.words import (
    FOUND,
    LURES,
    NEAR,
    PHRASES,
    TOPICS,
    found_in,
    found_in_host,
    lists_of,
)

LISTS = lists_of(PHRASES, TOPICS, LURES)


@pytest.mark.parametrize(
    "text",
    [
        *("slot gacor", "SLOT\nGACOR!", "slot-gacor", "slotgacor", "sl0t g4cor", "5lot gac0r"),
        *("s l o t  g a c o r", "s.l.o.t gacor", "ｓｌｏｔ ｇａｃｏｒ", "slót gàcor"),
        *("s\u200blot ga\u00adcor", "\u0455l\u043et g\u0430cor", "𝐬𝐥𝐨𝐭 𝐠𝐚𝐜𝐨𝐫"),
    ],
)
def test_a_phrase_is_found_however_it_is_disguised(text: str) -> None:
    """Case, width, marks, invisible and look-alike letters, digits for letters, gaps."""
    assert "slot gacor" in found_in(f"berita {text} hari", LISTS)


@pytest.mark.parametrize(
    "text",
    [
        "Pilih slot waktu pelayanan dan slot parkir",
        "Waspada judi online (judol): laporkan situs judi, togel, slot dan casino",
        "Daftar slot kunjungan; slot hari ini penuh, pilih slot online untuk antrean paspor",
        "Pengadaan rak dengan dua slot server dan slot terbaru",
        "Bahaya judi slot bagi remaja: jangan sebar link judi online",
        "Polisi menangkap agen slot, bandar togel online, poker online dan casino online",
        "Daftar judi online yang diblokir: situs slot, situs togel, judi bola online",
        "Bonus demografi; deposit jaminan; pulsa listrik kantor wali kota",
        "Lomba burung gacor dan undian jackpot RW 04",
        "Bandar udara El Tari, daftar agen perjalanan",
        "gacorslot88x",
        "slots88 88slot slot 8 8",
    ],
)
def test_words_of_an_office_are_not_spam(text: str) -> None:
    """Warnings of gambling, time slots, bank words, and letters that only resemble a phrase."""
    assert found_in(text, LISTS) == ()


def test_a_topic_counts_with_two_lures_near_it() -> None:
    """One lure is not enough, nor the same one twice, nor far away; the entries near are told."""
    far = "kata " * NEAR
    assert found_in("togel bonus", LISTS) == ()
    assert found_in("togel bonus bonus bonus", LISTS) == ()
    assert found_in(f"togel {far} bonus jackpot", LISTS) == ()
    assert found_in("bonus new member togel", LISTS) == ("bonus", "new member", "togel")


def test_a_phrase_within_a_host_name_is_found() -> None:
    """In one word or with hyphens; short entries and the other lists are left out there."""
    assert found_in_host("www.Slot-Gacor88.example", LISTS) == ("slot gacor",)
    assert found_in_host("xslot88.example", LISTS) == ("slot88",)
    assert found_in_host("togel.bonus.jackpot.example", LISTS) == ()
    assert found_in_host("slot.gacor.example", LISTS) == ()


def test_the_lists_are_the_operators() -> None:
    """Another list finds its own words, however they are written in it, and no other."""
    own = lists_of(("Pinjol  ILEGAL",), (), ())
    assert found_in("PINJ0L ilegal slot gacor", own) == ("pinjol ilegal",)


@given(st.text(max_size=400))
def test_any_text_is_searched(text: str) -> None:
    """Nothing raises; what is found is of the lists, bounded, and found again in any case."""
    found = found_in(text, LISTS)
    assert set(found) <= set(LISTS.kinds)
    assert len(found) <= FOUND
    assert len(plain(text)) <= TEXT_BOUND
    assert all(readings(word)[0] == word for word in words(text))


@given(st.sampled_from(PHRASES), st.text(alphabet="abc xyz.,", max_size=60))
def test_every_phrase_is_found_in_any_surroundings(phrase: str, around: str) -> None:
    """Before and after other words, upper case."""
    assert " ".join(words(phrase)) in found_in(f"{around} - {phrase.upper()} - {around}", LISTS)


def test_what_grows_when_it_is_normalised_is_bounded() -> None:
    """A letter that stands for eighteen does not make a text eighteen times as long."""
    assert len(plain("\ufdfa" * 65_536)) == TEXT_BOUND
