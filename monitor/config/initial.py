"""The configuration that `sasando init` writes: Kota Kupang, every target disabled.

All or nothing: everything is written into a new directory beside the wanted one, loaded once as
a check, and renamed into place.
"""

import os
import secrets
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from monitor.config.city import inventory
from monitor.config.loader import load
from monitor.config.problem import ConfigurationError
from monitor.config.samples import AGENT, ALERTS, POLICY, README, SERVICES
from monitor.ledger.errors import LedgerError
from monitor.ledger.files import create_durably
from monitor.ledger.keys import create_key, write_vkeys
from monitor.ledger.signer import Signer
from monitor.text import Language, say

ORIGIN = "kupang.example/sasando"
_SYSTEM = Path("/etc")
_PASSPHRASE_BYTES = 32


class InitialFailure(Exception):  # noqa: N818 - its sentence says what failed
    """Nothing was written, and why."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values

    def sentence(self, lang: Language) -> str:
        """What is wrong, and what to do."""
        return say(f"config.{self.key}", lang, **self.values)


def write_initial(directory: Path, origin: str = ORIGIN) -> str:
    """Write the configuration into a directory that is new or empty; the log's verifier key."""
    directory = directory.absolute()
    if directory.is_symlink() or (directory.exists() and not _is_empty(directory)):
        raise InitialFailure("init-not-empty", directory=directory)
    made: Path | None = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
        vkey = _fill(made, directory, origin)
        load(made, datetime.now(UTC).date())
        # Crash here: a hidden directory is left beside; the wanted one is untouched.
        made.rename(directory)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InitialFailure("init-failed", directory=directory, reason=reason) from None
    except (LedgerError, ConfigurationError) as error:
        raise InitialFailure("init-failed", directory=directory, reason=error) from None
    finally:
        if made is not None and made.exists():
            shutil.rmtree(made, ignore_errors=True)
    return vkey


def _is_empty(directory: Path) -> bool:
    try:
        return directory.is_dir() and next(directory.iterdir(), None) is None
    except OSError:
        return False


def _fill(made: Path, directory: Path, origin: str) -> str:
    """Every file, keys included; the verifier key."""
    made.chmod(0o755)
    for folder, mode in (
        ("inventory", 0o755), ("policies", 0o755), ("trust", 0o755), ("secrets", 0o700),
    ):  # fmt: skip
        (made / folder).mkdir()
        (made / folder).chmod(mode)
    agent = AGENT.replace("@ORIGIN@", origin).replace("@PLACES@", _places(directory))
    texts = {
        "agent.yaml": agent,
        "alerts.yaml": ALERTS,
        "README": README,
        "policies/kupang.yaml": POLICY,
        "inventory/services.yaml": SERVICES,
        **{f"inventory/{name}": text for name, text in inventory().items()},
    }
    for name, text in texts.items():
        create_durably(made / name, text.encode(), 0o644)
    return _make_key(made, origin)


def _make_key(made: Path, origin: str) -> str:
    passphrase = secrets.token_urlsafe(_PASSPHRASE_BYTES)
    create_durably(made / "secrets" / "log.passphrase", f"{passphrase}\n".encode(), 0o600)
    private = create_key(made / "secrets" / "log.key", passphrase.encode())
    verifier = Signer(name=origin, key=private).verifier
    write_vkeys(made / "trust" / "log.vkey", [verifier])
    return verifier.vkey


def _places(directory: Path) -> str:
    """Where state lies: the system's places for /etc, else beside the configuration."""
    own = directory.is_relative_to(_SYSTEM)
    state = "/var/lib/sasando" if own else f"{directory}.state"
    control = "/run/sasando/control.sock" if own else f"{state}/control.sock"
    mark = f"{state}-mark/high-water"
    return "\n".join(
        f"{name}: {_quoted(path)}"
        for name, path in (("state", state), ("control", control), ("high_water_mark", mark))
    )


def _quoted(path: str) -> str:
    import json

    return json.dumps(os.fspath(path), ensure_ascii=False)
