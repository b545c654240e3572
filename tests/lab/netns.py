"""Two network namespaces joined by a veth link: a network that a test owns and can break.

    with Pair() as pair:
        with pair.near.inside():                 # this thread's new sockets are in `near`
            probe(pair.far.v4)
        pair.lose_every(4)                       # drop every 4th packet on its way to `far`
        server = pair.far.start("nginx", ...)    # ended with the pair

Each namespace lives as long as a process that waits on a pipe from this one, so that it is gone
with the test even after `kill -9`; it has no name in /run/netns, so that two runs cannot meet.
Nothing routes out of the pair.
"""

import ctypes
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from types import TracebackType
from typing import Self

_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
# nft and ip live in the sbin directories, which an ordinary user's PATH leaves out.
_ENVIRONMENT = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
_DEFAULT_TIMEOUT_S = 60.0

# RFC 2544's benchmarking range and a documentation prefix: every address in them answers at `far`.
CROWD_V4 = IPv4Network("198.18.0.0/15")
CROWD_V6 = IPv6Network("2001:db8:c::/64")


class Namespace:
    """One network namespace, its addresses on the pair's link and what runs in it.

    Rules: `lo` is up; `link` is the veth's name inside; what `start` began is ended by `close`.
    """

    def __init__(self, *, v4: str, v6: str, link: str) -> None:
        """Make the namespace; it has only `lo` until a `Pair` joins it to another."""
        self.v4, self.v6, self.link = v4, v6, link
        self._started: list[subprocess.Popen[bytes]] = []
        # `read` ends with the pipe: the namespace cannot outlive the process that made it.
        self._keeper = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo ready; read -r _"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=_ENVIRONMENT,
        )
        assert self._keeper.stdout is not None
        if self._keeper.stdout.readline() != b"ready\n":
            self.close()
            raise OSError("no network namespace could be made (are you root?)")
        self.path = Path(f"/proc/{self._keeper.pid}/ns/net")
        self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def pid(self) -> int:
        """Id of the process that keeps the namespace, as `ip link … netns PID` wants it."""
        return self._keeper.pid

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Put the calling THREAD into the namespace; sockets made meanwhile stay in it."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            setns(self._fd)
            try:
                yield
            finally:
                setns(home)
        finally:
            os.close(home)

    def argv(self, *argv: str) -> list[str]:
        """The command line that runs `argv` in this namespace, for a caller's own Popen."""
        return ["nsenter", f"--net={self.path}", "--", *argv]

    def run(
        self,
        *argv: str,
        check: bool = True,
        timeout: float = _DEFAULT_TIMEOUT_S,
        stdin: str | None = None,
        env: dict[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `argv` here to its end and return what it printed; bounded by `timeout` seconds."""
        done = subprocess.run(
            self.argv(*argv),
            env=_ENVIRONMENT | (env or {}),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            raise OSError(f"{' '.join(argv)} exited {done.returncode}: {done.stderr.strip()}")
        return done

    def start(
        self,
        *argv: str,
        env: dict[str, str] | None = None,
        stdout: int | None = subprocess.DEVNULL,
        stderr: int | None = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start `argv` here and return the process, which `close` ends at the latest."""
        started = subprocess.Popen(
            self.argv(*argv),
            env=_ENVIRONMENT | (env or {}),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
        self._started.append(started)
        return started

    def sysctl(self, name: str, value: str) -> None:
        """Set a `net.*` sysctl of this namespace, such as `net.ipv4.ping_group_range`."""
        with self.inside():  # /proc/sys/net shows the namespace of the thread that opens it
            Path("/proc/sys", *name.split(".")).write_text(value, encoding="ascii")

    def add_addresses(self, *addresses: str) -> None:
        """Add addresses to this end of the link, a bare one as a host address; usable at once."""
        with_length = [a if "/" in a else f"{a}/{128 if ':' in a else 32}" for a in addresses]
        lines = [f"address add {a} dev {self.link}{_no_dad(a)}" for a in with_length]
        self.run("ip", "-batch", "-", stdin="\n".join(lines) + "\n")

    def close(self) -> None:
        """End what was started here, then the namespace itself."""
        for started in self._started:
            started.terminate()
        for started in self._started:
            _wait_or_kill(started)
        with suppress(AttributeError, OSError):
            os.close(self._fd)
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        self._keeper.stdin.close()
        _wait_or_kill(self._keeper)
        self._keeper.stdout.close()


class Pair:
    """`near`, where a test probes from, and `far`, where its targets are.

    near 192.0.2.1, 2001:db8::1 (veth `near0`) ── far 192.0.2.2, 2001:db8::2 (veth `far0`).
    `far` also answers for every address of `CROWD_V4` and `CROWD_V6` (see `crowd`). Unprivileged
    ICMP sockets are allowed in `near` unless a test sets its `ping_group_range` otherwise.
    """

    near: Namespace
    far: Namespace

    def __enter__(self) -> Self:
        """Make both namespaces and the link between them."""
        with ExitStack() as stack:
            self.near = Namespace(v4="192.0.2.1", v6="2001:db8::1", link="near0")
            stack.callback(self.near.close)
            self.far = Namespace(v4="192.0.2.2", v6="2001:db8::2", link="far0")
            stack.callback(self.far.close)
            self._join()
            self._ends = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every process started in the pair, and both namespaces."""
        self._ends.close()

    def _join(self) -> None:
        for end in (self.near, self.far):
            end.sysctl("net.ipv6.conf.default.accept_dad", "0")
            end.run("ip", "link", "set", "lo", "up")
        peer = ["peer", "name", self.far.link, "netns", str(self.far.pid)]
        self.near.run("ip", "link", "add", self.near.link, "type", "veth", *peer)
        for end in (self.near, self.far):
            end.run("ip", "link", "set", end.link, "up")
            end.add_addresses(f"{end.v4}/24", f"{end.v6}/64")
        self._await_carrier()
        self._route_crowd()
        self.near.sysctl("net.ipv4.ping_group_range", "0 2147483647")

    def _route_crowd(self) -> None:
        # A route of type `local` makes `far` the owner of a whole range with one command.
        v4, v6 = str(CROWD_V4), str(CROWD_V6)
        self.far.run("ip", "route", "add", "local", v4, "dev", "lo")
        self.far.run("ip", "-6", "route", "add", "local", v6, "dev", "lo")
        self.near.run("ip", "route", "add", v4, "via", self.far.v4)
        self.near.run("ip", "-6", "route", "add", v6, "via", self.far.v6)

    def lose_every(self, n: int) -> None:
        """From now on drop packets 1, n+1, 2n+1 … on their way to `far`: an exact loss of 1/n."""
        self._drop(f"numgen inc mod {n} 0")

    def lose(self, percent: int) -> None:
        """From now on drop each packet on its way to `far` with this chance; 100 drops them all."""
        self._drop(f"numgen random mod 100 < {percent}" if percent < 100 else "")

    def drop(self, match: str) -> None:
        """Drop what the nft expression `match` names on its way to `far`: `tcp dport 80`."""
        self._drop(match)

    def heal(self) -> None:
        """Take every loss away and bring the link up again."""
        self.far.run("nft", "delete", "table", "inet", "lab", check=False)
        self.up()

    def down(self) -> None:
        """Take `far`'s end of the link down, as a cut cable would: `near` loses its carrier."""
        self.far.run("ip", "link", "set", self.far.link, "down")

    def up(self) -> None:
        """Bring `far`'s end of the link up; it gets back the IPv6 address that `down` cost it."""
        self.far.run("ip", "link", "set", self.far.link, "up")
        self.far.run(
            *("ip", "-6", "address", "replace", f"{self.far.v6}/64"),
            *("dev", self.far.link, "nodad"),
        )
        self._await_carrier()
        for end in (self.near, self.far):  # what they learnt while the link was cut is void
            end.run("ip", "neighbour", "flush", "dev", end.link)

    def _await_carrier(self) -> None:
        # The kernel tells the routes of a new carrier up to a second later.
        for _ in range(500):
            states = [e.run("ip", "-brief", "link", "show", e.link) for e in (self.near, self.far)]
            if all(state.stdout.split()[1] == "UP" for state in states):
                return
            time.sleep(0.01)
        raise TimeoutError("the link between the namespaces did not come up")

    def _drop(self, match: str) -> None:
        # Neighbour discovery and the kernel's multicast stay whole and uncounted: a loss
        # of probes is wanted, not a loss of the link.
        rules = f"""
            table inet lab {{}}
            delete table inet lab
            table inet lab {{
                chain inbound {{
                    type filter hook prerouting priority -300; policy accept;
                    iifname != "{self.far.link}" accept
                    meta pkttype != host accept
                    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert }} accept
                    {match} drop
                }}
            }}"""
        self.far.run("nft", "-f", "-", stdin=rules)


def crowd(count: int, *, v6: bool = False) -> list[str]:
    """The first `count` addresses that `far` answers for beside its own (up to 131,070 in IPv4)."""
    network = CROWD_V6 if v6 else CROWD_V4
    if not 0 <= count <= min(network.num_addresses - 2, 1 << 20):
        raise ValueError(f"{network} has no {count} addresses to give")
    first = int(network.network_address) + 1
    kind = IPv6Address if v6 else IPv4Address
    return [str(kind(first + i)) for i in range(count)]


def _no_dad(address: str) -> str:
    # Duplicate address detection would keep an IPv6 address unusable for a second.
    return " nodad" if ":" in address else ""


def setns(fd: int) -> None:
    """Put the calling THREAD into the network namespace that `fd` shows."""
    if _LIBC.setns(fd, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "setns")


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=10)
