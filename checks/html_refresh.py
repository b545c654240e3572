"""Where a refresh leads: a `meta` element or the field Refresh. Pure; source: HTML, 4.2.5.3."""

import re

_REFRESH = re.compile(
    r"\s*[\d.]+(?:(?=[;,\s])\s*[;,]?\s*(?:url\s*=\s*)?(.{0,4096}))?$",
    re.DOTALL | re.ASCII | re.IGNORECASE,
)


def refresh_target(content: str) -> str | None:
    """The reference as written, empty for the page itself; None: it is no refresh."""
    found = _REFRESH.match(content)
    if found is None:
        return None
    written = found[1] or ""
    if written[:1] in ('"', "'"):
        return written[1:].partition(written[0])[0]
    return written
