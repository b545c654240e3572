"""What header fields and files say, read as browsers read them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.html import outline
from checks.web import csp
from checks.web.closed import Answer, alike, neighbour, shown, standing
from checks.web.cookies import COOKIES_BOUND, Cookie, cookies
from checks.web.fields import content_type, fields_of, first, listed
from checks.web.forms import Seen, login, mixed
from checks.web.headers import framing, nosniff, products, referrer_policy, shows_version
from checks.web.hsts import Hsts, hsts
from checks.web.security_txt import security_txt

HEADER = st.text(st.characters(codec="latin-1"), max_size=60) | st.text(
    st.sampled_from("max-age=1;\"\\, \t'self'unsafe-inline__Host-Secure;SameSite=None"), max_size=80
)


@pytest.mark.parametrize(
    ("value", "policy"),
    [
        ("max-age=31536000", Hsts(max_age_s=31_536_000)),
        ('max-age="31536000"', Hsts(max_age_s=31_536_000)),
        ("max-age=0; includeSubDomains", Hsts(max_age_s=0, include_subdomains=True)),
        (
            "MAX-AGE = 5 ;INCLUDESUBDOMAINS; preload;",
            Hsts(max_age_s=5, include_subdomains=True, preload=True),
        ),
        (";; max-age=1 ; x=y; z", Hsts(max_age_s=1)),
        ('max-age=1; x="a;b\\"c"', Hsts(max_age_s=1)),
        ("max-age=" + "9" * 50, Hsts(max_age_s=10**12)),
        ("", Hsts(error="max-age-missing")),
        ("includeSubDomains", Hsts(error="max-age-missing")),
        ("max-age", Hsts(error="malformed")),
        ("max-age=", Hsts(error="malformed")),
        ("max-age=-1", Hsts(error="malformed")),
        ("max-age=1.5", Hsts(error="malformed")),
        ("max-age=31536000 includeSubDomains", Hsts(error="malformed")),
        ("max-age=1, max-age=2", Hsts(error="malformed")),
        ('max-age="1', Hsts(error="malformed")),
        ("max-age=1; max-age=1", Hsts(error="directive-twice")),
        ("max-age=1; includeSubDomains=true", Hsts(error="malformed")),
    ],
)
def test_hsts_is_read_by_its_grammar(value: str, policy: Hsts) -> None:
    """Quoted values, empty and unknown directives hold; what breaks the grammar is no policy."""
    assert hsts([value]) == policy


def test_the_first_hsts_field_wins() -> None:
    """A second field changes nothing, even where the first is broken; none at all is absent."""
    assert hsts(["max-age=1", "max-age=2"]).max_age_s == 1
    assert hsts(["broken=", "max-age=2"]).error == "malformed"
    assert hsts([]).error == "absent"


@given(value=HEADER)
def test_any_hsts_field_is_read(value: str) -> None:
    """Nothing raises; a valid policy has an age within its bound."""
    policy = hsts([value])
    assert policy.valid == (policy.error == "")
    assert 0 <= policy.max_age_s <= 10**12


@pytest.mark.parametrize(
    ("values", "weak"),
    [
        (["script-src 'self'"], ()),
        (["default-src 'self' *"], ("*",)),
        (["img-src *"], ("no-script-src",)),
        ([], ("no-script-src",)),
        (["script-src 'self' 'UNSAFE-INLINE' 'unsafe-eval' data:"],
         ("data:", "unsafe-eval", "unsafe-inline")),
        (["script-src 'unsafe-inline' 'nonce-abc'"], ()),
        (["script-src 'self'; script-src-elem *; script-src-attr 'unsafe-inline'"],
         ("*", "unsafe-inline")),
        (["script-src *; script-src-elem 'self'"], ()),
        (["script-src-attr 'none'"], ("*", "data:", "http:", "https:", "unsafe-eval",
                                      "unsafe-inline")),
        (["script-src 'unsafe-inline' https: 'strict-dynamic' 'nonce-abc'"], ()),
        (["script-src *; script-src 'self'"], ("*",)),
        (["script-src *, script-src 'self'"], ()),
        (["script-src * data:", "default-src data: 'unsafe-inline'"], ("data:",)),
        (["script-src 'none'; default-src *"], ()),
        (["; ;, ,"], ("no-script-src",)),
    ],
)  # fmt: skip
def test_weaknesses_of_scripts_are_found(values: list[str], weak: tuple[str, ...]) -> None:
    """A weakness must pass every policy; nonces switch inline off; the first directive counts."""
    assert csp.script_weaknesses(csp.policies(values)) == weak


@given(values=st.lists(HEADER, max_size=5))
def test_any_policy_is_read(values: list[str]) -> None:
    """Nothing raises, and one more policy never makes the whole weaker."""
    found = csp.policies(values)
    weak = set(csp.script_weaknesses(found))
    for policy in found:
        alone = set(csp.script_weaknesses([policy]))
        assert alone == {"no-script-src"} or weak <= alone
    assert csp.ancestors(found) in (None, *csp.FRAMERS)


@pytest.mark.parametrize(
    ("fields", "who"),
    [
        ([], "anyone"),
        ([("x-frame-options", "DENY")], "nobody"),
        ([("x-frame-options", "sameorigin")], "same-origin"),
        ([("x-frame-options", "SAMEORIGIN, SAMEORIGIN")], "same-origin"),
        ([("x-frame-options", "SAMEORIGIN"), ("x-frame-options", "DENY")], "nobody"),
        ([("x-frame-options", "ALLOW-FROM https://a.example")], "anyone"),
        ([("x-frame-options", "DENY"), ("content-security-policy", "frame-ancestors *")], "anyone"),
        ([("content-security-policy", "frame-ancestors 'none'")], "nobody"),
        ([("content-security-policy", "frame-ancestors")], "nobody"),
        ([("content-security-policy", "frame-ancestors 'self'")], "same-origin"),
        ([("content-security-policy", "frame-ancestors 'self' https://a.example")], "listed"),
        ([("content-security-policy", "frame-ancestors *, frame-ancestors 'self'")], "same-origin"),
        ([("content-security-policy", "default-src 'none'")], "anyone"),
    ],
)
def test_who_may_frame_a_page(fields: list[tuple[str, str]], who: str) -> None:
    """frame-ancestors comes before X-Frame-Options; ALLOW-FROM protects nobody."""
    assert framing(fields, csp.enforced(fields)) == who


@pytest.mark.parametrize(
    ("values", "is_set"),
    [
        (["nosniff"], True),
        (["NoSniff, x"], True),
        (["x", "nosniff"], False),
        (["no-sniff"], False),
        ([], False),
    ],
)
def test_nosniff_is_the_first_member(values: list[str], is_set: bool) -> None:
    """Only the first member counts, whatever its case."""
    assert nosniff([("x-content-type-options", value) for value in values]) is is_set


@pytest.mark.parametrize(
    ("values", "of_page", "policy"),
    [
        ([], "", ""),
        (["no-referrer"], "", "no-referrer"),
        (["no-referrer, strict-origin"], "", "strict-origin"),
        (["no-referrer", "Same-Origin"], "", "same-origin"),
        (["unknown"], "", ""),
        (["no-referrer, unknown"], "", "no-referrer"),
        (["no-referrer"], "always", "unsafe-url"),
    ],
)
def test_the_last_known_referrer_policy_holds(values: list[str], of_page: str, policy: str) -> None:
    """Of several words the last that is known; a meta element comes after the head."""
    assert referrer_policy([("referrer-policy", value) for value in values], of_page) == policy


@pytest.mark.parametrize(
    ("fields", "generator", "words", "version"),
    [
        ([("server", "nginx")], "", ("nginx",), False),
        ([("server", "nginx/1.22.1")], "", ("nginx",), True),
        ([("server", "Apache (Debian 12.5)")], "", ("Apache",), True),
        (
            [("server", "Apache/2 mod_ssl"), ("x-powered-by", "PHP/8.1.2")],
            "",
            ("Apache", "PHP", "mod_ssl"),
            True,
        ),
        ([("server", "Microsoft-IIS/10.0"), ("x-powered-by", "ASP.NET")], "",
         ("ASP.NET", "Microsoft-IIS"), True),
        ([("x-aspnet-version", "4.0.30319")], "", (), True),
        ([], "WordPress 6.4.2", ("WordPress",), True),
        ([("x-powered-by", "Express")], "", ("Express",), False),
        ([("x-powered-by", "PHP7.4.33"), ("server", "Apache-2.4.57")], "", ("Apache", "PHP"),
         True),
        ([("server", "Web3")], "", ("Web3",), False),
        ([], "", (), False),
    ],
)  # fmt: skip
def test_banners_are_told_without_their_versions(
    fields: list[tuple[str, str]], generator: str, words: tuple[str, ...], version: bool
) -> None:
    """The words of products, and whether a number of a version stands with them."""
    assert products(fields, generator) == words
    assert shows_version(fields, generator) is version


def cookie(name: str, **wishes: object) -> Cookie:
    """A cookie with nothing said of it."""
    plain = {"secure": False, "http_only": False, "same_site": "", "refused": False}
    return Cookie(name=name, **{**plain, **wishes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("sid=31d4; Path=/; Secure; HttpOnly; SameSite=Lax",
         cookie("sid", secure=True, http_only=True, same_site="lax")),
        (" a = b ; SECURE ;httponly=x", cookie("a", secure=True, http_only=True)),
        ("a=b; SameSite=None; SameSite=Strict", cookie("a", same_site="strict")),
        ("a=b; SameSite=None", cookie("a", same_site="none", refused=True)),
        ("a=b; SameSite=later", cookie("a")),
        ("__Host-a=b; Secure; Path=/", cookie("__Host-a", secure=True)),
        ("__Host-a=b; Secure", cookie("__Host-a", secure=True, refused=True)),
        ("__host-a=b; Secure; Path=/; Domain=x", cookie("__host-a", secure=True, refused=True)),
        ("__Secure-a=b", cookie("__Secure-a", refused=True)),
        ("just a value", cookie("")),
        ("call +62 \x9b1m\xe9=b", cookie("call\ufffd+62\ufffd\ufffd1m\ufffd")),
        ("__Host-imitated", cookie("", refused=True)),
        ("=; Secure", None),
        ("a=b; Max-Age=0", None),
        ("a=b; Max-Age=-5", None),
        ("a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("a=b; Expires=Thursday, 01-Jan-70 00:00:10 GMT", None),
        ("a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", cookie("a")),
        ("a=b; Expires=Fri, 01-Jan-27 00:00:00 GMT", cookie("a")),
        ("a=b; Expires=Fri, 01 Jan 2027 00:00:00 GMT", cookie("a")),
        ("a=b; Expires=0", cookie("a")),
        ("a=b\x01", None),
        ("a=" + "b" * 5_000, None),
    ],
)  # fmt: skip
def test_cookies_are_read_as_browsers_do(written: str, expected: Cookie | None) -> None:
    """Attributes in any case, the last counts, prefixes keep their promise, no value is kept."""
    assert cookies([written], over_tls=True) == ([expected] if expected else [])


def test_a_secure_cookie_over_plain_http_is_refused() -> None:
    """Browsers do not store it."""
    (found,) = cookies(["a=b; Secure"], over_tls=False)
    assert found.refused


@given(values=st.lists(HEADER, max_size=80), over_tls=st.booleans())
def test_any_set_cookie_is_read_within_bounds(values: list[str], over_tls: bool) -> None:
    """Nothing raises; names and their number are bounded."""
    found = cookies(values, over_tls=over_tls)
    assert len(found) <= COOKIES_BOUND
    assert all(len(one.name) <= 64 for one in found)


GOOD = b"Contact: mailto:csirt@city.example\r\nExpires: 2027-01-01T00:00:00Z\r\n"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (GOOD, ""),
        (b"\xef\xbb\xbf" + GOOD, ""),
        (
            b"# hello\n\ncontact:https://city.example/report\nEXPIRES: 2027-01-01t00:00:00.5+08:00",
            "",
        ),
        (b"Contact: tel:+1-201-555-0123\n" + GOOD + b"Unknown: x\n", ""),
        (b"Expires: 2027-01-01T00:00:00Z\n", "contact-missing"),
        (b"", "contact-missing"),
        (b"Contact: csirt@city.example\nExpires: 2027-01-01T00:00:00Z\n", "contact-no-uri"),
        (b"Contact: http://city.example\nExpires: 2027-01-01T00:00:00Z\n", "contact-no-uri"),
        (b"Contact: mailto:a@b.example\n", "expires-missing"),
        (GOOD + b"Expires: 2027-01-01T00:00:00Z\n", "expires-twice"),
        (b"Contact: mailto:a@b.example\nExpires: Thu, 31 Dec 2026\n", "expires-unreadable"),
        (b"Contact: mailto:a@b.example\nExpires: 2027-13-01T00:00:00Z\n", "expires-unreadable"),
        (GOOD + b"Preferred-Languages: id\nPreferred-Languages: en\n", "languages-twice"),
        (b"\xff" + GOOD, "not-utf-8"),
        (b"\n" * 2_000 + GOOD, "too-large"),
    ],
)
def test_a_security_txt_conforms_or_says_why_not(body: bytes, error: str) -> None:
    """The fields of RFC 9116: at least one contact that is a URI, exactly one expiry."""
    assert security_txt(body, "text/plain", "utf-8", whole=True).error == error


def test_a_security_txt_is_described_without_its_contacts() -> None:
    """Number of contacts, moment of expiry and signature are kept, and nothing of who it is."""
    signed = (
        b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n" + GOOD.replace(b"\r", b"")
        + b"-----BEGIN PGP SIGNATURE-----\nContact: x\n-----END PGP SIGNATURE-----\n"
    )  # fmt: skip
    found = security_txt(signed, "text/plain", "", whole=True)
    assert (found.error, found.contacts, found.signed) == ("", 1, True)
    assert found.expires_s == int(datetime(2027, 1, 1, tzinfo=UTC).timestamp())
    assert "csirt" not in repr(found)


def test_a_page_in_place_of_security_txt_is_none() -> None:
    """HTML is not text; a file that is cut is too large to be judged."""
    assert security_txt(GOOD, "text/html", "", whole=True).error == "not-text"
    assert security_txt(GOOD, "text/plain", "utf-16", whole=True).error == "not-utf-8"
    assert security_txt(GOOD, "text/plain", "", whole=False).error == "too-large"


@given(body=st.binary(max_size=200) | HEADER.map(lambda text: text.encode()))
def test_any_security_txt_is_read(body: bytes) -> None:
    """Nothing raises, and what conforms has an expiry and a contact."""
    found = security_txt(body, "text/plain", "", whole=True)
    assert found.error or (found.contacts and found.expires_s is not None)


def a_page(html: str, url: str = "https://www.example/login") -> Seen:
    """A page that was read to its end."""
    read = outline(html.encode(), "utf-8", url)
    return Seen(url=url, tls=url.startswith("https"), outline=read, whole=True)


ASKS = "<input type=password>"


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        (a_page(f"<form method=post>{ASKS}</form>"), ()),
        (a_page(f"<form>{ASKS}</form>"), ()),
        (a_page(f"<form method=post action=http://www.example/in?x=1>{ASKS}</form>"),
         ("action http://www.example/in",)),
        (a_page(f"<form method=post>{ASKS}</form>", "http://www.example/"),
         ("action http://www.example/", "page http://www.example/")),
        (a_page(f"<form action=javascript:send('secret')>{ASKS}</form>"), ()),
        (a_page(f"<form action=mailto:siti@www.example>{ASKS}</form>"), ("action unknown",)),
        (a_page(f"<base href=http://a.example><form method=post>{ASKS}</form>"), ()),
        (a_page(f"<form method=post action='http://u:p@www.example/in;jsessionid=1'>{ASKS}</form>"),
         ("action http://www.example/in",)),
        (a_page(f"<base href=http://a.example><form method=post action=x>{ASKS}</form>"),
         ("action http://a.example/x",)),
        (a_page(f"<form method=post>{ASKS}<button formaction=//b.example></form>"), ()),
        (a_page(f"<form method=post>{ASKS}<button formaction=http://b.example></form>"),
         ("action http://b.example",)),
        (a_page(ASKS), ()),
        (a_page("<form action=http://a.example><input></form>"), ()),
    ],
)  # fmt: skip
def test_passwords_in_the_clear_are_found(page: Seen, wrong: tuple[str, ...]) -> None:
    """A page or a target without TLS, or a password as a part of a URL."""
    assert login([page]).insecure == wrong


def test_passwords_in_urls_are_found() -> None:
    """A form that sends a password by GET; one that posts, or asks for none, is not told."""
    pages = [a_page(f"<form action=/a>{ASKS}</form><form action=/b></form>"), a_page(ASKS)]
    assert login(pages).in_url == ("https://www.example/a",)


@pytest.mark.parametrize("action", ["javascript:send('x')", "mailto:siti@www.example", "data:,x"])
def test_an_action_that_is_no_url_of_the_web_is_not_kept(action: str) -> None:
    """What a script, a letter or a text would do stands nowhere in what is told."""
    found = login([a_page(f'<form action="{action}">{ASKS}</form>')])
    assert found.pages == ("https://www.example/login",)
    assert not found.in_url
    assert action not in str(found)


def test_a_search_form_asks_for_no_password() -> None:
    """Only pages with a password field count."""
    found = login([a_page("<form><input></form>"), a_page(ASKS)])
    assert (found.pages, found.insecure) == (("https://www.example/login",), ())


def test_mixed_content_is_counted_by_what_it_can_do() -> None:
    """Scripts, styles and frames are active, pictures passive; forms are counted apart."""
    found = mixed(
        a_page(
            "<script src=http://a.example></script><link rel=stylesheet href=http://b.example>"
            "<iframe src=HTTP:\\\\c.example></iframe><img src=http://a.example/1>"
            "<img src=//d.example>"
            "<form action=http://e.example></form><a href=http://f.example>f</a>"
        ).outline
    )
    assert (found.active, found.passive, found.forms) == (3, 1, 1)
    assert found.hosts == ("a.example", "b.example", "c.example")


def answer(shown: str | None, status: int = 200, size: int = 9, **wishes: bool) -> Answer:
    """What a path was answered with."""
    return Answer(path="/x", status=status, size=size, shown=shown, **wishes)


MISSING, SOFT = answer("missing", 404), answer("soft")


@pytest.mark.parametrize(
    ("shows", "beside", "expected"),
    [
        (answer("a"), [], None),
        (answer("a"), [MISSING], "open"),
        (answer("a", 206), [MISSING], "open"),
        (answer(None), [MISSING], "open"),
        (answer("a"), [SOFT], None),
        (answer("a"), [SOFT, SOFT], "open"),
        (answer("a"), [SOFT, answer("changing")], "undecided"),
        (answer("a"), [SOFT, MISSING], "undecided"),
        (answer("a"), [SOFT, answer("a")], "closed"),
        (answer("a"), [SOFT, None], "undecided"),
        (answer("soft"), [SOFT], "closed"),
        (answer(None), [SOFT], "undecided"),
        (answer("login"), [], "closed"),
        (answer("a", has_password=True), [], "closed"),
        (answer("a", size=0), [], "closed"),
        (answer("a"), [None], "undecided"),
        (answer("a"), [answer("x", 503)], "undecided"),
        (answer("a", 302), [], "closed"),
        (answer("a", 401), [], "closed"),
        (answer("a", 403), [], "closed"),
        (answer("a", 404), [], "closed"),
        (answer("a", 429), [], "undecided"),
        (answer("a", 500), [], "undecided"),
        (None, [], "undecided"),
    ],
)
def test_a_path_is_open_closed_or_undecided(
    shows: Answer | None, beside: list[Answer | None], expected: str | None
) -> None:
    """Open is a success with content that is neither a login page nor the answer to anything."""
    assert standing(shows, beside, [answer("login")]) == expected


@pytest.mark.parametrize(
    ("path", "beside"),
    [
        ("/.env", "/x"),
        ("/.git/HEAD", "/.git/x"),
        ("/backup/", "/x/"),
        ("/a/b.tar.gz", "/a/x.gz"),
        ("/a.php?q=b.c", "/x.php"),
        ("/", "/x/"),
    ],
)
def test_a_neighbour_stands_in_the_same_folder(path: str, beside: str) -> None:
    """It has the same ending; a name that begins with a dot has none."""
    assert neighbour(path, "x") == beside


def test_pages_are_alike_but_for_what_varies() -> None:
    """The path itself, numbers and identifiers do not make two pages; other words do."""

    def of(path: str, text: str) -> Answer:
        body = f"<title>Oops</title><p>{text}".encode()
        read = outline(body, "", "https://www.example/")
        return Answer(path=path, status=200, size=9, shown=shown(body, read))

    one = of("/a b/", "Nothing at /a b/ (request 1f3a9c, 12:30)")
    assert alike(one, of("/c", "Nothing at /c (request 99ab77ee, 8:05)"))
    assert not alike(one, of("/c", "Index of /c (request 99ab77ee, 8:05)"))
    assert alike(of("/old/site", "No site"), of("/d41d8cd98f00", "No d41d8cd98f00"))
    # A part of the path may stand in the text of every page.
    text = "Pelayanan administrasi kependudukan"
    assert alike(of("/admin/", text), of("/d41d8cd98f00d41d/", text))


def test_what_is_no_html_is_compared_by_all_of_it() -> None:
    """An interface that answers anything with its path and the time opens nothing."""

    def of(path: str, body: bytes) -> Answer:
        return Answer(path=path, status=200, size=9, shown=shown(body, None))

    said = b'{"path":"\\/%s","at":1795600%d,"error":"none such"}'
    assert alike(of("/.env", said % (b".env", 1)), of("/0a1b2c", said % (b"0a1b2c", 2)))
    assert not alike(of("/.env", b"KEY=\x01"), of("/0a1b2c", said % (b"0a1b2c", 2)))
    assert alike(of("/a", b"\x01"), Answer(path="/b", status=200, size=9, shown=None)) is None


def test_fields_are_read_in_order() -> None:
    """Names in any case, bytes as ISO-8859-1, lists over several fields."""
    fields = fields_of([(b"A", b"1, 2"), (b"b", b"\xe9"), (b"a", b",3")])
    assert (first(fields, "a"), listed(fields, "a")) == ("1, 2", ["1", "2", "3"])
    assert (first(fields, "b"), first(fields, "c")) == ("é", None)
    assert content_type([("content-type", 'Text/HTML; a=b; Charset="UTF-8"')]) == (
        "text/html",
        "utf-8",
    )
    assert content_type([]) == ("", "")
