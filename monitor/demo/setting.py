"""The stage of a demo: its directories, its keys and its configuration, as real files."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from monitor.demo.city import CA_FILE
from monitor.demo.failure import DemoFailure
from monitor.demo.town import ORIGIN, Places, configuration_files
from monitor.ledger.keys import create_key, write_vkeys
from monitor.ledger.signer import Signer
from monitor.text import Language

_SOCKET_LIMIT = 100
"""Bytes of a Unix socket's path that surely fit (unix(7): 108 with the final zero)."""
_AUTHORITY = timedelta(days=365)


@contextmanager
def stage(keep: Path | None) -> Iterator[Places]:
    """Fresh directories, removed at the end unless they are to be kept."""
    with tempfile.TemporaryDirectory(prefix="sasando-", ignore_cleanup_errors=True) as short:
        root = Path(short) / "demo" if keep is None else keep.absolute()
        control = root / "control.sock"
        if len(str(control).encode()) > _SOCKET_LIMIT:
            control = Path(short) / "control.sock"
        places = Places(root=root, control=control)
        try:
            _make(places)
        except OSError as error:
            why = error.strerror or str(error)
            raise DemoFailure("demo.no-place", place=root, why=why) from None
        yield places


def _make(places: Places) -> None:
    if places.root.exists() and any(places.root.iterdir()):
        raise DemoFailure("demo.not-empty", place=places.root)
    below = [places.config / name for name in ("inventory", "policies", "trust")]
    private = [places.config / "secrets", places.servers]
    for folder in (*below, *private, places.state, places.mark.parent):
        folder.mkdir(parents=True, exist_ok=True)
    for folder in private:
        folder.chmod(0o700)


def write_configuration(
    places: Places, ports: Mapping[str, int], inbox: int, lang: Language, today: date
) -> None:
    """Every file of the configuration, keys included."""
    files = configuration_files(ports, inbox, places, lang, today + _AUTHORITY)
    for name, text in files.items():
        file = places.config / name
        file.touch(mode=0o600 if file.parent.name == "secrets" else 0o644)
        file.write_text(text, encoding="utf-8")
    shutil.copyfile(places.servers / CA_FILE, places.config / "trust" / CA_FILE)
    _write_keys(places.config)


def _write_keys(config: Path) -> None:
    passphrase = secrets.token_urlsafe(32)
    file = config / "secrets" / "log.passphrase"
    file.touch(mode=0o600)
    file.write_text(f"{passphrase}\n", encoding="utf-8")
    key = create_key(config / "secrets" / "log.key", passphrase.encode())
    write_vkeys(config / "trust" / "log.vkey", [Signer(name=ORIGIN, key=key).verifier])
