"""Authority that ends while a way is walked: nothing leaves any more, and nobody is accused."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from checks import egress, path
from checks.base import CheckKind, Settings
from checks.egress_evidence import EgressSettings, Uplink
from checks.path_evidence import PathSettings
from checks.scope import loopback_scope
from monitor.model import Fault, FaultKind
from tests.checks.harness import fault, net_of, observe, run

HERE = "127.0.0.1"
ENDED = Fault(kind=FaultKind.SCOPE, message="the authority ended")


@dataclass
class Ending:
    """A scope of loopback whose authority ends after it was asked so often."""

    left: int
    asked: list[str] = field(default_factory=list)

    def refusal(self, address: str) -> Fault | None:
        """See `checks.base.Scope`."""
        self.asked.append(address)
        return loopback_scope().refusal(address) if len(self.asked) <= self.left else ENDED


def wishes(protocol: Any) -> list[tuple[CheckKind, Settings]]:
    """Both checks that walk."""
    uplinks = {"one": Uplink(source=HERE)}
    return [
        (path.KIND, PathSettings(address=HERE, protocol=protocol, flows=1, mtu=False)),
        (egress.KIND, EgressSettings(address=HERE, protocol=protocol, uplinks=uplinks)),
    ]


@pytest.mark.parametrize("protocol", ["udp", "tcp"])
def test_each_packet_asks_the_scope(protocol: str) -> None:
    """An address that was admitted when the probe began is refused as soon as authority ends."""

    async def scenario() -> None:
        for kind, settings in wishes(protocol):
            scope = Ending(left=1)
            assert fault(await observe(kind, settings, net_of(scope=scope))) == ENDED
            assert set(scope.asked) == {HERE}
            lasting = await observe(kind, settings, net_of(scope=Ending(left=1_000)))
            assert lasting.evidence is not None

    run(scenario)
