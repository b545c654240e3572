"""`sasando keys rotate`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from monitor.cli.common import (
    CommandError,
    ConfigOption,
    LangOption,
    load_configuration,
    tell,
)
from monitor.text import Language, preferred_language

if TYPE_CHECKING:
    from monitor.config.configuration import Agent
    from monitor.ledger.signer import NoteSigner, Verifier

_MODE = 0o644
_ASK_S = 90.0
"""For the daemon's answer: it opens the next key and commits."""


def rotate(
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the entry.")
    ],
    key: Annotated[
        Path | None,
        typer.Argument(
            metavar="KEY",
            help="The new private key's file, where agent.yaml names no next one; stop the agent.",
            show_default=False,
        ),
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file",
            metavar="FILE",
            help="The passphrase of the new key is in this file.",
            show_default=False,
        ),
    ] = None,
    erase_old: Annotated[
        bool,
        typer.Option("--erase-old", help="Overwrite and remove the old private key's file."),
    ] = False,
    config: ConfigOption = None,
    lang: LangOption = None,
) -> None:
    """Hand the log over to a new key, also while the agent runs: the outgoing key says so in it.

    Make the key with `sasando keys new` and name it in agent.yaml under key: next:. Its verifier
    key joins the old one in trust/log.vkey. The old key signs nothing more.

    Example: sasando keys rotate --reason "yearly"
    """
    language = preferred_language(lang)
    agent = load_configuration(config).agent
    if key is None:
        done = _configured(agent, reason)
        tell("cli.rotated-configured", language, **done)
    else:
        done = _alone(agent, _from_file(agent, key, passphrase_file), reason, key)
        tell("cli.rotated", language, trust=agent.trusted_key, place=key, **done)
    _old_key(agent, str(done["old"]), erase_old, language)


def _configured(agent: "Agent", reason: str) -> dict[str, Any]:
    """To the next key of the configuration, by the daemon if there is one; entry and key ids."""
    from monitor.daemon.control import NoDaemonError, ask
    from monitor.daemon.keyring import unpinned
    from monitor.ledger.errors import KeyFileError
    from monitor.ledger.signer import Verifier
    from monitor.secret import SecretError

    if agent.next_key is None:
        raise CommandError("cli.rotate-none")
    hidden: SecretError | KeyFileError | None = None
    signer = None
    try:
        signer = unpinned(agent.next_key, agent.origin)
    except (SecretError, KeyFileError) as error:  # the daemon may see what this account does not
        hidden = error
    try:
        if signer is not None and agent.control.exists():
            _trust(agent.trusted_key, signer.verifier)
        # Crash here: a key is trusted that never signed; the same command may be given again.
        told = ask(agent.control, "rotate", _ASK_S, reason=reason)
    except NoDaemonError:
        if signer is None:
            assert hidden is not None
            raise hidden from None
        return _alone(agent, signer, reason, None)
    old, new = (Verifier.parse(told[name]).key_id.hex() for name in ("previous", "next"))
    return {"entry": told["entry"], "old": old, "new": new}


def _from_file(agent: "Agent", key: Path, passphrase_file: Path | None) -> "NoteSigner":
    from monitor.ledger.keys import load_key
    from monitor.ledger.signer import Signer
    from monitor.secret import Secret

    secret = None if passphrase_file is None else Secret(f"file:{passphrase_file.absolute()}")
    passphrase = None if secret is None else secret.reveal().encode()
    private = load_key(key, passphrase, unencrypted_at_rest=passphrase is None)
    return Signer(name=agent.origin, key=private)


def _alone(agent: "Agent", signer: "NoteSigner", reason: str, place: Path | None) -> dict[str, Any]:
    """Without a daemon: the command takes the writer's lock and appends itself."""
    from monitor.clock import SystemClock
    from monitor.daemon.control import account_of
    from monitor.daemon.keyring import open_ledger
    from monitor.daemon.rotating import handed_over
    from monitor.store.errors import StoreBusyError
    from monitor.store.ledger import Commit

    following, clock = signer.verifier, SystemClock()
    try:
        ledger = open_ledger(agent).ledger
    except StoreBusyError as error:
        raise (CommandError("cli.rotate-running") if place else error) from error
    try:
        if not ledger.size:
            raise CommandError("cli.rotate-empty")
        old, now_us = ledger.signer.verifier, clock.wall_us()
        author = account_of(os.getuid())
        entry = handed_over(ledger.verifiers, following, author, reason, now_us)
        # Trusted before it is told of: a log whose key nobody trusts would verify nowhere.
        _trust(agent.trusted_key, following)
        # Crash here: a key is trusted that never signed; the same command may be given again.
        done = ledger.append(Commit(entries=[entry.to_bytes()], at_us=now_us, heir=signer))
    finally:
        ledger.close(clock.wall_us())
    return {"entry": done.size - 1, "old": old.key_id.hex(), "new": following.key_id.hex()}


def _old_key(agent: "Agent", key_id: str, erasing: bool, lang: Language) -> None:
    """Erase the outgoing key's file if that is wanted and it is its, else say where it lies."""
    from monitor.config.configuration import FileKey
    from monitor.daemon.keyring import unpinned
    from monitor.ledger.errors import KeyFileError
    from monitor.ledger.files import erase
    from monitor.secret import SecretError

    plan = agent.key
    if not isinstance(plan, FileKey):
        tell("cli.rotate-kept", lang, place=f"{plan.token}, {plan.label}")
        return
    source, _, name = plan.private.reference.partition(":")
    if not erasing or source != "file":
        tell("cli.rotate-kept", lang, place=plan.private.reference)
        return
    place = plan.private.base / name
    try:
        found = unpinned(plan, agent.origin).verifier.key_id.hex()
    except (KeyFileError, SecretError):
        found = ""
    if found != key_id:  # agent.yaml was changed meanwhile: this file may be another key's
        tell("cli.rotate-kept", lang, place=plan.private.reference)
        return
    try:
        erase(place)
    except OSError as error:
        cause = error.strerror or str(error)
        raise CommandError("cli.rotate-unerased", place=place, cause=cause) from None
    tell("cli.rotate-erased", lang, place=place)


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
