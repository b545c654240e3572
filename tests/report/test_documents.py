"""The documents: what stands in them, in both languages, and that nothing in them is hidden."""

import csv
import io
import re
import shutil
import subprocess
import unicodedata
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.reader import PdfFileReader

from monitor.report.axes import day_ticks, nice_ticks
from monitor.report.blocks import Document, Heading, Plot, Table
from monitor.report.document import document_of
from monitor.report.html import to_html
from monitor.report.letters import breakable, in_print, plain
from monitor.report.model import Report
from monitor.report.pdf import to_pdf
from monitor.report.plots import timeline
from monitor.report.rows import to_csv
from monitor.report.sections.method import _fitting, _goal, qr
from monitor.text import LANGUAGES, Language
from policies.availability import Piece, Standing
from policies.period import parse_period
from tests.lab.parts import require
from tests.report.scene import ORIGIN, PERIOD, TARGETS, ZONE, Scene, month, objective, ping

SIGNATURE = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72"
NOTE = f"{ORIGIN}\n41\nAAAA\n\n— {ORIGIN} {SIGNATURE}\n".encode()
HOSTILE = "<script>alert(1)</script>\u202e\x00 漢字 ]] #set $ " + "x" * 120


@pytest.fixture(scope="module")
def october() -> Report:
    """The report of the whole month."""
    return month().report()


@pytest.fixture(scope="module")
def hostile() -> Report:
    """The same month, where somebody named a link to break documents."""
    named = {**TARGETS, "balai-fo": replace(TARGETS["balai-fo"], name=HOSTILE)}
    scene, other = month(), Scene(targets=named)
    other.begin()
    other.entries += scene.entries[len(other.entries) :]
    other.records |= scene.records
    return other.report()


def document(report: Report, lang: Language) -> Document:
    """The document in a language."""
    return document_of(report, NOTE, lang)


class Tags(HTMLParser):
    """Every tag and attribute, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_section_stands_in_its_order(october: Report, lang: Language) -> None:
    """The fourteen sections, in both languages by other words."""
    heads = [b.text for b in document(october, lang).blocks if isinstance(b, Heading)]
    first = [
        b.text for b in document(october, lang).blocks if isinstance(b, Heading) and b.level == 1
    ]
    assert len(first) == 14
    assert len(heads) == len(set(heads))
    other = document(october, "id" if lang == "en" else "en")
    assert not set(first) & {b.text for b in other.blocks if isinstance(b, Heading)}


def test_indonesian_documents_write_numbers_and_dates_as_people_do(october: Report) -> None:
    """Money, ratios and months; nothing in the form of English."""
    text = to_html(document(october, "id")).decode()
    for words in ("Rp108.067,22", "98,667 %", "5 Oktober 2026 04:00", "memenuhi", "tidak terukur"):
        assert words in text
    assert "October" not in text


def test_what_was_not_observed_is_said(october: Report) -> None:
    """By target and cause, and the target that nothing ever watched by its name."""
    text = to_html(document(october, "en")).decode()
    assert "Targets without any observation that decides availability: 1" in text
    assert "not measurable" in text
    assert "nothing measured it in this period" in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_html_is_one_file_without_script_or_reference(october: Report, lang: Language) -> None:
    """Nothing is fetched, nothing runs, and the language is named."""
    raw = to_html(document(october, lang)).decode()
    tags = Tags(raw)
    assert tags.seen[0] == ("html", {"lang": lang})
    names = {tag for tag, _ in tags.seen}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "image", "use", "a"}
    attributes = {name for _, attrs in tags.seen for name in attrs}
    assert not attributes & {"src", "href", "xlink:href", "onload", "onclick", "srcset"}
    assert not re.search(r"url\(|@import", raw)
    urls = set(re.findall(r"https?://[^\"' <]+", raw))
    assert urls <= {"http://www.w3.org/2000/svg"}


def test_a_hostile_name_is_text_and_nothing_else(hostile: Report) -> None:
    """It is neither markup nor able to turn what stands after it."""
    raw = to_html(document(hostile, "en")).decode()
    tags = Tags(raw)
    assert "script" not in {tag for tag, _ in tags.seen}
    assert "<script>alert(1)</script>" in tags.text
    assert not {"\u202e", "\x00"} & set(raw)
    assert "漢字" in tags.text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_plot_is_well_formed_and_inside_its_picture(october: Report, lang: Language) -> None:
    """Each has shapes with a size, and none of them leaves the canvas."""
    plots = [b for b in document(october, lang).blocks if isinstance(b, Plot)]
    assert len(plots) == 8
    for plot in plots:
        root = ElementTree.fromstring(plot.svg)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        shapes = [one for one in root.iter() if one.tag.endswith(("rect", "path", "polyline"))]
        assert shapes
        for one in root.iter("{http://www.w3.org/2000/svg}rect"):
            x, y, w, h = (float(one.attrib[name]) for name in ("x", "y", "width", "height"))
            assert 0 <= x <= x + w <= width + 1
            assert 0 <= y <= y + h <= height
            assert w > 0
            assert h > 0
        for line in root.iter("{http://www.w3.org/2000/svg}polyline"):
            points = [tuple(map(float, p.split(","))) for p in line.attrib["points"].split()]
            assert all(0 <= x <= width and 0 <= y <= height for x, y in points)


edges = st.lists(st.integers(*PERIOD.window), min_size=2, max_size=30, unique=True).map(sorted)


@settings(max_examples=50, deadline=None)
@given(edges, st.randoms(use_true_random=False))
def test_no_outage_is_too_short_to_be_seen(moments: list[int], chance: object) -> None:
    """However long the period: where time was unavailable there is a bar of some width."""
    pieces = [
        Piece(started_us=a, ended_us=b, standing=chance.choice(list(Standing)))  # type: ignore[attr-defined]
        for a, b in pairwise(moments)
    ]
    last = moments[-1]
    shortest = Piece(started_us=last, ended_us=last + 1, standing=Standing.UNAVAILABLE)
    if chance.random() < 0.5:  # type: ignore[attr-defined]
        pieces.append(shortest)
    svg = timeline([("x", pieces)], PERIOD, "en", "t")
    bars = re.findall(r'<rect x="[\d.]+" y="([\d.]+)" width="([\d.]+)"[^>]*fill="#a01818"', svg)
    drawn = [float(width) for top, width in bars if float(top) < 30]
    assert bool(drawn) == any(one.standing is Standing.UNAVAILABLE for one in pieces)
    assert all(width >= 0.8 for width in drawn)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("2026-10-05..2026-10-05", "5 Oct|03:00|06:00|09:00|12:00|15:00|18:00|21:00"),
        ("2026-10-05..2026-10-06", "5 Oct|06:00|12:00|18:00|6 Oct|06:00|12:00|18:00"),
        ("2026-10-05..2026-10-07", "5 Oct|6 Oct|7 Oct"),
        ("2026-10", "1 Oct|5 Oct|9 Oct|13 Oct|17 Oct|21 Oct|25 Oct|29 Oct"),
    ],
)
def test_an_axis_of_time_has_days_or_hours(text: str, names: str) -> None:
    """However short the period: more than one place on its axis is named."""
    ticks = list(day_ticks(parse_period(text, ZONE), "en"))
    assert "|".join(name for _, name in ticks) == names
    assert [at_us for at_us, _ in ticks] == sorted({at_us for at_us, _ in ticks})


def test_an_hour_alone_has_its_mean() -> None:
    """As a line across the hour, where a point could not be seen; a day is named once."""
    scene = Scene(objectives=())
    scene.begin()
    scene.series(0, "balai-fo", "icmp", "availability/link-answers")
    scene.observe([ping(0, 1), ping(0, 2)])
    first = parse_period("2026-10-01..2026-10-01", ZONE)
    report = scene.report(period=first, until_us=first.window[1])
    document = document_of(report, NOTE, "en")
    assert document.subtitle == "1 October 2026"
    (plot,) = (b for b in document.blocks if isinstance(b, Plot) and "polyline" in b.svg)
    points = re.findall(r'points="([\d., ]+)"', plot.svg)
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in points[0].split())
    assert (len(points), y1) == (1, y2)
    assert x2 - x1 > 20


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({"indicator": "delay", "percentile": Decimal("0.9"), "duration_us": 750_000}, "750 ms"),
        ({"indicator": "outages", "count": 3}, "3"),
        ({"indicator": "mttr", "duration_us": 14_400_000_000}, "4 h"),
        ({"indicator": "loss", "ratio": Decimal("0.02")}, "2.000 %"),
    ],
)
def test_the_method_names_goals_in_their_units(more: dict[str, Any], shown: str) -> None:
    """A share, a count or a length; of delay the share that comes back within its bound."""
    terms = objective(**{"ratio": None, "restitution": None, **more})
    goal = _goal(terms, "en")
    assert shown in goal
    assert ("90" in goal) == (more["indicator"] == "delay")


@given(st.floats(1e-6, 1e9))
def test_ticks_reach_the_greatest_value(most: float) -> None:
    """From 0 in equal steps, few of them."""
    ticks = nice_ticks(most)
    assert ticks[0] == 0
    assert ticks[-1] >= most * 0.999999
    assert 2 <= len(ticks) <= 6


def test_the_qr_code_on_the_page_holds_the_checkpoint(october: Report, tmp_path: Path) -> None:
    """Drawn, and read back by a decoder that is not ours, it is the signed note."""
    require("pdftoppm", "zbarimg")
    said("pdftoppm", "-r", "150", "-png", pdf(october, "en", tmp_path), tmp_path / "page")
    pages = sorted(tmp_path.glob("page-*.png"))
    read = subprocess.run(
        ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", *map(str, pages)],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert read.stdout.strip() == NOTE.strip()


def test_a_checkpoint_with_many_cosignatures_is_coded_with_its_own() -> None:
    """What does not fit into a code stands in the text; the log's signature is in both."""
    many = NOTE + "".join(f"— witness{n}.example {SIGNATURE}\n" for n in range(40)).encode()
    assert _fitting(many.decode()) == NOTE.decode()
    assert qr(_fitting(many.decode()))


def test_csv_is_what_rfc_4180_says(october: Report) -> None:
    """CRLF, quotes where needed, one header, the same width in every row, undefined is empty."""
    for name, raw in to_csv(october).items():
        text = raw.decode()
        assert text.endswith("\r\n")
        assert "\n" not in text.replace("\r\n", "")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        assert len({len(row) for row in rows}) == 1, name
        assert len(rows) == 2


def test_a_cell_is_no_formula(october: Report) -> None:
    """A name that begins as a formula does is set behind an apostrophe."""
    targets = {**TARGETS, "balai-fo": replace(TARGETS["balai-fo"], name="=1+1")}
    accounting = replace(october.accounting, targets=targets)
    raw = to_csv(replace(october, accounting=accounting))["figures.csv"].decode()
    assert ",'=1+1," in raw


@given(st.text())
def test_letters_are_seen_or_named(text: str) -> None:
    """What is left has no control character, and in print nothing but what the fonts have."""
    banned = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    assert all(c == "\n" or unicodedata.category(c) not in banned for c in plain(text))
    assert in_print(in_print(text)) == in_print(text)
    assert breakable(text, 5).replace("\u200b", "") == text.replace("\u200b", "")


def pdf(report: Report, lang: Language, folder: Path) -> Path:
    """The PDF as a file."""
    path = folder / f"{lang}.pdf"
    path.write_bytes(to_pdf(document(report, lang)))
    return path


def said(*words: str | Path) -> str:
    """What a program prints."""
    require(str(words[0]))
    done = subprocess.run(
        [*map(str, words)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_pdf_says_what_the_html_says(october: Report, lang: Language, tmp_path: Path) -> None:
    """Every heading and every cell of every table can be read out of it."""
    text = re.sub(r"\s+", "", said("pdftotext", "-raw", pdf(october, lang, tmp_path), "-"))
    for block in document(october, lang).blocks:
        if isinstance(block, Heading):
            assert re.sub(r"\s+", "", block.text) in text
        if isinstance(block, Table):
            for cell in (cell for row in block.rows for cell in row):
                assert re.sub(r"\s+", "", cell) in text.replace("\u200b", ""), cell


def test_the_pdf_is_archival_tagged_and_has_its_fonts(october: Report, tmp_path: Path) -> None:
    """PDF/A-2a and PDF/UA-1 are claimed, the structure is tagged, every font is embedded."""
    path = pdf(october, "en", tmp_path)
    raw = path.read_bytes()
    assert re.search(rb"pdfaid:part>2<", raw)
    assert re.search(rb"pdfaid:conformance>A<", raw)
    assert re.search(rb"pdfuaid:part>1<", raw)
    lines = said("pdffonts", path).splitlines()[2:]
    assert lines
    assert all(line.split()[-5:-2] == ["yes", "yes", "yes"] for line in lines), lines
    told = said("pdfinfo", path)
    assert re.search(r"Tagged:\s+yes", told)
    assert re.search(r"JavaScript:\s+no", told)
    assert re.search(r"CreationDate:.*Oct 31 16:00:00 2026|CreationDate:.*2026", told)


def structure(node: Any) -> Iterator[Any]:
    """Every element of a PDF's structure tree."""
    found = node.get_object() if hasattr(node, "get_object") else node
    if isinstance(found, list):
        for one in found:
            yield from structure(one)
    elif isinstance(found, dict):
        if "/S" in found:
            yield found
        yield from structure(found.get("/K", []))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_pdf_can_be_read_aloud(october: Report, lang: Language) -> None:
    """It names its language and title; tables have heads, and each picture says what it shows."""
    blocks = document(october, lang).blocks
    root = PdfFileReader(io.BytesIO(to_pdf(document(october, lang)))).root
    assert root["/Lang"] == lang
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert [one.get_object()["/S"] for one in root["/OutputIntents"]] == ["/GTS_PDFA1"]
    elements = list(structure(root["/StructTreeRoot"]))
    kinds = Counter(one["/S"] for one in elements)
    tables = [one for one in blocks if isinstance(one, Table)]
    assert kinds["/Table"] == kinds["/THead"] == len(tables)
    assert kinds["/TH"] == sum(len(one.heads) for one in tables)
    headings = [one.level for one in blocks if isinstance(one, Heading)]
    assert (kinds["/H1"], kinds["/H2"]) == (headings.count(1), headings.count(2))
    told = [one["/Alt"] for one in elements if one["/S"] == "/Figure"]
    assert told == [in_print(one.alt) for one in blocks if isinstance(one, Plot)]


def test_the_same_report_gives_the_same_pdf(october: Report) -> None:
    """Byte for byte: neither the clock nor the machine's fonts are in it."""
    assert to_pdf(document(october, "id")) == to_pdf(document(month().report(), "id"))


Box = tuple[float, float, float, float, str]


def boxes(path: Path) -> list[tuple[float, float, list[Box]]]:
    """(width, height, words) of each page."""
    root = ElementTree.fromstring(
        re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", said("pdftotext", "-bbox", path, "-"))
    )
    pages = []
    for page in root.iter("{http://www.w3.org/1999/xhtml}page"):
        words = [
            (*(float(word.attrib[n]) for n in ("xMin", "yMin", "xMax", "yMax")), word.text or "")
            for word in page.iter("{http://www.w3.org/1999/xhtml}word")
        ]
        pages.append((float(page.attrib["width"]), float(page.attrib["height"]), words))
    return pages  # type: ignore[return-value]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_word_is_clipped_or_set_over_another(
    october: Report, hostile: Report, lang: Language, tmp_path: Path
) -> None:
    """Every word lies inside the margins and overlaps no other, whatever names there are."""
    for report in (october, hostile):
        for width, height, words in boxes(pdf(report, lang, tmp_path)):
            for x1, y1, x2, y2, _ in words:
                assert 40 <= x1 <= x2 <= width - 40
                assert 40 <= y1 <= y2 <= height - 25
            for place, (x1, y1, x2, y2, one) in enumerate(words):
                for u1, v1, u2, v2, other in words[place + 1 :]:
                    over = min(x2, u2) - max(x1, u1), min(y2, v2) - max(y1, v1)
                    assert over[0] < 1.5 or over[1] < 4, (one, other)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_picture_of_the_pdf_is_blank(october: Report, lang: Language, tmp_path: Path) -> None:
    """Rendered, each page has ink in the colours of its plots."""
    require("pdftoppm")
    path = pdf(october, lang, tmp_path)
    said("pdftoppm", "-r", "40", path, tmp_path / "page")
    pages = sorted(tmp_path.glob("page-*.ppm"))
    assert len(pages) == len(boxes(path))
    colours: set[bytes] = set()
    for page in pages:
        raw = page.read_bytes()
        pixels = raw.split(b"\n255\n", 1)[1]
        colours |= {pixels[at : at + 3] for at in range(0, len(pixels), 3)}
    red = [c for c in colours if c[0] > 120 and c[1] < 70 and c[2] < 70]
    green = [c for c in colours if c[1] > c[0] + 15 and c[1] > c[2] + 5]
    blue = [c for c in colours if c[2] > c[0] + 60]
    assert red
    assert green
    assert blue


def test_an_empty_report_still_says_so() -> None:
    """Without objectives, incidents, drills or plots each section says that there is nothing."""
    scene = Scene(objectives=(), rules=(), targets={})
    scene.begin()
    for lang in LANGUAGES:
        made = document(scene.report(), lang)
        assert len([b for b in made.blocks if isinstance(b, Heading) and b.level == 1]) == 14
        assert to_pdf(made).startswith(b"%PDF")


def test_pdf_tools_are_there() -> None:
    """The tests above need poppler: without it they would skip, and CI must not."""
    for name in ("pdftotext", "pdffonts", "pdftoppm", "pdfinfo"):
        require(name)
    assert shutil.which("pdftotext")
