"""The rooms of the house: who may import whom (.importlinter), and names that nothing may bear."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("alerts", "checks", "monitor", "policies")
FORBIDDEN_NAMES = {"data", "handler", "helper", "helpers", "info", "manager", "utils", "util"}


def _lint(tree: Path) -> subprocess.CompletedProcess[str]:
    # -P and the working folder: the copy's packages are looked at, not the installed ones.
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command"
    return subprocess.run(
        [sys.executable, "-P", "-c", f"{code}; lint_imports_command()", "--no-cache"],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def _copy(to: Path) -> Path:
    for package in PACKAGES:
        skip = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, to / package, ignore=skip)
    shutil.copy(ROOT / ".importlinter", to)
    return to


def _modules() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def test_imports_run_downward_only() -> None:
    """Every contract of .importlinter is kept by the code as it stands."""
    done = _lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("path", "line", "contract"),
    [
        ("monitor/model.py", "import alerts", "Imports run downward only"),
        ("checks/base.py", "import monitor.store", "Imports run downward only"),
        ("checks/base.py", "import policies", "Imports run downward only"),
        ("alerts/added.py", "import yaml", "PyYAML is imported by monitor.config alone"),
        ("monitor/config/added.py", "import sqlalchemy.orm", "SQLAlchemy and alembic are"),
        ("monitor/config/added.py", "import apprise", "Apprise is imported by alerts.sender alone"),
        ("monitor/engine/added.py", "from psutil import boot_time", "psutil is imported by"),
        ("policies/added.py", "import cel_expr_python", "CEL is imported by policies.expression"),
        ("checks/added.py", "def late():\n    import scapy.all", "scapy (GPL-2.0-only) is never"),
        ("checks/vrrp.py", "import checks.packets.process.wire", "The packet process is started"),
        ("checks/packets/process/ear.py", "import monitor.secret", "The packet process has noth"),
        ("monitor/daemon/jobs.py", "import monitor.daemon.service", "The rooms of the daemon do"),
    ],
)
def test_a_wrong_import_is_found(tmp_path: Path, path: str, line: str, contract: str) -> None:
    """One wrong line in a copy of the code breaks exactly the contract that speaks of it."""
    with (_copy(tmp_path) / path).open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    done = _lint(tmp_path)
    broken = re.findall(r"^(.*) BROKEN", done.stdout, re.MULTILINE)
    assert done.returncode == 1, done.stdout + done.stderr
    assert any(name.startswith(contract) for name in broken), done.stdout


def test_every_module_of_monitor_has_a_layer() -> None:
    """A module of `monitor` that no layer names would be bound by nothing: name it there."""
    layers = (ROOT / ".importlinter").read_text(encoding="utf-8").partition("layers =")[2]
    named = set(re.findall(r"monitor\.(\w+)", layers.partition("[importlinter")[0]))
    present = {
        path.stem
        for path in (ROOT / "monitor").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert present - {"__init__"} <= named


def test_package_files_are_empty() -> None:
    """An `__init__.py` runs nothing, so that importing one module loads that module alone."""
    full = [path for path in _modules() if path.name == "__init__.py" and path.read_bytes()]
    assert full == []


def test_nothing_is_called_manager() -> None:
    """No module and no class bears a name that says nothing about what it is."""
    bad = [str(path) for path in _modules() if path.stem in FORBIDDEN_NAMES]
    for path in _modules():
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef):
                words = {word.lower() for word in re.findall(r"[A-Z]+[a-z]*", node.name)}
                bad += [f"{path}: {node.name}"] if words & FORBIDDEN_NAMES else []
    assert bad == []


def test_the_daemon_loads_no_scapy() -> None:
    """All that the daemon and the commands are made of loads neither scapy nor the other side."""
    code = (
        "import pkgutil, importlib, sys, checks, monitor, alerts\n"
        "for room in (checks, monitor, alerts):\n"
        "    for one in pkgutil.walk_packages(room.__path__, room.__name__ + '.'):\n"
        "        if not one.name.startswith(('checks.packets.process', 'checks.packets.__main__',\n"
        "                                    'monitor.store.migrations')):\n"
        "            importlib.import_module(one.name)\n"
        "print('checks.packets.client' in sys.modules,\n"
        "      [n for n in sys.modules if n.startswith(('scapy', 'checks.packets.process.'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "True []"


def test_the_packet_process_loads_nothing_heavy_but_scapy() -> None:
    """Its modules load no key, no database and nothing of the daemon."""
    code = (
        "import sys, checks.packets.process.listener, checks.packets.process.server\n"
        "print([n for n in sys.modules\n"
        "       if n.split('.')[0] in ('monitor', 'policies', 'alerts', 'sqlalchemy', 'yaml')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_ledger_loads_no_database() -> None:
    """Importing what verifies a bundle loads neither SQLAlchemy nor any other heavy dependency."""
    ledger = [
        f"monitor.ledger.{p.stem}" for p in sorted((ROOT / "monitor/ledger").glob("[!_]*.py"))
    ]
    heavy = ("sqlalchemy", "alembic", "apprise", "scapy", "yaml", "cel_expr_python", "psutil")
    code = (
        f"import importlib, sys\nfor name in {ledger!r}: importlib.import_module(name)\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
