"""`sasando witness serve`: real HTTP, real files, real kills."""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from monitor.ledger.signer import Signer
from monitor.ledger.witness import MAX_SUBMISSION_BYTES, read_cosignature, read_submission
from monitor.text import LANGUAGES, Language, say
from monitor.witness.server import HEAD_BOUND, MOST_CONNECTIONS
from tests.cli.running_command import sasando
from tests.witness.history import LOG, history, submission
from tests.witness.serving import Serving

ROOT = Path(__file__).parents[2]
HONEST, FORK = history(), history(forked_at=20)
OTHER = Signer(name="other.example/log", key=Ed25519PrivateKey.from_private_bytes(b"o" * 32))
FORGER = Signer(name=LOG.name, key=OTHER.key)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Serving]:
    """A witness of one log."""
    with Serving(tmp_path / "w", [LOG.verifier]) as serving:
        yield serving


def cosigned(witness: Serving, body: bytes) -> int:
    """The size that the answer cosigns, checked as a log does."""
    code, kind, answer = witness.post(body)
    assert (code, kind.partition(";")[0]) == (200, "text/plain"), answer
    assert witness.verifier is not None
    return read_cosignature(answer, read_submission(body).note, LOG.verifier, witness.verifier).size


def test_a_growing_log_is_cosigned_and_every_refusal_has_its_code(witness: Serving) -> None:
    """The codes of the specification over HTTP, in the life of one log."""
    assert cosigned(witness, submission(HONEST, 0, 20)) == 20
    assert cosigned(witness, submission(HONEST, 20, 290)) == 290
    assert cosigned(witness, submission(HONEST, 290, 290)) == 290
    code, kind, body = witness.post(submission(HONEST, 0, 295))
    assert (code, kind, body) == (409, "text/x.tlog.size", b"290\n")
    assert witness.post(submission(FORK, 290, 290))[:2] == (409, "text/x.tlog.size")
    assert witness.post(submission(FORK, 290, 295))[0] == 422
    assert witness.post(submission(HONEST, 290, 295, FORGER))[0] == 403
    assert witness.post(submission(HONEST, 0, 5, OTHER))[0] == 404
    assert witness.post(b"old x\n\n")[0] == 400
    assert witness.post(submission(HONEST, 290, 295), "/other")[0] == 404
    assert cosigned(witness, submission(HONEST, 290, 295)) == 295


def test_what_was_cosigned_outlives_a_kill(witness: Serving) -> None:
    """After kill -9 the witness stands where it stood, and a fork is refused."""
    assert cosigned(witness, submission(HONEST, 0, 40)) == 40
    witness.kill()
    witness.start()
    assert witness.post(submission(FORK, 0, 50))[::2] == (409, b"40\n")
    assert witness.post(submission(FORK, 40, 50))[0] == 422
    assert cosigned(witness, submission(HONEST, 40, 50)) == 50
    assert witness.stop() == 0


def test_a_kill_between_any_two_steps_never_lets_two_histories_be_cosigned() -> None:
    """Killed before each of its lines: whoever got a cosignature, the fork gets none."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.witness.killed"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) > 30
    assert all(not (before and after) for _, _, before, after in told)
    assert all(after == (size == 20) for _, size, _, after in told)
    assert all(size == 40 for _, size, before, _ in told if before)
    kept = [size for _, size, _, _ in told]
    assert kept == sorted(kept), "kept before the rename, and never lost after it"
    assert {20, 40} == set(kept)
    assert told[-1][2], "the last one was not killed"
    assert sum(size == 40 and not before for _, size, before, _ in told) > 1


def test_a_damaged_state_cosigns_nothing(witness: Serving) -> None:
    """A state file that is cut or of another log is an error, never a new beginning."""
    assert cosigned(witness, submission(HONEST, 0, 40)) == 40
    (place,) = witness.state.glob("*.checkpoint")
    whole = place.read_bytes()
    for damaged in (b"", whole[:-10], whole.replace(b"\n40\n", b"\n4\n"), b"x" * 100_000):
        place.write_bytes(damaged)
        assert witness.post(submission(FORK, 0, 50))[0] == 500
        assert witness.post(submission(HONEST, 40, 50))[0] == 500
    place.write_bytes(whole)
    assert cosigned(witness, submission(HONEST, 40, 50)) == 50


@pytest.mark.parametrize("lang", LANGUAGES)
def test_two_servers_never_share_a_state(witness: Serving, lang: Language) -> None:
    """The second one ends with 2 and says whose directory it is."""
    done = sasando("witness", "serve", witness.file, "--lang", lang)
    assert done.code == 2
    assert say("witness.state-held", lang, place=witness.state) in done.err


def test_a_port_that_is_taken_is_told(witness: Serving, tmp_path: Path) -> None:
    """Exit 2, with the address."""
    other = Serving(tmp_path / "other", [LOG.verifier], port=witness.port)
    done = sasando("witness", "serve", other.file)
    assert done.code == 2
    assert f"127.0.0.1:{witness.port}" in done.err


BODY = submission(HONEST, 0, 9)


def request(head: str, body: bytes = BODY) -> bytes:
    """A request with these lines as its head."""
    return head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (request(f"GET /add-checkpoint HTTP/1.1\nContent-Length: {len(BODY)}"), b"405"),
        (request("POST /add-checkpoint HTTP/1.1\nHost: w"), b"411"),
        (request("POST /add-checkpoint HTTP/1.1\nTransfer-Encoding: chunked"), b"411"),
        (
            request("POST /add-checkpoint HTTP/1.1\nTransfer-Encoding: chunked\nContent-Length: 9"),
            b"411",
        ),
        (request("POST /add-checkpoint HTTP/1.1\nContent-Length: 9\nContent-Length: 9"), b"400"),
        (request("POST /add-checkpoint HTTP/1.1\nContent-Length: -9"), b"400"),
        (request(f"POST /add-checkpoint HTTP/1.1\nContent-Length: {MAX_SUBMISSION_BYTES + 1}"),
         b"413"),
        (request("POST /add-checkpoint HTTP/1.1\nContent-Length : 9"), b"400"),
        (request("POST /add-checkpoint HTTP/1.1\nX: a\n folded: 9"), b"400"),
        (request("POST /add-checkpoint HTTP/2.0\nContent-Length: 9"), b"400"),
        (request("POST /../add-checkpoint HTTP/1.1\nContent-Length: 9"), b"404"),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"400"),
        (request("POST /add-checkpoint HTTP/1.1\nX: " + "x" * 2 * HEAD_BOUND), b"431"),
    ],
)  # fmt: skip
def test_a_hostile_request_gets_its_code(shared: Serving, sent: bytes, code: bytes) -> None:
    """Whatever the head tries, it is refused in words, and the witness goes on."""
    answer = shared.raw(sent)
    assert answer.startswith(b"HTTP/1.1 " + code), answer
    assert shared.post(b"")[0] == 400


def test_a_request_that_is_cut_off_leaves_nothing(shared: Serving) -> None:
    """A peer that goes away in the middle gets no answer, and nothing is cosigned."""
    whole = request(f"POST /add-checkpoint HTTP/1.1\nContent-Length: {len(BODY)}")
    for length in (0, 10, 60, len(whole) - 1):
        assert shared.raw(whole[:length]) == b""
    assert list(shared.state.glob("*.checkpoint")) == []


def test_silent_peers_keep_nobody_out_for_long(shared: Serving) -> None:
    """Connections beyond the bound are shut at once; when the silent ones go, others come in."""
    silent = [socket.create_connection(("127.0.0.1", shared.port), 60) for _ in range(80)]
    try:
        shut = 0
        for connection in silent[MOST_CONNECTIONS:]:
            try:
                shut += connection.recv(1) == b""
            except ConnectionResetError:
                shut += 1
        assert shut == len(silent) - MOST_CONNECTIONS
    finally:
        for connection in silent:
            connection.close()
    for _ in range(100):
        try:
            code = shared.post(b"")[0]
        except (ConnectionError, OSError):
            continue
        assert code == 400
        return
    raise AssertionError("nobody came in any more")


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A witness for tests that make it cosign nothing."""
    with Serving(tmp_path_factory.mktemp("shared"), [LOG.verifier]) as serving:
        yield serving
