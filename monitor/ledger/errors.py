"""The typed errors of the ledger: a code with values, to be put into words by the caller.

``say(error.code, lang, **error.values)`` gives the sentence, which says what to do; the catalogues
are ``monitor/texts/*/ledger.toml``. Nothing here chooses a language or prints.
"""

from monitor.text import Reason


class CodedError(Exception):
    """What is wrong, as a sentence that no language was chosen for.

    ``code`` is the key of the text (``ledger.<name>``), ``values`` fill its placeholders.
    """

    def __init__(self, code: str, **values: str | int | Reason) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = values

    @property
    def reason(self) -> Reason:
        """The same among the values of another sentence."""
        return Reason(self.code, self.values)

    def __str__(self) -> str:
        return str(self.reason)


class LedgerError(CodedError):
    """Something in the ledger is wrong or unusable."""


class ProofError(LedgerError):
    """An inclusion or consistency proof does not prove what it claims, or cannot be built."""


class TileError(LedgerError):
    """A tile, a tile path or an entry bundle is malformed or too short."""


class NoteError(LedgerError):
    """A signed note, a signature line or a verifier key is malformed."""


class SignatureError(NoteError):
    """A well-formed note that must not be trusted: a known key fails, or none has signed."""


class CheckpointError(LedgerError):
    """A note's text is not a checkpoint of the expected log."""


class KeyFileError(LedgerError):
    """A key file cannot be created, read or used."""


class AnchorError(LedgerError):
    """The high-water mark cannot be read or written, or contradicts what should replace it."""
