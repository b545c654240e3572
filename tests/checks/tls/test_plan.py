"""The plan of a survey against servers on paper: the truth, or inconclusive, never wrong."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.tls.hello import FIELDS
from checks.tls.lines import Answer
from checks.tls.outcomes import Inconclusive, Refused
from checks.tls.plan import MOST_QUESTIONS, Survey
from checks.tls.posture import fields_of
from checks.tls.question import Lost, Question
from checks.tls.registry import POST_QUANTUM, SUITES, Version, group_name, suite_name, suites_for
from checks.tls.wishes import Wishes, asked_for
from tests.checks.tls.paper import SILENCE, PaperServer, carry_out, curved

WITH_HELLOS = (Version.SSL3, Version.TLS10, Version.TLS11, Version.TLS12, Version.TLS13)
GOOD = frozenset({0x1301, 0x1302, 0x1303, 0xC02B, 0xC02F, 0xC02C, 0xC030})
PROFILES = {"good": GOOD, "empty": frozenset[int]()}


def survey_of(*, full: bool = False, needs: frozenset[str] | None = None) -> Survey:
    """A survey with two profiles."""
    facts = asked_for(needs, full=full)
    groups = {"curves": frozenset({23, 29})}
    wishes = Wishes(
        facts=facts, name="web.example", full=full, profiles=PROFILES, group_profiles=groups
    )
    return Survey(wishes, lambda _chain: None)


def surveyed(
    survey: Survey, server: PaperServer, dice: random.Random | None = None
) -> dict[str, object]:
    """The fields of the evidence after the whole survey."""
    carry_out(survey, server, dice=dice)
    return fields_of(survey.found, survey.wishes)


@st.composite
def servers(draw: st.DrawFn) -> PaperServer:
    """Any set of versions with any suites in any order."""
    versions = draw(st.sets(st.sampled_from(WITH_HELLOS)))
    suites: dict[Version, tuple[int, ...]] = {}
    for version in sorted(versions):
        every = suites_for(version)
        chosen = draw(st.lists(st.sampled_from(every), min_size=1, max_size=8, unique=True))
        suites[version] = tuple(chosen)
    groups = draw(st.lists(st.sampled_from((0x11EC, 29, 23, 24, 25)), min_size=1, unique=True))
    return PaperServer(
        suites=suites,
        groups=tuple(groups),
        ordered=draw(st.booleans()),
        says_version=draw(st.booleans()),
        dhe_for=draw(st.sampled_from(("all", "named", "others"))),
        compresses=draw(st.booleans()),
        alpn=draw(st.booleans()),
    )


def faulty(seed: int, share: float, lasting: bool) -> Callable[[int, Question], Answer | None]:
    """Some answers are lost, each in one of the ways in which nothing follows from it.

    `lasting`: some kinds of questions never find an answer, and the others always do.
    """
    dice = random.Random(seed)

    def fault(_count: int, question: Question) -> Answer | None:
        one = random.Random(f"{seed} {question.name}") if lasting else dice
        return one.choice(SILENCE) if one.random() < share else None

    return fault


def names(suites: Mapping[Version, tuple[int, ...]], version: Version) -> list[str]:
    """The truth about a version's suites, as names."""
    return [suite_name(code) for code in suites.get(version, ())]


@settings(max_examples=60, deadline=None)
@given(server=servers())
def test_a_full_survey_tells_the_whole_truth(server: PaperServer) -> None:
    """Versions, suites in the server's order, whose order decides, groups: exactly as they are."""
    found = surveyed(survey_of(full=True), server)
    truth = [version for version in WITH_HELLOS if accepts(server, version)]
    if not truth:
        assert found["outcome"] == "tls"
        assert "protocols" not in found
        return
    assert found["protocols"] == tuple(version.word for version in truth)
    doubts = found["inconclusive"]
    assert isinstance(doubts, tuple)
    assert all(one.endswith("no exchange on paper") for one in doubts)
    told = found["cipher_suites"]
    assert isinstance(told, dict)
    preference = found["suite_preference"]
    assert isinstance(preference, dict)
    for version in truth:
        right = names(server.suites, version)
        assert sorted(told[version.word]) == sorted(usable(server, version))
        if server.ordered and preference.get(version.word) == "server":
            assert list(told[version.word]) == [one for one in right if one in told[version.word]]
        if not server.ordered and len(told[version.word]) > 1:
            assert preference[version.word] == "client"
    if Version.TLS13 in truth and Version.TLS12 not in truth:
        assert found["groups"] == tuple(map(group_name, server.groups))


def accepts(server: PaperServer, version: Version) -> bool:
    """Whether any suite of this version can be agreed."""
    return bool(usable(server, version))


def usable(server: PaperServer, version: Version) -> list[str]:
    """The suites that can be agreed with our hellos: post-quantum groups are of TLS 1.3 alone."""
    classical = [group for group in server.groups if group not in POST_QUANTUM]
    return [
        suite_name(code)
        for code in server.suites.get(version, ())
        if version is Version.TLS13 or classical or not curved(code)
    ]


def having_dhe(server: PaperServer) -> set[str]:
    """The versions in which DHE is accepted."""
    return {
        version.word
        for version, codes in server.suites.items()
        if any(SUITES[code].exchange == "DHE" for code in codes)
    }


@settings(max_examples=120, deadline=None)
@given(
    server=servers(),
    seed=st.integers(0, 2**32),
    share=st.sampled_from((0.05, 0.3, 0.7, 1.0)),
    lasting=st.booleans(),
    full=st.booleans(),
    mixed=st.booleans(),
)
def test_lost_answers_never_become_wrong_ones(
    server: PaperServer, seed: int, share: float, lasting: bool, full: bool, mixed: bool
) -> None:
    """Whatever is lost, each defined fact is the one that holds; the rest is undefined."""
    server.fault = faulty(seed, share, lasting)
    found = surveyed(survey_of(full=full), server, random.Random(seed) if mixed else None)
    truth = [version.word for version in WITH_HELLOS if accepts(server, version)]
    if found["outcome"] != "ok":
        assert "protocols" not in found
        return
    seen = found["protocols_seen"]
    assert isinstance(seen, tuple)
    assert set(seen) <= set(truth)
    assert found.get("protocols") in (None, tuple(truth))
    assert found.get("protocol") in (None, truth[-1])
    told = found.get("cipher_suites")
    if isinstance(told, dict):
        assert set(told) == set(truth)
        for version in WITH_HELLOS:
            assert sorted(told.get(version.word, ())) == sorted(usable(server, version))
    outside = found["outside"]
    assert isinstance(outside, dict)
    every = {name for version in WITH_HELLOS for name in usable(server, version)}
    allowed = {suite_name(code) for code in GOOD}
    if "good" in outside:
        assert bool(outside["good"]) is bool(every - allowed)
        assert set(outside["good"]) <= every - allowed
    searched = found["outside_searched"]
    assert isinstance(searched, dict)
    if "good" in searched:
        assert set(outside["good"]) == every - allowed
    old = [word for word in truth if word != "TLSv1.3"]
    assert found.get("compression") in (None, bool(old) and server.compresses)
    assert found.get("alpn") in (None, ("h2",) if server.alpn else ())
    assert found.get("renegotiation") in (None, "insecure" if old else "none")
    dhe = [word for word in old if word in having_dhe(server)]
    if found.get("dhe") is not None:
        # Asked of the newest version that can have it; an older one may be seen to have it.
        assert found["dhe"] is (old[-1:] == dhe[-1:] and bool(dhe)) or (found["dhe"] and dhe)
    modern = truth[-1] == "TLSv1.3"
    quantum = modern and not set(server.groups).isdisjoint(POST_QUANTUM)
    assert found.get("post_quantum") in (None, quantum)


@settings(max_examples=60, deadline=None)
@given(server=servers(), seed=st.integers(0, 2**32), full=st.booleans())
def test_the_order_of_the_answers_changes_nothing(
    server: PaperServer, seed: int, full: bool
) -> None:
    """Two surveys of a server, their answers in different orders, give the same evidence."""
    usual = surveyed(survey_of(full=full), server)
    assert surveyed(survey_of(full=full), server, random.Random(seed)) == usual


def test_who_shows_what_to_no_name_does_not_hang_on_when_it_was_asked() -> None:
    """A server that proves itself by DHE in named fields alone does so to other names too."""
    suites = {Version.SSL3: (0x32, 0x33), Version.TLS12: (0xC052, 0xC02D)}
    server = PaperServer(suites=suites, groups=(0x11EC,), dhe_for="named")
    for seed in range(40):
        found = surveyed(survey_of(full=True), server, random.Random(seed))
        assert (found["sni_missing"], found["sni_wrong"]) == ("same-certificate",) * 2


@pytest.mark.parametrize("dhe_for", ["all", "named", "others"])
@pytest.mark.parametrize("beside", [(), (0xC02F,)])
def test_dhe_is_found_whomever_it_is_for(dhe_for: str, beside: tuple[int, ...]) -> None:
    """DHE for who lists the fields of RFC 7919, or for who does not, is accepted all the same."""
    server = PaperServer(suites={Version.TLS12: (*beside, 0x9F, 0x33)}, dhe_for=dhe_for)
    found = surveyed(survey_of(full=True), server)
    assert (found["outcome"], found["dhe"], found["dh_bits"]) == ("ok", True, 2_048)
    right = ("TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA")
    assert found["cipher_suites"]["TLSv1.2"][-2:] == right
    verdict = surveyed(survey_of(), server)
    assert (verdict["dhe"], set(verdict["outside"]["good"])) == (True, set(right))


def test_beside_tls_1_3_an_older_certificate_does_not_count_whichever_comes_first() -> None:
    """Without TLS 1.2 the certificate is that of TLS 1.3, whose key exchange is made each time."""
    server = PaperServer(suites={Version.TLS10: (0xC009,), Version.TLS13: (0x1301,)})
    for seed in range(20):
        found = surveyed(survey_of(), server, random.Random(seed))
        assert found["inconclusive"] == ("TLSv1.3 key exchange: malformed: no exchange on paper",)


@settings(max_examples=60, deadline=None)
@given(server=servers())
def test_a_verdict_decides_every_profile(server: PaperServer) -> None:
    """Outside of a profile: a list that is empty exactly when nothing else is accepted."""
    found = surveyed(survey_of(), server)
    if found["outcome"] != "ok":
        return
    every = {name for version in WITH_HELLOS for name in usable(server, version)}
    outside = found["outside"]
    assert isinstance(outside, dict)
    assert set(outside["good"]) == every - {suite_name(code) for code in GOOD}
    assert set(outside["empty"]) == every
    assert found["outside_searched"] == {"good": True, "empty": True}
    assert "cipher_suites" not in found


def test_a_verdict_of_a_good_server_needs_few_questions() -> None:
    """A server as the guidelines want it costs fewer than twenty questions."""
    suites = {Version.TLS12: (0xC02F, 0xC030), Version.TLS13: (0x1301, 0x1302, 0x1303)}
    server = PaperServer(suites=suites, groups=(0x11EC, 29, 23))
    survey = survey_of()
    assert carry_out(survey, server) < 20
    found = fields_of(survey.found, survey.wishes)
    assert found["protocols"] == ("TLSv1.2", "TLSv1.3")
    assert found["outside"] == {"good": (), "empty": found["outside"]["empty"]}
    assert found["post_quantum"] is True


def test_what_no_rule_mentions_is_not_asked() -> None:
    """Without rules on protocols or suites three questions are enough."""
    suites = {Version.TLS12: (0xC02F,), Version.TLS13: (0x1301,)}
    survey = survey_of(needs=frozenset({"trusted", "days_left"}))
    assert carry_out(survey, PaperServer(suites=suites)) == 2
    assert "protocols" not in fields_of(survey.found, survey.wishes)


def test_a_silent_server_is_not_asked_everything_thrice() -> None:
    """Where nobody speaks TLS each question is asked once or twice, and the outcome is told."""
    server = PaperServer(suites={}, fault=lambda _count, _asked: Inconclusive("closed"))
    survey = survey_of(full=True)
    assert carry_out(survey, server) < 40
    assert fields_of(survey.found, survey.wishes)["reason"] == "closed without an answer"


def test_a_server_that_takes_small_hellos_alone_is_available() -> None:
    """Large hellos fall silent, a small one is answered: outcome ok, the rest inconclusive."""

    def fault(_count: int, question: Question) -> Answer | None:
        large = question.hello is None or len(question.hello.records()) > 300
        return Inconclusive("timeout") if large else None

    server = PaperServer(suites={Version.TLS12: (0xC02F,)}, fault=fault)
    survey = survey_of()
    found = surveyed(survey, server)
    assert (found["outcome"], found["protocols_seen"]) == ("ok", ("TLSv1.2",))
    assert not {"protocols", "cipher", "compression"} & found.keys()
    assert survey.found.chain == (b"leaf",)


def test_internal_error_to_an_old_version_is_a_refusal_when_newer_ones_are_accepted() -> None:
    """OpenSSL's answer to a version whose signatures its policy forbids, twice the same."""

    def fault(_count: int, question: Question) -> Answer | None:
        old = question.hello is not None and question.hello.version < Version.TLS12
        return Inconclusive("alert internal_error") if old else None

    suites = {Version.TLS12: (0xC02F,), Version.TLS13: (0x1301,)}
    found = surveyed(survey_of(), PaperServer(suites=suites, fault=fault))
    assert found["protocols"] == ("TLSv1.2", "TLSv1.3")
    alone = surveyed(survey_of(), PaperServer(suites={}, fault=fault))
    assert alone["outcome"] == "tls"
    assert "protocols" not in alone


def test_a_lost_answer_about_a_version_that_was_decided_is_no_doubt() -> None:
    """Rare suites are asked beside the likely ones: of a refused version they say nothing more."""

    def fault(_count: int, question: Question) -> Answer | None:
        return Inconclusive("reset") if question.name.endswith(" rare") else None

    def ask_rare_first(survey: Survey) -> None:
        for asked in sorted(survey.take(), key=lambda one: not one.question.name.endswith("rare")):
            survey.answer(asked.number, server.answer(asked.question))

    server = PaperServer(suites={Version.TLS12: (0xC02F,)}, fault=fault)
    survey = survey_of()
    ask_rare_first(survey)
    found = surveyed(survey, server)
    assert (found["protocols"], found["inconclusive"]) == (("TLSv1.2",), ())


SHOWN_ANYWAY = {
    "rare suites of refused versions": (PaperServer(suites={Version.TLS12: (0xC02F,)}), " rare"),
    "DHE of whom everything is known": (PaperServer(suites={Version.TLS12: (0xC02F,)}), "dhe"),
    "post-quantum of all groups known": (
        PaperServer(suites={Version.TLS13: (0x1301,)}, groups=(29,)),
        "post-quantum",
    ),
}


@pytest.mark.parametrize("case", SHOWN_ANYWAY)
def test_a_full_survey_asks_nothing_that_it_is_shown_anyway(case: str) -> None:
    """Each question costs the server a connection; the facts are there without it."""
    server, name = SHOWN_ANYWAY[case]
    asked: list[str] = []

    def listening(_count: int, question: Question) -> None:
        asked.append(question.name)

    found = surveyed(survey_of(full=True), replace(server, fault=listening))
    assert [one for one in asked if one.endswith(name)] == []
    assert (found["dhe"], found["post_quantum"]) == (False, False)


def test_what_who_lists_the_fields_gets_says_nothing_of_who_does_not() -> None:
    """DHE for curves alone, anonymous suites for both: the suites were listed by one of them."""
    anonymous, dhe = 0x00A6, 0x009E
    named = PaperServer(suites={Version.TLS12: (anonymous,)})

    def fault(_count: int, question: Question) -> Answer | None:
        offer = question.hello
        if offer is None or set(FIELDS).isdisjoint(offer.offered_groups):
            return None
        return named.answer(question)

    server = PaperServer(suites={Version.TLS12: (anonymous, dhe)}, fault=fault)
    found = surveyed(survey_of(full=True), server)
    assert (found["dhe"], found["dh_bits"]) == (True, 2_048)


def test_two_servers_behind_one_address_are_no_suites() -> None:
    """A suite that is accepted and then refused makes the list inconclusive, not short."""
    calls = iter(range(10_000))

    def fault(_count: int, question: Question) -> Answer | None:
        return Refused(alert=40) if question.name == "TLSv1.2 suites" and next(calls) == 0 else None

    suites = {Version.TLS12: (0xC02F, 0xC030, 0x009C)}
    server = PaperServer(suites=suites, fault=fault)
    survey = survey_of(full=True)
    survey.found.seen.setdefault(Version.TLS12, set()).add(0x009C)
    found = surveyed(survey, server)
    assert "cipher_suites" not in found
    assert "TLSv1.2 suites: contradictory answers" in str(found["inconclusive"])


def test_a_server_that_accepts_everything_ends() -> None:
    """Every suite of every version and more groups than there are: bounded, and told."""
    suites = {version: suites_for(version) for version in WITH_HELLOS}
    survey = survey_of(full=True)
    assert carry_out(survey, PaperServer(suites=suites, groups=(29,))) <= MOST_QUESTIONS
    found = fields_of(survey.found, survey.wishes)
    assert "cipher_suites" not in found
    assert "too many questions" in str(found["inconclusive"])


@pytest.mark.parametrize("at", [0, 3, 12])
def test_a_survey_that_is_cut_off_says_so(at: int) -> None:
    """What is open when the time is up is inconclusive, and a late answer changes nothing."""
    server = PaperServer(suites={Version.TLS12: (0xC02F,), Version.TLS13: (0x1301,)})
    survey = survey_of()
    first = survey.take()
    for asked in first[:at]:
        survey.answer(asked.number, server.answer(asked.question))
    survey.cut("out of time")
    assert survey.finished
    for asked in first:
        survey.answer(asked.number, Lost("timeout"))
    found = fields_of(survey.found, survey.wishes)
    assert "outside" not in found or found["outside"] == {"empty": found["outside"].get("empty")}
    assert "out of time" in str(survey.found.inconclusive)
