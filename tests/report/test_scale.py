"""The document of a city with a thousand targets: bounded, the worst first, and nothing lost."""

import csv
import io
import re
from pathlib import Path

import pytest

from monitor.figures import Outcome
from monitor.report.blocks import Block, Heading, Plot, Table
from monitor.report.document import document_of
from monitor.report.model import Report
from monitor.report.pdf import to_pdf
from monitor.report.rows import to_csv
from monitor.report.sections.common import MOST_ROWS, foremost
from monitor.report.sections.delay import MOST_PLOTS
from monitor.report.sections.time import KINDS, MOST_BARS, MOST_PICTURES
from monitor.text import LANGUAGES, Language
from tests.report.city import city
from tests.report.test_documents import NOTE, said

COUNT = 1_000


@pytest.fixture(scope="module")
def large() -> Report:
    """A thousand targets."""
    return city(COUNT)


def parts(report: Report, lang: Language = "en") -> list[Block]:
    """The blocks of its document."""
    return list(document_of(report, NOTE, lang).blocks)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_document_does_not_grow_with_the_city(large: Report, lang: Language) -> None:
    """Plots and rows are bounded; what is left out is counted."""
    blocks = parts(large, lang)
    plots = [block for block in blocks if isinstance(block, Plot)]
    timelines = MOST_PICTURES * len(KINDS)
    assert len(plots) <= timelines + MOST_PLOTS + len(large.drills) + 1
    *tables, appendix = (block for block in blocks if isinstance(block, Table))
    assert max(len(table.rows) for table in tables) <= MOST_ROWS
    assert len(appendix.rows) == len(large.figures) == COUNT


def test_what_is_shown_is_the_worst(large: Report) -> None:
    """Missed objectives come before met ones, lost time before none."""
    blocks = parts(large)
    tables = [
        b for b in blocks if isinstance(b, Table) and b.heads[1:4] == ["Objective", "Worst", "Best"]
    ]
    assert len(tables) == 4
    for table in tables[:3]:
        assert {row[5] for row in table.rows} == {"missed"}
        worst = [float(row[2].removesuffix(" %")) for row in table.rows]
        assert worst == sorted(worst)
    lost = sorted(one.sums.unavailable_us for one in large.coverage if "link" in one.target)
    limit = lost[-MOST_BARS * MOST_PICTURES]
    drawn = [b.svg for b in blocks if isinstance(b, Plot) and "link</text>" in b.svg]
    named = set(re.findall(r"Kelurahan (\d+) link</text>", "".join(drawn)))
    for one in large.coverage:
        if "link" in one.target and one.sums.unavailable_us > limit:
            assert str(int(one.target[-4:])) in named


def test_every_figure_is_in_the_appendix_and_the_csv(large: Report) -> None:
    """Whoever has only the PDF still has each figure."""
    appendix = [block for block in parts(large) if isinstance(block, Table)][-1]
    assert {row[0] for row in appendix.rows} == {large.name(one.target) for one in large.figures}
    missed = sum(one.outcome is Outcome.MISSED for one in large.figures)
    assert sum(row[5] == "missed" for row in appendix.rows) == missed
    rows = list(csv.reader(io.StringIO(to_csv(large)["figures.csv"].decode(), newline="")))
    assert len(rows) == COUNT + 1


def test_a_small_city_has_no_appendix() -> None:
    """Where the tables hold everything there is nothing to append, and the order is their own."""
    report = city(3 * MOST_ROWS)
    heads = [block.text for block in parts(report) if isinstance(block, Heading)]
    assert "Appendix: every figure" not in heads
    heads = [block.text for block in parts(city(3 * MOST_ROWS + 3)) if isinstance(block, Heading)]
    assert "Appendix: every figure" in heads
    assert foremost([3, 1, 2], lambda one: one, 3) == [3, 1, 2]
    assert foremost([3, 1, 2], lambda one: one, 2) == [1, 2]


def test_the_pdf_of_a_thousand_targets_is_set(large: Report, tmp_path: Path) -> None:
    """With as many pages as its bounds allow, whatever the city's size."""
    path = tmp_path / "id.pdf"
    path.write_bytes(to_pdf(document_of(large, NOTE, "id")))
    (count,) = re.findall(r"Pages:\s+(\d+)", said("pdfinfo", path))
    assert 20 <= int(count) <= 80
