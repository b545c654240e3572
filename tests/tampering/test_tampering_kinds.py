"""Forty kinds of tampering and more: each is found, and its first finding says where and what."""

from pathlib import Path

import pytest

from tests.tampering.bases import MAKERS
from tests.tampering.copies import copied
from tests.tampering.file_kinds import FILE_KINDS
from tests.tampering.judging import judged
from tests.tampering.kinds import KINDS, Kind

EVERY = [*KINDS, *FILE_KINDS]


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An honest log of each shape."""
    made = {}
    for name, make in MAKERS.items():
        made[name] = tmp_path_factory.mktemp(name)
        make(made[name])
    return made


@pytest.mark.parametrize("kind", EVERY, ids=lambda kind: kind.name)
def test_tampering_is_found(kind: Kind, bases: dict[str, Path], tmp_path: Path) -> None:
    """The verdict, the entry that is wrong, and what about it, are those that the kind names."""
    copy = copied(bases[kind.base], tmp_path)
    kind.do(copy)
    found = judged(copy, kind.base)
    assert found.verdict in ("tampered", "unusable"), kind.told
    assert found.findings, kind.told
    first = found.findings[0]
    assert (first.index, first.what) == kind.first, (kind.told, found.findings)
    assert kind.words in found.said(), found.said()


def test_there_are_more_than_forty_kinds() -> None:
    """Each has a name of its own, a sentence, and every shape of a log is tampered with."""
    assert len({kind.name for kind in EVERY}) == len({kind.told for kind in EVERY}) >= 80
    assert {kind.base for kind in EVERY} == set(MAKERS)
