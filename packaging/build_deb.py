"""Builds sasando_VERSION_ARCH.deb with dpkg-deb: the system's python3, the locked dependencies.

The environment is built in a staging folder and made to live in /opt/sasando: its one script and
its pyvenv.cfg name that path, and byte code is compiled with it. Nothing else of it names a path.
Two builds of one commit on one machine give the same bytes (times from SOURCE_DATE_EPOCH, else
from the commit; byte code checked by hash; no installer's records).
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PREFIX = "opt/sasando"
PYTHON = "/usr/bin/python3"  # the one the package depends on, whatever runs this script
NO_COMMIT = "1767225600"  # 2026-01-01, for a tree without history

PLACES = {
    "systemd/sasando.service": "usr/lib/systemd/system/sasando.service",
    "systemd/sasando-packets.service": "usr/lib/systemd/system/sasando-packets.service",
    "systemd/sasando-witness.service": "usr/lib/systemd/system/sasando-witness.service",
    "systemd/sasando.sysusers.conf": "usr/lib/sysusers.d/sasando.conf",
    "systemd/sasando.tmpfiles.conf": "usr/lib/tmpfiles.d/sasando.conf",
    "systemd/60-sasando.sysctl.conf": "usr/lib/sysctl.d/60-sasando.conf",
    "CHANGELOG.md": "usr/share/doc/sasando/CHANGELOG.md",
    "README.md": "usr/share/doc/sasando/README.md",
}
"""Where the repository's files go; the keys are checked to exist."""

EXTRAS = ("postgresql", "packets", "pkcs11", "signing")
"""All of them: what the documentation tells an administrator to configure works as installed."""

SCRIPT = f"""#!/{PREFIX}/bin/python3 -I
# -I: neither PYTHONPATH nor a person's own packages reach a program that holds a key.
import sys

from monitor.cli.main import main

sys.exit(main())
"""


def main() -> None:
    """Build the package into the folder that the command line names, and print its path."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--uv", default="uv", help="the uv command")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="where the package goes")
    options = parser.parse_args()
    os.umask(0o022)
    os.environ["SOURCE_DATE_EPOCH"] = _epoch()
    with tempfile.TemporaryDirectory(prefix="sasando-deb-") as scratch:
        print(build(Path(scratch), options.uv, options.out))


def build(scratch: Path, uv: str, out: Path) -> Path:
    """Build in `scratch`, write the package into `out` and return its path."""
    tree = scratch / "tree"
    environment = tree / PREFIX
    _install(scratch, environment, uv)
    _settle(environment)
    _compile(tree, environment)
    _place(tree)
    name = _describe(tree)
    _normalise(tree)
    out.mkdir(parents=True, exist_ok=True)
    package = out.resolve() / name
    # zstd: the same bytes however many processors compress.
    argv = ["dpkg-deb", "--root-owner-group", "-Zzstd", "--build", str(tree), str(package)]
    _run(*argv, quiet=True)
    return package


def _install(scratch: Path, environment: Path, uv: str) -> None:
    """Locked dependencies by their hashes, then our own wheel; byte code comes later."""
    locked, wheels = scratch / "locked.txt", scratch / "wheels"
    _run(PYTHON, "-m", "venv", "--without-pip", str(environment))
    export = ("export", "--locked", "--no-dev", "--no-emit-project")
    export += tuple(word for name in EXTRAS for word in ("--extra", name))
    _run(uv, *export, "--quiet", "--output-file", str(locked), quiet=True)
    _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels), quiet=True)
    install = (uv, "pip", "install", "--quiet", "--python", str(environment / "bin/python3"))
    _run(*install, "--no-deps", "--link-mode=copy", "--require-hashes", "-r", str(locked))
    _run(*install, "--no-deps", "--link-mode=copy", *map(str, wheels.glob("*.whl")))


def _settle(environment: Path) -> None:
    """Make the environment one that lives in /opt/sasando, and forget how it came to be."""
    version = _python_version()
    for stale in environment.iterdir():
        if stale.name not in {"lib", "pyvenv.cfg"}:
            shutil.rmtree(stale) if stale.is_dir() and not stale.is_symlink() else stale.unlink()
    (environment / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {version}\n"
    )
    (environment / "bin").mkdir()
    (environment / "bin/python3").symlink_to(f"/usr/bin/python{version}")
    (environment / "bin/sasando").write_text(SCRIPT)
    (environment / "bin/sasando").chmod(0o755)
    for record in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"):
        for path in environment.glob(f"lib/python*/site-packages/*.dist-info/{record}"):
            path.unlink()


def _compile(tree: Path, environment: Path) -> None:
    """Byte code that names /opt/sasando and is never out of date by a file's time."""
    for cache in list(environment.rglob("__pycache__")):
        shutil.rmtree(cache)
    argv = (PYTHON, "-m", "compileall", "-q", "-s", str(tree), "-p", "/")
    _run(*argv, "--invalidation-mode", "unchecked-hash", str(environment / "lib"))


def _place(tree: Path) -> None:
    """Units, account, directories, sysctl, documents and the command."""
    for source, place in PLACES.items():
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, tree / place)
    licence = "".join(
        f" {line}\n" if line else " .\n" for line in (ROOT / "LICENSE").read_text().splitlines()
    )
    copyright_text = (ROOT / "packaging/deb/copyright").read_text() + "License: MIT\n" + licence
    (tree / "usr/share/doc/sasando/copyright").write_text(copyright_text)
    (tree / "usr/bin").mkdir()
    (tree / "usr/bin/sasando").symlink_to(f"/{PREFIX}/bin/sasando")


def _describe(tree: Path) -> str:
    """Write DEBIAN/ and return the package's file name."""
    minor = _python_version()
    major, _, number = minor.partition(".")
    facts = {
        "version": project_version(),
        "architecture": _run("dpkg", "--print-architecture", quiet=True).strip(),
        "installed_size": sum(p.lstat().st_size for p in tree.rglob("*") if p.is_file()) // 1024,
        # Compiled extensions fit one minor version of Python and no other.
        "python": minor,
        "next_python": f"{major}.{int(number) + 1}",
    }
    debian = tree / "DEBIAN"
    sums = "".join(
        f"{_md5(path)}  {path.relative_to(tree)}\n"
        for path in sorted(tree.rglob("*"))
        if path.is_file() and not path.is_symlink()
    )
    debian.mkdir()
    (debian / "md5sums").write_text(sums)
    control = (ROOT / "packaging/deb/control.in").read_text()
    (debian / "control").write_text(control.format_map(facts))
    for script in ("postinst", "prerm", "postrm"):
        shutil.copyfile(ROOT / "packaging/deb" / script, debian / script)
        (debian / script).chmod(0o755)
    return f"sasando_{facts['version']}_{facts['architecture']}.deb"


def _normalise(tree: Path) -> None:
    """Modes and times that do not depend on who built it, where and when."""
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    for path in [tree, *tree.rglob("*")]:
        if not path.is_symlink():
            runs = path.is_dir() or (path.parent.name in {"bin", "DEBIAN"} and _runs(path))
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _runs(path: Path) -> bool:
    return bool(path.stat().st_mode & 0o100)


def _md5(path: Path) -> str:
    # dpkg --verify's own format; it finds accidents, not enemies.
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def project_version() -> str:
    """The version that pyproject.toml states."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def _python_version() -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return _run(PYTHON, "-c", code, quiet=True).strip()


def _epoch() -> str:
    said = os.environ.get("SOURCE_DATE_EPOCH")
    if said:
        return said
    argv = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(  # noqa: S603 (our own words)
        argv, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or NO_COMMIT


def _run(*argv: str, quiet: bool = False) -> str:
    """Run one bounded command in the repository; its output, or shown where not `quiet`."""
    done = subprocess.run(  # noqa: S603 (our own words and the caller's uv)
        argv,
        cwd=ROOT,
        stdout=subprocess.PIPE if quiet else sys.stderr,
        text=True,
        timeout=600,
        check=True,
    )
    return done.stdout or ""


if __name__ == "__main__":
    main()
