"""The group of a server's own key: an ECDSA server takes no hello without its curve. Pure."""

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from checks.tls.certificate import read

_GROUPS = {"secp256r1": 23, "secp384r1": 24, "secp521r1": 25, "brainpoolP256r1": 26}


def curve_of(chain: tuple[bytes, ...] | None) -> int | None:
    """The number of the curve of the leaf's key; None for other keys and unreadable ones."""
    leaf = read(chain[0]) if chain else None
    if leaf is None:
        return None
    try:
        key = leaf.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return _GROUPS.get(key.curve.name) if isinstance(key, ec.EllipticCurvePublicKey) else None
