"""The city's real servers: web and name server in the DMZ, a web server in each office."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.lab.city.node import Node
from tests.lab.city.plan import AGENT, CANARY, WEB, Plan
from tests.lab.parts import command

_END_S = 20

NAME = "kota.test"
"""A name under `test.` (RFC 6761) that the city's name server knows; www. points at the DMZ."""


def web(node: Node, address: str, inner: Path) -> subprocess.Popen[bytes]:
    """nginx on port 80 of one address: 200, and the node's name as the body.

    `inner`: the node's folder, as the programs of the city see it.
    """
    name = f"nginx-{node.name}"
    home, configuration = inner / name, node.folder / name / "nginx.conf"
    configuration.parent.mkdir(exist_ok=True)
    paths = "".join(
        f"{kind}_temp_path {home}/{kind}; "
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration.write_text(
        f"daemon off; pid {home}/pid; error_log {home}/error.log; worker_processes 1;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; {paths}\n"
        f"  server {{ listen {address}:80; location / {{ return 200 'This is {node.name}.\\n'; "
        "default_type text/plain; } }\n}\n",
        encoding="utf-8",
    )
    return node.start(command("nginx"), "-c", str(home / "nginx.conf"), "-p", str(home))


def names(node: Node, plan: Plan) -> subprocess.Popen[bytes]:
    """dnsmasq on port 53 of the DMZ: authority for `kota.test`, asks nobody else."""
    hosts = {f"www.{NAME}": WEB, f"agent.{NAME}": AGENT, f"canary.{NAME}": CANARY}
    hosts |= {f"{site.name}.{NAME}": site.server for site in plan.sites.values()}
    records = [f"--host-record={name},{address}" for name, address in hosts.items()]
    return node.start(
        command("dnsmasq"),
        *("--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"),
        *("--user=root", "--group=root", "--pid-file=", "--log-facility=-"),
        *("--bind-interfaces", f"--listen-address={WEB}", f"--local=/{NAME}/", *records),
    )


class Server:
    """A program that a test ends and begins again; `process` is the one that runs now."""

    def __init__(self, begin: Callable[[], subprocess.Popen[bytes]]) -> None:
        self._begin = begin
        self.process = begin()

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal that ends it, and wait until it has.

        SIGKILL takes its children too: they would tidy up, or go on serving, without it.
        """
        if self.ended:
            return
        if number == signal.SIGKILL:
            self.process.send_signal(signal.SIGSTOP)  # or it would begin its children anew
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
        self.process.send_signal(number)
        self.process.wait(_END_S)

    def begin(self) -> None:
        """Start it again where it has ended."""
        if self.ended:
            self.process = self._begin()

    @property
    def ended(self) -> bool:
        """Whether it runs no longer."""
        return self.process.poll() is not None
