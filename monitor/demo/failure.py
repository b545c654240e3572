"""The one error of the demo."""


class DemoFailure(Exception):  # noqa: N818 - its sentence says what failed
    """The demo cannot go on; `code` is a key of the texts, `values` fill it in."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = values
