"""What is shipped: the wheel's content, its version, and that no file names a machine."""

import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"alerts", "checks", "monitor", "policies"}
SHIPPED = (".py", ".yaml", ".toml", ".mako", ".ini", ".json", ".typ")
CLI = ROOT / "monitor/cli/main.py"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as for a release."""
    folder = tmp_path_factory.mktemp("wheel")
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


def _version() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def _tracked() -> list[Path]:
    # What git tracks, or would track: the test also speaks of a file about to be added.
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        pytest.skip("not a git work tree")
    paths = [ROOT / name for name in done.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: Path) -> None:
    """Beside the packages there is only the wheel's own metadata."""
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert tops == PACKAGES | {f"sasando-{_version()}.dist-info"}


def test_the_wheel_holds_every_module_and_its_texts(wheel: Path) -> None:
    """Policy packs, message catalogues and migrations travel with the code that reads them."""
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in SHIPPED and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert wanted <= names
    for kind in (r"monitor/texts/id/\w+\.toml", r"monitor/texts/en/\w+\.toml"):
        assert any(re.fullmatch(kind, name) for name in names), kind
    for folder, suffix in (("policies/packs", "yaml"), ("monitor/store/migrations", "py")):
        present = any((ROOT / folder).rglob(f"*.{suffix}"))
        packed = [n for n in names if n.startswith(folder) and n.endswith(suffix)]
        assert bool(packed) is present, folder


def test_the_installed_command_answers(wheel: Path, tmp_path: Path) -> None:
    """In an environment of its own, beside the locked libraries, `sasando --help` works."""
    if not CLI.exists():
        pytest.skip("monitor/cli/main.py does not exist yet")
    venv.create(tmp_path / "env", with_pip=False, symlinks=True)
    site = next((tmp_path / "env").glob("lib/python3*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    # The libraries come from the environment that runs the tests, our own code from the wheel.
    libraries = next(p for p in sys.path if p.endswith("site-packages"))
    code = (
        f"import sys; sys.path.append({libraries!r}); sys.argv = ['sasando', '--help']\n"
        "from monitor.cli.main import main\n"
        f"assert sys.modules['monitor.cli.main'].__file__.startswith({str(site)!r})\n"
        "main()"
    )
    python = tmp_path / "env/bin/python"
    argv = [str(python), "-I", "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "verify" in done.stdout


def test_the_console_command_is_named_in_the_wheel(wheel: Path) -> None:
    """The wheel's one entry point is `sasando`."""
    with zipfile.ZipFile(wheel) as archive:
        named = next(n for n in archive.namelist() if n.endswith("entry_points.txt"))
        text = archive.read(named).decode()
    assert text.split() == ["[console_scripts]", "sasando", "=", "monitor.cli.main:main"]


def test_versions_agree() -> None:
    """The newest version in CHANGELOG.md is the one that pyproject.toml states."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)", text, re.MULTILINE)
    if not text.strip():
        pytest.skip("CHANGELOG.md is not written yet")
    assert versions[:1] == [_version()]


# Written so that this very file does not hold what it looks for.
MACHINE_WORDS = re.compile(
    "|".join(
        [
            "/ho" + "me/[a-z]",
            "/ro" + "ot/",
            "extra-index" + "-url",
            "find-" + "links",
            "file:" + "///(home|opt|root|srv|tmp|work)",
        ]
    )
)


def test_no_file_names_a_machine() -> None:
    """No tracked file holds a path of somebody's machine or a package index of its own."""
    found = []
    for path in _tracked():
        text = path.read_bytes().decode("utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), start=1):
            if MACHINE_WORDS.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert found == []


def test_the_lock_names_public_hosts_only() -> None:
    """uv.lock can be used anywhere."""
    hosts = re.findall(r'"https?://([^/"]+)', (ROOT / "uv.lock").read_text(encoding="utf-8"))
    assert set(hosts) == {"pypi.org", "files.pythonhosted.org"}
