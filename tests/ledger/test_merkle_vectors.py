"""The 196 proofs of transparency-dev/merkle."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from monitor.ledger.errors import ProofError
from monitor.ledger.merkle import leaf_hash, verify_consistency, verify_inclusion

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "merkle-proofs.json").read_text(encoding="utf-8")
)
# Good for its authors, who compare equal roots of any length; for us a root has 32 bytes.
ROOTS_THAT_ARE_NO_HASHES = "consistency/additional/sizes-are-equal-one-and-proof-is-empty"


def _hashes(encoded: list[str] | None) -> list[bytes]:
    return [base64.b64decode(value) for value in encoded or []]


def _check(kind: str, vector: dict[str, Any]) -> None:
    proof = _hashes(vector["proof"])
    if kind == "inclusion":
        leaf, root = _hashes([vector["leafHash"], vector["root"]])
        verify_inclusion(vector["leafIdx"], vector["treeSize"], leaf, proof, root)
    else:
        root1, root2 = _hashes([vector["root1"], vector["root2"]])
        verify_consistency(vector["size1"], vector["size2"], proof, root1, root2)


def test_there_are_196() -> None:
    """No vector was lost on the way here: 12 good proofs and 184 bad ones."""
    every = VECTORS["inclusion"] + VECTORS["consistency"]
    assert [len(every), sum(vector["wantErr"] for vector in every)] == [196, 184]


@pytest.mark.parametrize(
    ("kind", "vector"),
    [
        pytest.param(kind, vector, id=vector["name"])
        for kind in ("inclusion", "consistency")
        for vector in VECTORS[kind]
    ],
)
def test_published_proof(kind: str, vector: dict[str, Any]) -> None:
    """A good proof passes, a bad one is refused with a ProofError and nothing else."""
    if vector["wantErr"] or vector["name"] == ROOTS_THAT_ARE_NO_HASHES:
        with pytest.raises(ProofError):
            _check(kind, vector)
    else:
        _check(kind, vector)


def test_the_one_difference() -> None:
    """The one good proof that we refuse passes once its roots are hashes."""
    (vector,) = [v for v in VECTORS["consistency"] if v["name"] == ROOTS_THAT_ARE_NO_HASHES]
    real = base64.b64encode(leaf_hash(b"")).decode()
    _check("consistency", vector | {"root1": real, "root2": real})
