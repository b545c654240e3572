"""What the kernel says of addresses it cannot reach, asked in a namespace of one's own."""

import json
import subprocess
import sys

import pytest

from tests.lab.parts import need_namespaces

NETWORK = """
ip link set lo up
ip link add near type veth peer name far
ip address add 203.0.113.1/24 dev near
ip link set near up
ip link set far up
ip route add unreachable 198.51.100.0/25
ip route add prohibit 198.51.100.128/25
"""

PROBES = """
import asyncio, json, sys
from checks import clock, dns, tcp
from tests.checks.harness import net_of, observe, scope_of

def asked(check, address):
    if check == "tcp":
        return tcp.TcpSettings(address=address, port=80, timeout=20_000_000)
    if check == "dns":
        return dns.DnsSettings(server=address, name="web.example", timeout=1_000_000)
    return clock.ClockSettings(servers=(address,), timeout=1_000_000)

async def main():
    told = {}
    check, *addresses = sys.argv[1:]
    kind = {"tcp": tcp, "dns": dns, "clock": clock}[check].KIND
    for address in addresses:
        outcome = await observe(kind, asked(check, address), net_of(scope=scope_of("0.0.0.0/0")))
        if outcome.fault is None:
            told[address] = outcome.evidence.outcome
        else:
            told[address] = outcome.fault.kind.value
    print(json.dumps(told))

asyncio.run(main())
"""


@pytest.mark.lab
@pytest.mark.parametrize("check", ["tcp", "dns", "clock"])
def test_the_networks_silence_is_told_from_this_hosts_own_refusal(check: str) -> None:
    """No route and local rejections are faults; a neighbour that does not answer is evidence."""
    need_namespaces()
    expected = {
        "192.0.2.1": "local-network",
        "198.51.100.1": "local-network",
        "198.51.100.129": "permission",
        # The kernel tells a connection of a silent neighbour, but no datagram.
        "203.0.113.9": "unreachable" if check == "tcp" else "timeout",
    }
    script = f'set -e\n{NETWORK}\nexec "$0" -c "$1" {check} {" ".join(expected)}'
    command = ["unshare", "--net", "sh", "-c", script, sys.executable, PROBES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected
