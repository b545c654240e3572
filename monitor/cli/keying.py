"""`sasando keys new` and `keys show`; registers `keys rotate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import (
    CommandError,
    ConfigOption,
    JsonOption,
    LangOption,
    default_directory,
    print_json,
    tell,
)
from monitor.cli.rotating import rotate
from monitor.cli.trust import verifiers_of
from monitor.text import Language, preferred_language, say

if TYPE_CHECKING:
    from monitor.ledger.signer import Verifier


def register(app: typer.Typer) -> None:
    """Add these commands to the application."""
    keys = typer.Typer(help="Signing keys and verifier keys.", no_args_is_help=True)
    keys.command("new")(new)
    keys.command("show")(show)
    keys.command("rotate")(rotate)
    app.add_typer(keys, name="keys")


def new(
    place: Annotated[
        Path, typer.Argument(metavar="PATH", help="File of the key, or a directory for log.key.")
    ],
    origin: Annotated[
        str,
        typer.Option(
            "--origin", metavar="NAME", help="Name of the log or witness that the key signs for."
        ),
    ],
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file",
            metavar="FILE",
            help="Encrypt the key with the passphrase in this file.",
            show_default=False,
        ),
    ] = None,
    unencrypted: Annotated[
        bool,
        typer.Option(
            "--unencrypted-at-rest",
            help="Leave the key open, for something else to encrypt it (systemd-creds).",
        ),
    ] = False,
    witness: Annotated[
        bool,
        typer.Option("--witness", help="A witness's key, for cosignatures alone."),
    ] = False,
    pkcs11: Annotated[
        str | None,
        typer.Option(
            "--pkcs11",
            metavar="URI",
            help="Make the key inside a PKCS#11 token; --passphrase-file then holds its PIN.",
            show_default=False,
        ),
    ] = None,
    lang: LangOption = None,
) -> None:
    """Make a key pair: the private key, and beside it the verifier key.

    Example: sasando keys new ./keys/log.key --origin kupang.example/sasando --passphrase-file pass
    """
    from monitor.ledger.errors import KeyFileError
    from monitor.ledger.keys import create_key, write_vkeys
    from monitor.ledger.signer import Cosigner, Signer, require_name

    language = preferred_language(lang)
    if (passphrase_file is None) != unencrypted:
        raise CommandError("cli.keys-protection")
    require_name(origin)
    if pkcs11 is not None:
        if passphrase_file is None or witness:
            raise CommandError("cli.keys-token")
        _in_token(place, origin, pkcs11, passphrase_file, language)
        return
    passphrase = _passphrase(passphrase_file)
    path = place / "log.key" if place.is_dir() else place
    public = path.with_suffix(".vkey")
    if public == path:
        raise CommandError("cli.keys-name", path=path)
    if public.exists():
        raise KeyFileError("ledger.key-exists", path=str(public))
    key = create_key(path, passphrase, unencrypted_at_rest=unencrypted)
    signer = Cosigner(name=origin, key=key, time=0) if witness else Signer(name=origin, key=key)
    verifier = signer.verifier
    # Crash here: a private key without its verifier key; it was never used, make another.
    write_vkeys(public, [verifier])
    typer.echo(verifier.vkey)
    tell("cli.keys-made", language, private=path, public=public)


def _in_token(place: Path, origin: str, uri: str, pin: Path, lang: Language) -> None:
    """A key that never leaves its token; only its verifier key becomes a file."""
    from monitor.ledger.errors import KeyFileError
    from monitor.ledger.keys import write_vkeys
    from monitor.ledger.signer import KeyKind, Verifier
    from monitor.ledger.token import TokenKey, create_token_key
    from monitor.secret import Secret

    key = TokenKey.parse(uri, Secret(f"file:{pin.absolute()}"))
    public = (place / "log.key" if place.is_dir() else place).with_suffix(".vkey")
    if public.exists():
        raise KeyFileError("ledger.key-exists", path=str(public))
    made = create_token_key(key)
    # Crash here: a key without its verifier key; it was never used, make another.
    verifier = Verifier(name=origin, kind=KeyKind.ED25519, public_key=made)
    write_vkeys(public, [verifier])
    typer.echo(verifier.vkey)
    tell("cli.keys-made", lang, private=f"{key.token}, {key.label}", public=public)


def _passphrase(file: Path | None) -> bytes | None:
    """The passphrase in a file that others cannot read; SecretError says what is wrong."""
    from monitor.secret import Secret

    return None if file is None else Secret(f"file:{file.absolute()}").reveal().encode()


def show(
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="VKEY|FILE",
            help="A verifier key, or a file of them, instead of the configured one.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    """Show the trusted verifier key, and how to check a checkpoint with openssl alone.

    Example: sasando keys show
    """
    language = preferred_language(lang)
    directory = config or default_directory()
    verifiers = verifiers_of(key or str(directory / "trust" / "log.vkey"))
    if as_json:
        print_json([_as_object(one) for one in verifiers])
        return
    for one in verifiers:
        told = _as_object(one)
        for name in ("origin", "key_id", "vkey", "spki"):
            typer.echo(f"{say(f'cli.keys-{name}', language):<22} {told[name]}")
        typer.echo("")
        typer.echo(say("cli.keys-openssl", language))
        typer.echo(recipe(one))


def _as_object(verifier: "Verifier") -> dict[str, Any]:
    from monitor.ledger.signer import encode_base64

    return {
        "origin": verifier.name,
        "key_id": verifier.key_id.hex(),
        "vkey": verifier.vkey,
        "spki": encode_base64(verifier.spki),
    }


def recipe(verifier: "Verifier") -> str:
    """Shell lines that check the file `checkpoint` with openssl and nothing of ours."""
    from shlex import quote

    from monitor.ledger.signer import encode_base64

    line = f"\N{EM DASH} {verifier.name} "
    folder = "openssl-check"
    return "\n".join(
        (
            f"  mkdir {folder}",
            f"  echo {encode_base64(verifier.spki)} | base64 -d > {folder}/key.der",
            f"  head -n 3 checkpoint > {folder}/text",
            f"  grep -F {quote(line)} checkpoint | head -n 1 | sed 's/.* //' | base64 -d"
            f" | tail -c 64 > {folder}/signature",
            f"  openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey {folder}/key.der"
            f" -in {folder}/text -sigfile {folder}/signature",
        )
    )
