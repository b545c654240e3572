"""A URL as it is kept: without what may be a secret or name a person. Pure.

Dropped are query and fragment (tokens of a login come back in either), user name and password, and
what servers put into a path instead of a cookie: parameters such as `;jsessionid=` (RFC 3986, 3.3)
and the `/(S(…))/` of ASP.NET.
"""

import re

from checks.html_reference import printable

_TAIL = re.compile(r"[?#]")
_PERSON = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,})[^/\\]*@")
_PARAMETER = re.compile(r";[^/]*")
_COOKIELESS = re.compile(r"/\((?:[A-Za-z]\([^()/]*\)){1,8}\)(?=/|$)")


def shown_url(url: str) -> str:
    """The URL or reference without query, fragment, credentials and sessions in its path.

    What cannot be seen is U+FFFD.
    """
    kept = _PERSON.sub(r"\1", _TAIL.split(url, maxsplit=1)[0], count=1)
    if ";" in kept:
        kept = _PARAMETER.sub("", kept)
    if "/(" in kept:
        kept = _COOKIELESS.sub("", kept)
    return printable(kept)
