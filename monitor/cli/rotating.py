"""`sasando keys rotate`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.common import (
    CommandError,
    ConfigOption,
    LangOption,
    load_configuration,
    tell,
)
from monitor.text import preferred_language

if TYPE_CHECKING:
    from monitor.ledger.signer import Verifier

_MODE = 0o644


def rotate(
    key: Annotated[Path, typer.Argument(metavar="KEY", help="The new private key's file.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the entry.")
    ],
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file",
            metavar="FILE",
            help="The passphrase of the new key is in this file.",
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    lang: LangOption = None,
) -> None:
    """Hand the log over to a new key: the outgoing key says so in the log; stop the agent first.

    Make the key with `sasando keys new`. Its verifier key joins the old one in trust/log.vkey;
    afterwards name it in agent.yaml, because the old key signs nothing more, and erase that.

    Example: sasando keys rotate ./keys/log-2.key --reason "yearly" --passphrase-file pass
    """
    from monitor.clock import SystemClock
    from monitor.daemon.control import account_of
    from monitor.daemon.keyring import signer_of
    from monitor.ledger.entry import KeyRotated
    from monitor.ledger.keys import load_key
    from monitor.ledger.signer import Signer
    from monitor.secret import Secret
    from monitor.store.ledger import Commit, Ledger

    language = preferred_language(lang)
    agent = load_configuration(config).agent
    secret = None if passphrase_file is None else Secret(f"file:{passphrase_file.absolute()}")
    passphrase = None if secret is None else secret.reveal().encode()
    private = load_key(key, passphrase, unencrypted_at_rest=passphrase is None)
    following = Signer(name=agent.origin, key=private).verifier
    signer, clock = signer_of(agent), SystemClock()
    if following == signer.verifier:
        raise CommandError("cli.rotate-same", place=key)
    now_us = clock.wall_us()
    told = KeyRotated(
        previous=signer.verifier.vkey,
        next=following.vkey,
        author=account_of(os.getuid()),
        reason=reason,
        at_us=now_us,
    )
    ledger = Ledger.open(agent.store_url(), signer, agent.high_water_mark)
    try:
        if not ledger.size:
            raise CommandError("cli.rotate-empty")
        # Trusted before it is told of: a log whose key nobody trusts would verify nowhere.
        _trust(agent.trusted_key, following)
        # Crash here: a key is trusted that never signed; the same command may be given again.
        done = ledger.append(Commit(entries=[told.to_bytes()], at_us=now_us))
    finally:
        ledger.close(clock.wall_us())
    values = {"entry": done.size - 1, "old": signer.verifier.key_id.hex(), "place": key}
    tell("cli.rotated", language, new=following.key_id.hex(), trust=agent.trusted_key, **values)


def _trust(place: Path, verifier: "Verifier") -> None:
    """Add a key to the trusted ones, leaving whatever else stands in the file."""
    from monitor.ledger.files import replace_durably
    from monitor.ledger.keys import read_vkeys

    if verifier in read_vkeys(place):
        return
    try:
        text = place.read_text(encoding="utf-8").rstrip("\n")
        replace_durably(place, f"{text}\n{verifier.vkey}\n".encode(), _MODE)
    except OSError as error:
        cause = error.strerror or str(error)
        values = {"place": place, "cause": cause, "vkey": verifier.vkey}
        raise CommandError("cli.rotate-trust", **values) from None
