"""A configuration of real YAML in a directory of its own, and what an auditor does with the rest.

Everything lies below one short directory, because a socket's path may have 107 bytes only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monitor.daemon.control import ask
from monitor.ledger.entry import BATCH_CODE, Record, code_of, read_record
from monitor.ledger.files import read_bounded
from monitor.ledger.keys import create_key, read_vkeys, write_vkeys
from monitor.ledger.note import MAX_NOTE_BYTES
from monitor.ledger.signer import Signer
from monitor.proof import Proof
from monitor.source import Anchored
from monitor.store import reader
from monitor.store.connect import open_engine
from monitor.store.pinned import PinnedDatabase
from monitor.verify import verify

ORIGIN = "test.example/daemon"


@dataclass(slots=True)
class Place:
    """One agent's files; change a field and `write` again before a reload."""

    root: Path
    routes: dict[str, str] = field(default_factory=dict)
    """Apprise URL by route."""
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    hotspots: dict[str, dict[str, Any]] = field(default_factory=dict)
    sites: dict[str, dict[str, Any]] = field(default_factory=lambda: {"core": {}})
    canaries: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: list[dict[str, Any]] = field(default_factory=list)
    store: str = ""
    interval: str = "200ms"
    digest: str = ""
    """When every route gets its digest."""
    agent: dict[str, Any] = field(default_factory=dict)
    """More settings of agent.yaml, laid over the usual ones."""

    @property
    def configuration(self) -> Path:
        """The directory for `-c`."""
        return self.root / "etc"

    @property
    def state(self) -> Path:
        """The directory of the database."""
        return self.root / "state"

    @property
    def control(self) -> Path:
        """The control socket."""
        return self.root / "run" / "control.sock"

    @property
    def mark(self) -> Path:
        """The high-water mark."""
        return self.root / "mark" / "high-water"

    @property
    def url(self) -> str:
        """The database."""
        return self.store or f"sqlite:///{self.state}/ledger.db"

    def make(self, passphrase: bytes | None = None) -> None:
        """Directories, key and pinned key; then `write`."""
        for name in ("inventory", "trust", "secrets", "policies"):
            (self.configuration / name).mkdir(parents=True)
        path = self.configuration / "secrets" / "log.key"
        key = create_key(path, passphrase, unencrypted_at_rest=passphrase is None)
        vkey = Signer(name=ORIGIN, key=key).verifier
        write_vkeys(self.configuration / "trust" / "log.vkey", [vkey])
        if passphrase is not None:
            secret = self.configuration / "secrets" / "passphrase"
            secret.write_bytes(passphrase)
            secret.chmod(0o600)
        self.write()

    def tcp(self, name: str, url: str, **more: Any) -> None:
        """A service that is probed by tcp."""
        self.services[name] = {"site": "core", "url": url, **more}

    def write(self) -> None:
        """Every file anew; JSON is YAML."""
        quick = {"interval": self.interval}
        scope = {"network": "127.0.0.0/8", "authorised_by": "test", "letter": "1"}
        agent: dict[str, Any] = {
            "origin": ORIGIN,
            "vantage": "test",
            "language": "en",
            "state": str(self.state),
            "high_water_mark": str(self.mark),
            "control": str(self.control),
            "key": {"private": {"secret": "file:secrets/log.key"}},
            "scope": [{**scope, "until": "2099-12-31"}],
            "defaults": {"tcp": {**quick, "timeout": "1s"}, "http": quick},
            "checks": {"host": False, "clock": False},
            "canaries": self.canaries,
            **({"store": self.store} if self.store else {}),
            **self.agent,
        }
        routes = {
            name: {
                "url": url,
                "lang": "en",
                "severity": "info",
                "per_hour": 3600,
                **({"digest": self.digest} if self.digest else {}),
            }
            for name, url in self.routes.items()
        }
        inventory = {
            "sites": self.sites,
            "links": self.links,
            "hotspots": self.hotspots,
            "services": self.services,
        }
        self._write("agent.yaml", agent)
        self._write("inventory/city.yaml", {k: v for k, v in inventory.items() if v})
        self._write("alerts.yaml", {"routes": routes})
        if self.rules:
            self._write("policies/test.yaml", {"policy": "test", "version": 1, "rules": self.rules})
        else:
            (self.configuration / "policies" / "test.yaml").unlink(missing_ok=True)

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=1)
        # A date is no string in YAML.
        text = text.replace('"2099-12-31"', "2099-12-31")
        (self.configuration / name).write_text(text, encoding="utf-8")

    def ask(self, command: str, **arguments: Any) -> Any:
        """The daemon's answer on the control socket."""
        return ask(self.control, command, 60, **arguments)

    def entries(self) -> list[Record]:
        """Every entry but the batches, as stored; a gap in the sequence is an AssertionError."""
        return [entry for _, entry in self.numbered()]

    def numbered(self) -> list[tuple[int, Record]]:
        """(index, entry) of every entry but the batches."""
        raws = self.raw_entries()
        return [(i, read_record(raw)) for i, raw in enumerate(raws) if code_of(raw) != BATCH_CODE]

    def of(self, *kinds: type[Record]) -> list[Any]:
        """The entries of these kinds, in order."""
        return [entry for entry in self.entries() if isinstance(entry, kinds)]

    def raw_entries(self) -> list[bytes]:
        """Every entry's bytes; the sequence has no gap."""
        engine = open_engine(self.url, read_only=True)
        try:
            with engine.connect() as connection:
                rows = list(reader.read_entries(connection, 0, reader.MAX_BIGINT))
        finally:
            engine.dispose()
        assert [index for index, _ in rows] == list(range(len(rows)))
        return [raw for _, raw in rows]

    def rows(self, table: str) -> list[Sequence[Any]]:
        """Every row of a table."""
        engine = open_engine(self.url, read_only=True)
        try:
            with engine.connect() as connection:
                return list(reader.table_rows(connection, table))
        finally:
            engine.dispose()

    def verify(self) -> Proof:
        """What an auditor finds with the pinned key and the high-water mark."""
        verifier = read_vkeys(self.configuration / "trust" / "log.vkey")[0]
        anchors = []
        if self.mark.exists():
            anchors = [Anchored(place=str(self.mark), note=read_bounded(self.mark, MAX_NOTE_BYTES))]
        with PinnedDatabase(self.url) as database:
            return verify(database, verifier, anchors)

    def require_intact(self) -> Proof:
        """`verify` says intact, and the mark was looked at."""
        proof = self.verify()
        assert proof.verdict == "intact", proof.sentences("en")
        assert proof.anchor is not None
        return proof
