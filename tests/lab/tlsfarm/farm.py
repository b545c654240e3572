"""Raises the servers of the catalogue, each on a loopback address of its own, and ends them.

    with Farm(folder, entries, build=Path("build")) as farm:
        for raised in farm.servers: ...

The port lies below the kernel's ephemeral range and the addresses are this farm's own, so that
neither another run nor a client's own port can be in the way. An address for each server, because
a polite client bounds what it asks of one address.
"""

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.lab.parts import command
from tests.lab.tlsfarm.credentials import Credentials, Shown
from tests.lab.tlsfarm.entry import Entry, Raised

_PORT = 20_443
_READY_S = 60.0
_PLACE = Path(__file__).parent


class Farm:
    """Servers that stand while the `with` lasts. Its processes are ended by their ids."""

    def __init__(self, folder: Path, entries: Sequence[Entry], build: Path | None = None) -> None:
        """`build`: where tests/oracle/tls/install.sh has put its environments, for who needs it."""
        self.folder = folder
        chance = random.SystemRandom()  # two farms, of this run or another, do not meet
        network = f"127.{chance.randrange(64, 128)}.{chance.randrange(256)}"
        self.credentials = Credentials(folder / "credentials")
        self._build = None if build is None else build.absolute()
        self.servers = [
            Raised(entry=entry, address=f"{network}.{number}", port=_PORT)
            for number, entry in enumerate(entries, start=1)
        ]
        self.processes: list[subprocess.Popen[bytes]] = []
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        """Start everything and wait until each port answers."""
        folder_modes(self.folder)
        with ExitStack() as stack:
            stack.callback(self._end)
            for maker, raise_all in _MAKERS.items():
                chosen = [one for one in self.servers if one.entry.maker == maker]
                if chosen:
                    raise_all(self, chosen)
            self._await_ports()
            self._ends = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every server."""
        self._ends.close()

    def shown(self, entry: Entry) -> Shown:
        """The certificate files of an entry."""
        return self.credentials.shown(entry.key, entry.fault)

    def start(self, *argv: str, orders: object = None, log: str) -> None:
        """Start a process; with orders it reads them and says when it is ready."""
        with (self.folder / log).open("wb") as said:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,  # left open: s_server ends with its own
                stdout=subprocess.DEVNULL if orders is None else subprocess.PIPE,
                stderr=said,
                cwd=self.folder,
                # The machine's own openssl.cnf may forbid what an entry wants to allow.
                env={**os.environ, "OPENSSL_CONF": "/dev/null"},
            )
        self.processes.append(process)
        if orders is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(orders).encode())
        process.stdin.close()
        if process.stdout.readline() != b"ready\n":
            raise OSError(f"{argv[1]} did not start: {(self.folder / log).read_text()[-2_000:]}")

    def orders(self, chosen: Sequence[Raised]) -> list[dict[str, Any]]:
        """What the serving scripts are told."""
        return [self._order(one) for one in chosen]

    def environment(self, name: str) -> Path:
        """An environment of the oracle: "oracles" or "servers"."""
        if self._build is None:
            raise OSError("run tests/oracle/tls/install.sh first, and pass its build folder")
        return self._build / f"tls-{name}"

    def _order(self, one: Raised) -> dict[str, Any]:
        order: dict[str, Any] = {
            "address": one.address, "port": one.port, "protocols": one.entry.protocols,
            "ca": str(self.credentials.ca_file), **one.entry.options,
        }  # fmt: skip
        if one.entry.key:
            shown = self.shown(one.entry)
            order |= {"chain": str(shown.chain), "key": str(shown.key)}
        if "dh" in order:
            order["dh"] = str(self.credentials.dh(order["dh"]))
        return order

    def _await_ports(self) -> None:
        until = time.monotonic() + _READY_S
        for one in self.servers:
            while True:
                try:
                    socket.create_connection((one.address, one.port), 1).close()
                    break
                except OSError as error:
                    if time.monotonic() > until or any(p.poll() for p in self.processes):
                        raise OSError(f"{one.name} does not listen; {self._said()}") from error
                    time.sleep(0.02)

    def _said(self) -> str:
        logs = [path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log"))]
        return "\n".join(text[-1_000:] for text in logs if text)

    def _end(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)
            for end in (process.stdin, process.stdout):
                if end is not None:
                    end.close()


def folder_modes(folder: Path) -> None:
    """Let servers that drop their rights into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)


def _raise_nginx(farm: Farm, chosen: Sequence[Raised]) -> None:
    blocks = "".join(_nginx_server(farm, one) for one in chosen)
    temporary = "".join(
        f"{kind}_temp_path {farm.folder}/tmp;\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (farm.folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 2; pid {farm.folder}/nginx.pid;\n"
        "error_log stderr crit;\nevents {worker_connections 4096;}\n"
        f"http {{\naccess_log off;\nserver_names_hash_bucket_size 128;\n{temporary}{blocks}}}\n"
    )
    nginx = command("nginx")
    farm.start(nginx, "-e", "stderr", "-c", f"{farm.folder}/nginx.conf", log="nginx.log")


def _nginx_server(farm: Farm, one: Raised) -> str:
    options, shown = one.entry.options, farm.shown(one.entry)
    certificates = [shown]
    if "second" in options:
        certificates.append(farm.credentials.shown(options["second"]))
    protocols = " ".join(name.replace("TLSv1.0", "TLSv1") for name in one.entry.protocols)
    lines = [f"ssl_protocols {protocols}"]
    for pair in certificates:
        lines += [f"ssl_certificate {pair.chain}", f"ssl_certificate_key {pair.key}"]
    lines += [
        f"{directive} {value}"
        for directive, value in (
            ("ssl_ciphers", options.get("ciphers")),
            ("ssl_ecdh_curve", options.get("curves")),
            ("ssl_verify_client", options.get("verify")),
            ("ssl_prefer_server_ciphers", "on" if options.get("prefer") else None),
            ("ssl_early_data", "on" if options.get("early_data") else None),
            ("ssl_conf_command", "Options PrioritizeChaCha" if options.get("chacha") else None),
        )
        if value
    ]
    if "dh" in options:
        lines.append(f"ssl_dhparam {farm.credentials.dh(options['dh'])}")
    if "verify" in options:
        lines.append(f"ssl_client_certificate {farm.credentials.ca_file}")
    if "staple" in options:
        staple = farm.credentials.staple(shown, options["staple"])
        lines += ["ssl_stapling on", f"ssl_stapling_file {staple}"]
    listen = f"listen {one.address}:{one.port} ssl"
    body = "".join(f"  {line};\n" for line in lines)
    if "reject_unnamed" in options:
        unnamed = f"server {{ {listen} default_server; {body} ssl_reject_handshake on; }}\n"
        return (
            unnamed + f"server {{ {listen}; server_name web.farm.example;\n{body} return 200; }}\n"
        )
    if "default" in options:
        other = farm.credentials.shown(one.entry.key, options["default"])
        pair = f"ssl_certificate {other.chain}; ssl_certificate_key {other.key};"
        unnamed = f"server {{ {listen} default_server; ssl_protocols {protocols}; {pair} }}\n"
        return (
            unnamed + f"server {{ {listen}; server_name web.farm.example;\n{body} return 200; }}\n"
        )
    h2 = " http2" if options.get("alpn") else ""
    return f"server {{ {listen}{h2};\n{body}  location / {{ return 200 ok; }}\n}}\n"


def _raise_haproxy(farm: Farm, chosen: Sequence[Raised]) -> None:
    parts = [
        "global\n  maxconn 2000\n  nbthread 2\n  ssl-default-bind-ciphers DEFAULT\n"
        "  tune.ssl.default-dh-param 2048\n"
        "defaults\n  mode http\n  timeout client 10s\n  timeout server 10s\n  timeout connect 1s\n"
    ]
    for one in chosen:
        shown, options = farm.shown(one.entry), one.entry.options
        whole = farm.folder / f"{one.name}.pem"
        whole.write_bytes(shown.chain.read_bytes() + shown.key.read_bytes())
        words = [f"crt {whole}", f"ssl-min-ver {one.entry.protocols[0]}",
                 f"ssl-max-ver {one.entry.protocols[-1]}"]  # fmt: skip
        if "ciphers" in options:
            words.append(f"ciphers {options['ciphers']}")
        words.append(options.get("bind", "").format(ca=farm.credentials.ca_file))
        parts.append(
            f"frontend {one.name}\n  bind {one.address}:{one.port} ssl {' '.join(words)}\n"
            "  http-request return status 200\n"
        )
    text = "".join(parts)
    (farm.folder / "haproxy.cfg").write_text(text)
    farm.start(
        command("haproxy"), "-q", "-db", "-f", f"{farm.folder}/haproxy.cfg", log="haproxy.log"
    )


def _raise_s_server(farm: Farm, chosen: Sequence[Raised]) -> None:
    switches = {"TLSv1.0": "-no_tls1", "TLSv1.1": "-no_tls1_1", "TLSv1.2": "-no_tls1_2",
                "TLSv1.3": "-no_tls1_3"}  # fmt: skip
    for one in chosen:
        options = one.entry.options
        forbidden = [word for name, word in switches.items() if name not in one.entry.protocols]
        argv = [command("openssl"), "s_server", "-accept", f"{one.address}:{one.port}",
                *(["-quiet"] if "-early_data" in options.get("args", "") else ["-www"]),
                *forbidden]  # fmt: skip
        words = {"staple": "", "second": ""}
        if one.entry.key:
            shown = farm.shown(one.entry)
            argv += ["-cert", str(shown.chain), "-key", str(shown.key),
                     "-cert_chain", str(shown.chain)]  # fmt: skip
            words["staple"] = str(farm.credentials.staple(shown))
        if "second" in options:
            second = farm.credentials.shown(options["second"])
            words["second"] = (
                f"-dcert {second.chain} -dkey {second.key} -dcert_chain {second.chain}"
            )
        if "dh" in options:
            argv += ["-dhparam", str(farm.credentials.dh(options["dh"]))]
        argv += options.get("args", "").format(**words).split()
        farm.start(*argv, log=f"{one.name}.log")


Raise = Callable[[Farm, Sequence[Raised]], None]


def _raise_script(script: str, place: str = "", library: str = "") -> Raise:
    def raise_all(farm: Farm, chosen: Sequence[Raised]) -> None:
        python, extra = sys.executable, []
        if place:
            python = str(farm.environment(place) / "bin/python")
        if library:
            found = farm.environment(place).glob(f"lib/python3*/site-packages/{library}")
            extra = [str(next(found))]
        log = f"{chosen[0].entry.maker}.log"
        farm.start(python, str(_PLACE / script), *extra, orders=farm.orders(chosen), log=log)

    return raise_all


_MAKERS: dict[str, Raise] = {
    "nginx": _raise_nginx,
    "haproxy": _raise_haproxy,
    "s_server": _raise_s_server,
    "python": _raise_script("serve_python.py"),
    "ssl102": _raise_script("serve_oldssl.py", "oracles", "nassl/_nassl_legacy.*.so"),
    "ssl111": _raise_script("serve_oldssl.py", "oracles", "nassl/_nassl.*.so"),
    "ssl40": _raise_script("serve_newssl.py", "servers"),
    "tlslite": _raise_script("serve_tlslite.py", "servers"),
}


def parts_missing(entries: Sequence[Entry]) -> list[str]:
    """Programs that these entries need and this machine lacks."""
    wanted = {"nginx": "nginx", "haproxy": "haproxy", "s_server": "openssl"}
    makers = {entry.maker for entry in entries}
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [
        program
        for maker, program in wanted.items()
        if maker in makers and shutil.which(program, path=path) is None
    ]
