"""Which key may sign which size: against a plain walk over the sizes."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from monitor.ledger.epochs import Rotation, in_force, strangers
from monitor.ledger.signer import Signer, Verifier


def rotations(indices: list[int]) -> list[Rotation]:
    """Hand-overs at these entries, between the keys 0, 1, 2 …"""
    return [(index, str(n), str(n + 1)) for n, index in enumerate(sorted(indices))]


@given(st.lists(st.integers(0, 40), unique=True, max_size=5), st.integers(0, 50), st.integers(0, 6))
def test_a_key_is_in_force_between_its_hand_overs(
    indices: list[int], size: int, number: int
) -> None:
    """By definition: after the entries below `size`, or just before the last of them."""
    told = rotations(indices)
    key = after = sum(index < size for index, _, _ in told)
    handed_over_just_now = any(index == size - 1 for index, _, _ in told)
    allowed = {after, key - 1} if handed_over_just_now else {after}
    expected = number in allowed if told else True
    assert in_force(str(number), size, told) == expected


def test_several_keys_without_a_word_are_strangers() -> None:
    """Two keys that signed one by one; a note that both signed explains itself."""

    def key(number: int) -> Verifier:
        private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        return Signer(name="log.example", key=private).verifier

    one, two = key(1), key(2)
    assert not strangers([], [])
    assert not strangers([(one,), (one,)], [])
    assert not strangers([(one,), (one, two)], [])
    assert strangers([(one,), (two,)], [])
    assert not strangers([(one,), (two,)], [(3, one.vkey, two.vkey)])
