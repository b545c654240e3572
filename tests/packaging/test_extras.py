"""What the package installs beside the program."""

import runpy
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_package_has_every_extra() -> None:
    """Signed reports, tokens, PostgreSQL and packets work from the package as documented."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    builder = runpy.run_path(str(ROOT / "packaging/build_deb.py"))
    assert set(builder["EXTRAS"]) == set(project["optional-dependencies"])
