"""What is wrong with a policy: codes and values, turned into sentences only when shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from monitor.text import Language, say


class ExpressionError(ValueError):
    """An expression that cannot be loaded; line and column are inside it, from 1."""

    def __init__(self, code: str, line: int = 1, column: int = 1, /, **values: str) -> None:
        super().__init__(code)
        self.code = code
        self.line = line
        self.column = column
        self.values = values

    @property
    def message(self) -> str:
        """The English sentence."""
        return self.sentence("en")

    def sentence(self, lang: Language) -> str:
        """What is wrong and what to do."""
        return say(f"policies.{self.code}", lang, **self.values)

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyError:
    """One mistake in a policy, where it stands, and how to say it.

    `path` leads from the policy's top to the field, as in `("rules", 0, "require")`; `line`
    and `column` are inside that field's text, from 1, or 0 when the field as a whole is meant.
    """

    policy: str
    rule: str
    path: tuple[str | int, ...]
    code: str
    values: Mapping[str, str] = field(default_factory=dict)
    line: int = 0
    column: int = 0

    @property
    def field(self) -> str:
        """The name of the field."""
        return next((str(part) for part in reversed(self.path) if isinstance(part, str)), "")

    def sentence(self, lang: Language) -> str:
        """What is wrong and what to do."""
        return say(f"policies.{self.code}", lang, **self.values)


class PolicyErrors(ValueError):  # noqa: N818 – it carries several
    """Every mistake of one policy, in the order of the file."""

    def __init__(self, errors: Sequence[PolicyError]) -> None:
        super().__init__(f"{len(errors)} errors")
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "\n".join(
            f"{error.policy}/{error.rule}: {error.field}: {error.sentence('en')}"
            for error in self.errors
        )
