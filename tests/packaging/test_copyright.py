"""debian/copyright says under which licence each part of the package is."""

from pathlib import Path

TEXT = (Path(__file__).parents[2] / "packaging/deb/copyright").read_text(encoding="utf-8")


def test_scapy_is_not_under_our_licence() -> None:
    """The one library under the GPL has a paragraph of its own, behind the one for everything."""
    paragraphs = [
        dict(line.split(": ", 1) for line in one.splitlines() if not line.startswith(" "))
        for one in TEXT.strip().split("\n\n")
    ]
    licences = {one["Files"]: one["License"] for one in paragraphs if "Files" in one}
    assert list(licences) == ["*", "opt/sasando/lib/*/site-packages/scapy/*"]
    assert list(licences.values()) == ["MIT", "GPL-2.0-only"]
    # The builder appends the paragraph `License: MIT`, which must not join the one before it.
    assert TEXT.endswith("\n\n")
