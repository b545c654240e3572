"""The outline of a page: what it asks a browser to do, however its bytes are written."""

import time
from html import escape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.html import HOSTS_BOUND, TEXT_BOUND, Outline, Outliner, Resource, outline
from checks.html_charset import decoded
from checks.html_form import FORMS_BOUND
from checks.html_reference import reference
from checks.html_tokens import Tag, Text, tokens, unescaped

BASE = "https://www.example/a/page?q=1"

PAGE = """<!DOCTYPE html><html><head><meta charset=utf-8>
<title> Kota &amp;
 Kupang </title><!-- <script src=//hidden.example></script> -->
<meta http-equiv="Refresh" content="5; url=/next?token=1">
<META HTTP-EQUIV=content-security-policy CONTENT="script-src 'self'">
<meta name=referrer content=no-referrer><meta name="generator" content="Wordpress 6.1">
<link rel="stylesheet" href="http://css.example/a.css"><link rel=icon href=/i.ico>
<link rel=canonical href=http://not-loaded.example/>
<script src="//cdn.example/x.js"></script><script>if (a < b)
{ "<img src=http://no.example>" }</script>
</head><body><h1>Sela<b>mat</b></h1><p>da&#116;ang</p><style>p { color: red }</style>
<a href="http://Other.Example:8080/x">x</a><a href=/y>y</a><a href="mailto:a@b.example">m</a>
<img src='http://img.example/1.png' srcset="http://img.example/2.png 2x, /3.png 3x">
<video src=https://v.example/v poster=p.png></video><iframe src=http://frame.example></iframe>
<form action="/login?x=1" method=POST><input name=u><input type=PassWord></form>
<form><button formaction="http://other.example/search">s</button></form>
</body></html>"""


def seen(page: str, **wishes: Any) -> Outline:
    """The outline of a page that is written in UTF-8."""
    return outline(page.encode(), wishes.get("charset", "utf-8"), wishes.get("base", BASE))


def test_a_page_is_outlined() -> None:
    """Title, text, hosts, forms, resources and meta elements of an ordinary page are told."""
    found = seen(PAGE)
    assert found.title == "Kota & Kupang"
    assert found.text == "Selamat datang xym s"
    assert found.link_hosts == ("other.example", "www.example")
    assert found.script_hosts == ("cdn.example",)
    assert found.inline_scripts == 1
    assert found.refresh == "https://www.example/next"
    assert found.csp == ("script-src 'self'",)
    assert (found.referrer, found.generator) == ("no-referrer", "Wordpress 6.1")
    assert not found.cut


def test_forms_are_told_with_where_they_send() -> None:
    """Each target of a form has its URL without query, its scheme, its method and its password."""
    login, search, button = seen(PAGE).forms
    assert (login.action, login.scheme) == ("https://www.example/login", "https")
    assert (login.method, login.has_password) == ("post", True)
    assert (search.action, search.method) == ("https://www.example/a/page", "get")
    assert (button.action, button.scheme) == ("http://other.example/search", "http")
    assert not button.has_password


def test_resources_are_counted_by_kind_scheme_and_host() -> None:
    """What a browser loads is counted; what it does not load, or what is hidden, is not."""
    assert {(r.kind, r.scheme, r.host): r.count for r in seen(PAGE).resources} == {
        ("style", "http", "css.example"): 1,
        ("icon", "https", "www.example"): 1,
        ("script", "https", "cdn.example"): 1,
        ("image", "http", "img.example"): 2,
        ("image", "https", "www.example"): 2,
        ("media", "https", "v.example"): 1,
        ("frame", "http", "frame.example"): 1,
    }


def test_a_base_element_moves_what_follows() -> None:
    """The first base with an address is what later references are relative to."""
    found = seen("<base href=http://b.example/d/><base href=//c.example><img src=x><form action=y>")
    assert found.resources == (Resource(kind="image", scheme="http", host="b.example", count=1),)
    assert found.forms[0].action == "http://b.example/d/y"


def test_an_empty_action_is_the_page_itself() -> None:
    """A base moves an action, and neither an empty nor a missing one."""
    for written in ("<form>", "<form action=''>", "<form action=x><button formaction=''>"):
        form = seen(f"<base href=http://b.example/d/>{written}").forms[-1]
        assert (form.action, form.scheme) == ("https://www.example/a/page", "https")


def test_a_field_belongs_to_the_form_that_it_names() -> None:
    """A password or a button outside a form, or in another one, may be of a form elsewhere."""
    page = (
        "<input type=password form=in><form id=in action=http://b.example method=post></form>"
        "<form action=/c><button form=in formaction=/d><input type=password form=gone></form>"
    )
    assert [(form.action, form.method, form.has_password) for form in seen(page).forms] == [
        ("http://b.example", "post", True),
        ("https://www.example/d", "post", True),
        ("https://www.example/c", "get", False),
        (None, "", True),
    ]


def test_a_script_as_action_is_no_action() -> None:
    """Of `javascript:` neither text nor target is told: a script sends the form somewhere."""
    (form,) = seen("<form action=\"javascript:send('word')\"><input type=password>").forms
    assert (form.action, form.scheme, form.method, form.has_password) == (None, "", "", True)


@pytest.mark.parametrize(
    ("content", "leads_to"),
    [
        ("5", "https://www.example/a/page"),
        ("0; url=/x?token=1", "https://www.example/x"),
        ("0 url=//b.example", "https://b.example"),
        (".5,//b.example", "https://b.example"),
        ("0; URL = '//b.example/x' rest", "https://b.example/x"),
        ('0;url="//b.example', "https://b.example"),
        ("0; https://u:p@b.example/x;jsessionid=1", "https://b.example/x"),
        ("x; url=//b.example", None),
        ("0x url=//b.example", None),
    ],
)
def test_a_refresh_leads_where_a_browser_goes(content: str, leads_to: str | None) -> None:
    """With semicolon, comma or space, with quotes or without, relative to the page."""
    assert seen(f"<meta http-equiv=refresh content='{escape(content)}'>").refresh == leads_to


def test_a_shadow_root_is_shown_and_a_template_is_not() -> None:
    """Text of a template is hidden, unless browsers make a shadow root of it."""
    page = (
        "<template>a<template shadowrootmode=open>b</template>c</template>d"
        "<p><template ShadowRootMode=Closed>e<template>f</template>g</template>h</template>i"
    )
    assert seen(page).text == "d e g h i"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<svg><style/></svg>a<style>b</style>", "a"),
        ("<svg><title/><text>a</text></svg>b", "a b"),
        ("<svg><script href=//s.example/x.js /></svg>a<script></script>", "a"),
        ("<svg><style>b<p>a</p></style></svg>", "a"),
        ("<svg><template><p>a", "a"),
        ("<svg><style>b</style><title>b</title><desc>b</svg>a", "a"),
        ("<svg><svg><style>b</svg>a</svg><style>b</style>c", "a c"),
        ("<svg/><style>b</style>a", "a"),
        ("<math><style></p><style>b</style>a", "a"),
        ("<svg><font color=x><style>b<p>b</style>a", "a"),
        ("<style/>b</style>a", "a"),
        ("<script src=x/>b</script>a", "a"),
    ],
)
def test_svg_hides_no_more_than_it_does_in_a_browser(page: str, text: str) -> None:
    """A tag closes itself in SVG and not in HTML; a paragraph ends it, and its style with it."""
    assert seen(page).text == text
    assert not seen(page).title


def test_a_page_within_the_page_is_read() -> None:
    """The text of a frame's srcdoc is shown, so it is text."""
    page = "a<iframe srcdoc='&lt;p>slot &amp;amp; gacor&lt;/p>'></iframe>b"
    assert seen(page).text == "a slot & gacor b"
    assert seen(f"<template>{page}</template>").text == ""


def test_references_of_svg_are_seen() -> None:
    """Links and scripts may stand in href of another name."""
    found = seen("<svg><a xlink:href=//a.example>x</a><script href=//s.example/x.js /></svg>")
    assert (found.link_hosts, found.script_hosts) == (("a.example",), ("s.example",))


@pytest.mark.parametrize("element", ["noscript", "template"])
def test_what_scripts_replace_governs_nothing(element: str) -> None:
    """Neither base, policy nor refresh is taken from there by a browser."""
    found = seen(
        f"<{element}><base href=//x.example/><meta http-equiv=refresh content='0;//x.example'>"
        f"<meta http-equiv=content-security-policy content=x></{element}><img src=y>"
    )
    assert found.resources[0].host == "www.example"
    assert (found.refresh, found.csp) == (None, ())


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<noscript><style></noscript>a</style>", "a"),
        ("<noscript><!-- </noscript>a", "a"),
        ("<noscript><template>b</noscript></template>a", "a"),
        ("<noscript>a<noscript>b</noscript>c", "a b c"),
        ("<noscript>a", "a"),
        ("<noscript><template></noscript>a", "a"),
        ("<noscript>" * 5_000 + "a", "a"),
    ],
)
def test_what_stands_in_noscript_hides_nothing_behind_it(page: str, text: str) -> None:
    """Its text is read, for some visitors have no scripts; it ends at its own end tag."""
    assert seen(page).text == text


@pytest.mark.parametrize("element", ["noscript", "template"])
def test_a_form_that_stands_apart_hides_no_other(element: str) -> None:
    """One left open there is not the one that a field after it belongs to."""
    page = f"<{element}><form action=/a></{element}><form action=http://b.example>"
    forms = seen(f"{page}<input type=password>").forms
    assert [(form.action, form.has_password) for form in forms] == [
        ("https://www.example/a", False),
        ("http://b.example", True),
    ]


def test_a_password_outside_any_form_is_seen() -> None:
    """A password field without a form has no action: a script sends it."""
    (form,) = seen("<div><input type=password></div>").forms
    assert (form.action, form.scheme, form.has_password) == (None, "", True)


@pytest.mark.parametrize(
    "page",
    [
        "<title>no end",
        "<script>no end <img src=http://x.example>",
        "<!-- no end <img src=http://x.example>",
        "<img src='http://x.example",
        "<img src='http://x.example><img src=http://y.example>",
        "<img src=http://x.example",
        "<template>unseen</template>",
        "<script></scripty <img src=http://x.example>",
        "<textarea><img src=http://x.example></textarea>",
    ],
)
def test_what_is_not_closed_reaches_to_the_end(page: str) -> None:
    """What a browser takes for text, for a comment or for nothing loads nothing here either."""
    assert seen(page).resources == ()


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ("/x", ("https", "www.example")),
        ("x:y", ("x", "")),
        ("//a.example/x", ("https", "a.example")),
        ("\\\\a.example\\x", ("https", "a.example")),
        ("/\\a.example", ("https", "a.example")),
        (" \n HT\tTP://u:p@A.example:80/?x@y", ("http", "a.example")),
        ("http:a.example", ("http", "a.example")),
        ("https:a", ("https", "www.example")),
        ("http://[2001:db8::1]:80/", ("http", "2001:db8::1")),
        ("javascript:alert(1)", ("javascript", "")),
        ("data:text/html,http://x", ("data", "")),
        ("", ("https", "www.example")),
        ("//a\x1b[1m.example", ("", "")),
        ("//call +62 now", ("", "")),
        ("//<b>a</b>.example", ("", "")),
        ("http://[x](y)", ("", "")),
        ("http://", ("", "")),
        ("//ju%64i.example", ("https", "judi.example")),
        ("//\uff4a\uff55\uff44\uff49\u3002example", ("https", "judi.example")),
        ("//a%20b.example", ("", "")),
        ("//m\u00fcnchen.example", ("https", "m\u00fcnchen.example")),
    ],
)
def test_references_lead_where_a_browser_goes(written: str, where: tuple[str, str]) -> None:
    """Scheme and host as browsers read them, backslashes, stray spaces and credentials included."""
    assert reference(written, "https", "www.example") == where


@pytest.mark.parametrize(
    ("page", "charset", "text"),
    [
        ("é".encode(), "", "é"),
        ("été".encode("latin-1"), "", "été"),
        ("é".encode("latin-1"), "ISO-8859-1", "é"),
        ("é".encode("utf-16"), "iso-8859-1", "é"),
        (b"\xef\xbb\xbf\xc3\xa9", "koi8-r", "é"),
        ("<meta charset=koi8-r>й".encode("koi8-r"), "", "<meta charset=koi8-r>й"),
        (b"<meta charset=utf-16>\xc3\xa9", "", "<meta charset=utf-16>é"),
        (b"abc-", "punycode", "abc-"),
        (b"a\xc3", "", "a\ufffd"),
        (b"\xff\xfe\x00", "", "\ufffd"),
        (b"a\x00\x81", "windows-1252", "a\ufffd\ufffd"),
        ("国".encode("gb18030") * 20_000, "gbk", "国" * 20_000),
    ],
)
def test_the_character_set_is_found(page: bytes, charset: str, text: str) -> None:
    """Mark, reply, page, UTF-8, Windows-1252, in that order; other codecs are not used."""
    assert decoded(page, charset) == text


def test_a_number_of_thousands_of_digits_is_no_character() -> None:
    """A character reference that no integer may be made of is replaced."""
    assert unescaped("a&#" + "1" * 10_000 + ";&lt;") == "a\ufffd<"


@pytest.mark.parametrize(
    "page",
    [
        "&#1;" * 20_000,
        "<p>".join(["&notin;" * 200] * 50),
        "<a " + " ".join(f'b{n}="{"&amp;" * 400}"' for n in range(40)) + ">",
        "<textarea>" + "&amp;" * 16_000,
    ],
)
def test_what_has_to_be_resolved_takes_its_turns(page: str) -> None:
    """References cost time where they are resolved: no step holds more than a few KiB of them."""
    turns = sum(1 for _ in tokens(page))
    assert turns > len(page) / 200


def test_a_text_is_not_cut_within_a_reference() -> None:
    """Long texts come in pieces, and every reference by name is whole in one of them."""
    page = "x" + "&CounterClockwiseContourIntegral;" * 1_000
    assert seen(page).text == "x" + "\u2233" * 1_000


def test_bounds_are_told() -> None:
    """Too much text, too many hosts or forms: what is left out is said."""
    for page in (
        "<p>" + "a " * TEXT_BOUND,
        "".join(f"<img src=//{n}.example>" for n in range(HOSTS_BOUND + 1)),
        "".join(f"<a href=//{n}.example>" for n in range(HOSTS_BOUND + 1)),
        "<form></form>" * (FORMS_BOUND + 1),
    ):
        found = seen(page)
        assert found.cut
        assert len(found.text) <= TEXT_BOUND
        assert max(len(found.resources), len(found.link_hosts), len(found.forms)) <= HOSTS_BOUND


_PIECES = (
    *(
        "<",
        "</",
        "<!",
        "<!--",
        "-->",
        "<a",
        "<script",
        "</script",
        "<title>",
        "<template>",
        "<base",
    ),
    *(
        "href=",
        "src='http://x.example'",
        '"',
        "'",
        ">",
        "=",
        "&",
        "&#1;",
        "href=//",
        "[",
        "\\",
        " ",
    ),
    *(
        "<form",
        "action=//y>",
        "</form>",
        "<input",
        "type=password",
        "\x00",
        "é",
        "\ud800",
        "<base",
        "href=//",
    ),
    *("<meta", "http-equiv=refresh", "content='0;url=x'"),
)
FRAGMENTS = st.lists(st.sampled_from(_PIECES) | st.text(max_size=5), max_size=60)


@given(pieces=FRAGMENTS)
def test_any_page_has_one_outline(pieces: list[str]) -> None:
    """Whatever is written, nothing raises, steps end, and the same page gives the same outline."""
    page = " ".join(pieces).encode("utf-8", "surrogatepass")
    outliner, steps = Outliner(page, "", BASE), 0
    while not outliner.step():
        steps += 1
        assert steps <= len(page) + 2
    assert outliner.outline() == outline(page, "", BASE)


@given(pieces=FRAGMENTS)
def test_tokens_hold_no_more_than_the_page(pieces: list[str]) -> None:
    """Texts are pieces of the page in its order, and there are no more tokens than characters."""
    page = "".join(pieces)
    found, at = list(tokens(page)), 0
    assert len(found) <= len(page)
    for token in found:
        if isinstance(token, Text):
            at = page.index(token.written, at) + len(token.written)
        elif isinstance(token, Tag):
            assert token.name == token.name.lower()


@given(page=st.binary(max_size=300), charset=st.sampled_from(["", "utf-8", "gbk", "big5", "x"]))
def test_any_bytes_are_text(page: bytes, charset: str) -> None:
    """Nothing raises, and there is neither NUL nor half a character in what was read."""
    text = decoded(page, charset)
    assert "\0" not in text
    text.encode()


HOSTILE = (
    "<!--", "<a", "</", "<!", "<a x='", "<a b ", "<script></", "&", "<a =", "<a b=", "<a a\"'",
    "<title>", "<img srcset='" + "," * 900 + "'>", "<form action='" + "../" * 600 + "'></form>",
)  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_the_work_grows_with_the_page_and_no_faster(unit: str) -> None:
    """Eight times as much of what makes a parser start anew costs far less than 64 times."""

    def cost(size: int) -> float:
        page = (unit * (size // len(unit) + 1))[:size].encode()
        return min(_spent(page) for _ in range(3))

    assert cost(131_072) < 30 * max(cost(16_384), 0.000_2)


def _spent(page: bytes) -> float:
    since = time.process_time()
    outline(page, "", BASE)
    return time.process_time() - since
