"""A log key in a PKCS#11 token: signs as one in a file does, or says why it cannot."""

import threading
from pathlib import Path

import pytest

from monitor.ledger.errors import KeyFileError
from monitor.ledger.token import (
    OPEN_S,
    PinRefusedError,
    TokenError,
    TokenKey,
    TokenSigner,
    _Calls,
    create_token_key,
)
from monitor.secret import Secret
from monitor.text import say
from tests.lab.hsm import PIN, TOKEN, WRONG, SoftToken

NAME, TEXT = "hsm.example/log", "hsm.example/log\n3\nAAAA\n"


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SoftToken:
    """A token without a key, and this process sees it."""
    made = SoftToken(tmp_path / "hsm")
    made.make()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    made.show()
    return made


def test_a_token_signs_and_keeps_its_key(token: SoftToken) -> None:
    """The signature is the public key's, the same each time, and the key cannot be taken out."""
    import pkcs11

    public = create_token_key(token.key())
    signer = TokenSigner.open(NAME, token.key())
    assert signer.verifier.public_key == public
    first = signer.sign(TEXT)
    assert signer.verifier.accepts(TEXT, first)
    assert TokenSigner.open(NAME, token.key()).sign(TEXT) == first
    held = signer._key
    assert isinstance(held, pkcs11.PrivateKey)
    assert (held[pkcs11.Attribute.SENSITIVE], held[pkcs11.Attribute.EXTRACTABLE]) == (True, False)


def test_no_label_is_used_twice(token: SoftToken) -> None:
    """A second key of one label is refused, and the first one stands."""
    public = create_token_key(token.key())
    with pytest.raises(KeyFileError) as refused:
        create_token_key(token.key())
    assert refused.value.code == "ledger.token-key-exists"
    assert TokenSigner.open(NAME, token.key()).verifier.public_key == public


def test_a_token_that_was_away_signs_again(token: SoftToken) -> None:
    """Pulled out it signs nothing and says so; put back it gives the same signature."""
    create_token_key(token.key())
    signer = TokenSigner.open(NAME, token.key())
    before = signer.sign(TEXT)
    with token.pulled():
        for _ in range(2):
            with pytest.raises(TokenError) as away:
                signer.sign(TEXT)
            assert not isinstance(away.value, PinRefusedError)
    assert signer.sign(TEXT) == before


def test_a_refused_pin_is_never_tried_again(token: SoftToken) -> None:
    """At the start and after the token came back: told without the PIN, and not repeated."""
    create_token_key(token.key())
    signer = TokenSigner.open(NAME, token.key())
    with token.pulled(), pytest.raises(TokenError):
        signer.sign(TEXT)
    token.write_pin(WRONG)
    with pytest.raises(PinRefusedError) as refused:
        signer.sign(TEXT)
    token.write_pin(PIN)
    with pytest.raises(PinRefusedError):
        signer.sign(TEXT)
    token.write_pin(WRONG)
    with pytest.raises(PinRefusedError) as at_start:
        TokenSigner.open(NAME, token.key())
    for error in (refused.value, at_start.value):
        said = repr(error) + str(error) + say(error.code, "en", **error.values)
        assert WRONG not in said
        assert "PinIncorrect" in said


def test_another_key_under_the_label_is_not_taken_for_it(token: SoftToken) -> None:
    """Somebody exchanges the token while it is out: its signatures are refused."""
    create_token_key(token.key())
    signer = TokenSigner.open(NAME, token.key())
    token.tokens.rename(token.tokens.with_name("first"))
    token.tokens.mkdir()
    token.make()
    token.show()
    create_token_key(token.key())
    with pytest.raises(TokenError) as foreign:
        signer.sign(TEXT)
    assert foreign.value.code == "ledger.token-foreign"


def test_what_is_missing_is_named(token: SoftToken, tmp_path: Path) -> None:
    """No module, no such token, no such key, no file of the PIN's: each has its sentence."""
    module = TokenKey(
        module=str(tmp_path / "none.so"), token=TOKEN, label="log", pin=token.key().pin
    )
    cases = {
        "ledger.token-module": module,
        "ledger.token-absent": token.key(token="another"),
        "ledger.token-key-absent": token.key("none"),
    }
    for code, key in cases.items():
        with pytest.raises(KeyFileError) as refused:
            TokenSigner.open(NAME, key)
        assert refused.value.code == code
        assert PIN not in say(code, "en", **refused.value.values)


def test_a_module_that_hangs_holds_up_nobody_for_long() -> None:
    """The call is given up, the next one is refused at once, and it works when the first ended."""
    key = TokenKey(module="m", token="t", label="l", pin=Secret("env:NONE"))
    calls, go_on, ended = _Calls(), threading.Event(), threading.Event()

    def slow() -> int:
        go_on.wait(60)
        ended.set()
        return 1

    for longest_s in (0.05, OPEN_S):
        with pytest.raises(TokenError) as hangs:
            calls.result(slow, longest_s, key)
        assert hangs.value.code == "ledger.token-hangs"
    go_on.set()
    assert ended.wait(60)
    assert calls._last is not None
    calls._last.result(60)
    assert calls.result(lambda: 2, OPEN_S, key) == 2


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "file:/log.key",
        "pkcs11:token=a;object=b",
        "pkcs11:token=a?module-path=/m.so",
        "pkcs11:token=a;object=?module-path=/m.so",
        "pkcs11:token=a;token=a;object=b?module-path=/m.so",
        "pkcs11:token=a;object=b?module-path=/m.so&pin-value=1234",
    ],
)
def test_a_uri_says_exactly_where_the_key_is(uri: str) -> None:
    """Anything less, anything twice, and a PIN in it is refused; the text is not repeated."""
    with pytest.raises(KeyFileError) as refused:
        TokenKey.parse(uri, Secret("env:PIN"))
    assert "1234" not in say(refused.value.code, "en", **refused.value.values)


def test_a_good_uri_is_read(tmp_path: Path) -> None:
    """RFC 7512 with its percent signs."""
    key = TokenKey.parse(
        "pkcs11:object=log%3B1;token=Kota%20Kupang?module-path=/usr/lib/m.so", Secret("env:PIN")
    )
    assert (key.token, key.label, key.module) == ("Kota Kupang", "log;1", "/usr/lib/m.so")
