"""The table of checks: one module each, one line each, in the order people see them."""

from collections.abc import Mapping
from types import MappingProxyType

from checks import (
    clock,
    dns,
    egress,
    host,
    hsrp,
    http,
    icmp,
    neighbour,
    path,
    redundancy,
    tcp,
    throughput,
    vrrp,
)
from checks.base import CheckKind
from checks.page import check as page
from checks.tls import check as tls
from checks.web import check as web

KINDS: Mapping[str, CheckKind] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            icmp.KIND,
            tcp.KIND,
            dns.KIND,
            http.KIND,
            tls.KIND,
            web.KIND,
            page.KIND,
            clock.KIND,
            host.KIND,
            path.KIND,
            egress.KIND,
            throughput.KIND,
            redundancy.KIND,
            vrrp.KIND,
            hsrp.KIND,
            neighbour.KIND,
        )
    }
)
