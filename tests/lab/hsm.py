"""A PKCS#11 token in software (SoftHSM2), in a folder of the test's own; it can be pulled out."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from monitor.ledger.token import TokenKey
from monitor.secret import Secret
from tests.lab.parts import command, missing

PIN, WRONG = "tujuh-belas-19", "tujuh-belas-20"
TOKEN = "Sasando lab"
_PLACES = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
)


class SoftToken:
    """One token and the file with its PIN."""

    def __init__(self, folder: Path) -> None:
        self.module = next((one for one in _PLACES if Path(one).exists()), "")
        if not self.module:
            missing("the PKCS#11 module of softhsm2")
        self.tokens, self.pin_file = folder / "tokens", folder / "pin"
        self.settings = folder / "softhsm2.conf"
        self.tokens.mkdir(parents=True)
        self.settings.write_text(
            f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        self.write_pin(PIN)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to see this token and no other."""
        return {"SOFTHSM2_CONF": str(self.settings)}

    def make(self) -> None:
        """Initialise it."""
        words = ("--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", "5678")
        self._tool(*words)

    def show(self) -> None:
        """Let this very process see it, and forget the token of an earlier test."""
        import pkcs11

        pkcs11.lib(self.module).reinitialize()

    def write_pin(self, pin: str) -> None:
        """Say another PIN."""
        self.pin_file.write_text(f"{pin}\n")
        self.pin_file.chmod(0o600)

    def key(self, label: str = "log", token: str = TOKEN) -> TokenKey:
        """Where the key of a label lies."""
        pin = Secret(f"file:{self.pin_file}")
        return TokenKey(module=self.module, token=token, label=label, pin=pin)

    def uri(self, label: str = "log") -> str:
        """The same as a URI (RFC 7512)."""
        token = TOKEN.replace(" ", "%20")
        return f"pkcs11:token={token};object={label}?module-path={self.module}"

    def setting(self, label: str = "log") -> dict[str, object]:
        """The same as agent.yaml says it."""
        pin = {"secret": f"file:{self.pin_file}"}
        return {"module": self.module, "token": TOKEN, "label": label, "pin": pin}

    def put(self, label: str, key: PrivateKeyTypes, certificate: x509.Certificate | None) -> None:
        """A key that was made elsewhere, as softhsm2-util takes it in, and its certificate."""
        pem = self.pin_file.with_name(f"{label}.pem")
        pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        number = label.encode().hex()
        words = ("--import", str(pem), "--token", TOKEN, "--label", label, "--id", number)
        self._tool(*words, "--pin", PIN)
        if certificate is not None:
            self._store(label, certificate)

    def _store(self, label: str, certificate: x509.Certificate) -> None:
        import pkcs11

        attribute = pkcs11.Attribute
        der = certificate.public_bytes(Encoding.DER)
        with pkcs11.lib(self.module).get_token(token_label=TOKEN).open(True, PIN) as session:
            session.create_object(
                {
                    attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE,
                    attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                    attribute.TOKEN: True,
                    attribute.LABEL: label,
                    attribute.SUBJECT: certificate.subject.public_bytes(),
                    attribute.VALUE: der,
                }
            )

    def _tool(self, *words: str) -> None:
        done = subprocess.run(
            [command("softhsm2-util"), *words],
            env={**os.environ, **self.environment},
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    @contextmanager
    def pulled(self) -> Iterator[None]:
        """The token is out of its slot meanwhile."""
        away = self.tokens.with_name("away")
        self.tokens.rename(away)
        try:
            yield
        finally:
            away.rename(self.tokens)
