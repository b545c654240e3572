"""The names that a certificate is for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from cryptography import x509

from checks.tls.certificate import extension_of

_NAMES_BOUND = 100
_TEXT_BOUND = 255

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names a certificate is for (subjectAltName alone; RFC 9525 ignores the subject)."""

    dns: tuple[str, ...]
    addresses: tuple[Address, ...]

    def shown(self) -> tuple[str, ...]:
        """As text, bounded."""
        every = (*self.dns, *map(str, self.addresses))
        return tuple(name[:_TEXT_BOUND] for name in every[:_NAMES_BOUND])

    def match(self, name: str) -> bool:
        """Whether a name or a literal address is covered (RFC 9525, 6.3; RFC 2818 for addresses).

        A `*` stands for one whole leftmost label.
        """
        try:
            return ip_address(name) in self.addresses
        except ValueError:
            pass
        wanted = name.lower().rstrip(".").split(".")
        return any(_covers(pattern.lower().rstrip(".").split("."), wanted) for pattern in self.dns)


def _covers(pattern: Sequence[str], wanted: Sequence[str]) -> bool:
    if pattern[0] == "*" and len(pattern) > 2:
        return len(pattern) == len(wanted) and pattern[1:] == wanted[1:] and bool(wanted[0])
    return list(pattern) == list(wanted)


def names_of(certificate: x509.Certificate) -> Names:
    """Its names; none when the extension is absent or broken."""
    extension = extension_of(certificate, x509.SubjectAlternativeName)
    if extension is None:
        return Names(dns=(), addresses=())
    dns = extension.get_values_for_type(x509.DNSName)
    literals = extension.get_values_for_type(x509.IPAddress)
    addresses = tuple(item for item in literals if isinstance(item, IPv4Address | IPv6Address))
    return Names(dns=tuple(dns), addresses=addresses)
