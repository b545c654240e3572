"""The tls check surveys real servers on loopback: what it says is what they do."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest

from checks.base import Assignment, Probe
from checks.tls import check as tls
from checks.tls.settings import TlsSettings
from checks.tls.visit import Visit
from monitor.model import Family, FaultKind
from tests.checks.harness import assignment, facts, fault, gather, net_of, observe, run
from tests.checks.tls.wire_peers import make_certificate, openssl_server
from tests.lab.certificates import Authority, Leaf
from tests.lab.tlsserver import StreamServer, Talk, saying, shaking, tls_server, until_closed

AUTHORITY = Authority.new()
NAME = "web.example"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where key.pem and cert.pem of an RSA server are."""
    made = tmp_path_factory.mktemp("survey")
    make_certificate(made)
    return made


def look(port: int, **wishes: Any) -> dict[str, Any]:
    """The facts of one probe."""
    settings = TlsSettings(host="127.0.0.1", port=port, server_name=NAME, **wishes)

    async def scenario() -> dict[str, Any]:
        return facts(await observe(tls.KIND, settings))

    return asyncio.run(asyncio.wait_for(scenario(), 60))


def context(leaf: Leaf | None = None, *, newest: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    """A server's context for the name."""
    made = (leaf or AUTHORITY.issue(NAME)).context()
    if newest is not None:
        made.maximum_version = newest
    return made


def test_suites_stand_in_the_servers_order(folder: Path) -> None:
    """Each accepted suite of TLS 1.2, as the server prefers them, and that it does."""
    order = "AES256-SHA:ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384"
    options = ("-tls1_2", "-serverpref", "-cipher", f"{order}:@SECLEVEL=0")
    with openssl_server(folder, *options) as port:
        found = look(port, mode="full")
    assert found["protocols"] == ["TLSv1.2"]
    assert found["cipher_suites"] == {
        "TLSv1.2": [
            "TLS_RSA_WITH_AES_256_CBC_SHA",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
        ]
    }
    assert found["suite_preference"] == {"TLSv1.2": "server"}
    assert found["outside"]["rfc9325"] == [
        "TLS_RSA_WITH_AES_256_CBC_SHA",
        "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
    ]
    assert (found["dhe"], found["post_quantum"], found["renegotiation"]) == (True, False, "secure")
    assert found["dh_bits"] >= 1_024
    assert found["inconclusive"] == []


def test_a_server_of_tls_1_3_alone_shows_its_certificate(folder: Path) -> None:
    """What is encrypted there is seen through one whole key exchange."""
    options = ("-tls1_3", "-groups", "X448:P-384", "-alpn", "http/1.1")
    with openssl_server(folder, *options) as port:
        found = look(port, mode="full")
    assert found["protocols"] == ["TLSv1.3"]
    assert found["groups"] == ["x448", "secp384r1"]
    assert found["chain"][0]["subject"] == "CN=web.example"
    assert (found["renegotiation"], found["client_renegotiation"]) == ("none", False)
    assert (found["dhe"], found["compression"]) == (False, False)
    assert found["alpn"] == ["http/1.1"]
    assert found["client_certificate"] == "no"
    assert (found["sni_missing"], found["sni_wrong"]) == ("same-certificate",) * 2
    assert found["inconclusive"] == []


def test_old_versions_are_found_and_looked_at_closely(folder: Path) -> None:
    """A first verdict that shows TLS 1.0 becomes a full survey at once."""
    with openssl_server(folder, "-no_tls1_3") as port:
        found = look(port, needs=frozenset({"protocols"}))
    assert found["protocols"] == ["TLSv1.0", "TLSv1.1", "TLSv1.2"]
    assert found["mode"] == "full"
    assert "TLS_RSA_WITH_AES_128_CBC_SHA" in found["cipher_suites"]["TLSv1.0"]


def test_early_data_and_required_certificates_are_seen(folder: Path) -> None:
    """Tickets that allow early data; a client's certificate without which nobody goes on."""
    with openssl_server(folder, "-early_data", "-max_early_data", "100") as port:
        assert look(port, needs=frozenset({"early_data"}))["early_data"] is True
    with openssl_server(folder, "-Verify", "1") as port:
        found = look(port, needs=frozenset({"client_certificate"}))
        assert found["client_certificate"] == "required"


def test_only_what_rules_mention_is_asked() -> None:
    """A rule on the certificate alone costs two connections, the usual verdict at most twenty."""

    async def scenario() -> None:
        async with tls_server(context()) as server:
            found = {}
            for needs in (frozenset({"trusted"}), None):
                wish = TlsSettings(host="127.0.0.1", port=server.port, needs=needs)
                found[needs] = facts(await observe(tls.KIND, wish))
        assert found[frozenset({"trusted"})]["connections"] == 2
        assert "protocols" not in found[frozenset({"trusted"})]
        assert found[None]["protocols"] == ["TLSv1.2", "TLSv1.3"]

    run(scenario)


def test_a_change_is_looked_at_closely() -> None:
    """The same verdict twice is no change; another certificate makes the survey a full one."""
    leaves = [AUTHORITY.issue(NAME), AUTHORITY.issue(NAME)]
    needs = frozenset({"trusted", "hostname_matches"})

    async def scenario() -> None:
        prober = tls.KIND.prober(net_of())
        modes = []
        talks = [shaking(leaf.context()) for leaf in leaves]
        current = [talks[0]]

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await current[0](reader, writer)

        async with StreamServer(talk) as server:
            wish = TlsSettings(host="127.0.0.1", port=server.port, server_name=NAME, needs=needs)
            series = assignment(tls.KIND, wish, Family.IPV4)
            for number in (0, 0, 1, 1):
                current[0] = talks[number]
                modes.append(facts((await gather(prober, [series]))[0])["mode"])
        await prober.close()
        assert modes == ["verdict", "verdict", "full", "verdict"]

    run(scenario)


def crowded(talk: Talk, most: int) -> tuple[Talk, list[int]]:
    """The talk, but whoever comes when `most` are there already is turned away; how many were."""
    here: list[int] = []
    counts: list[int] = []

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here.append(1)
        counts.append(len(here))
        try:
            if len(here) <= most:
                await talk(reader, writer)
        finally:
            here.pop()

    return guarded, counts


def test_a_crowded_server_is_asked_again_with_patience() -> None:
    """A server that turns away all but two at once is surveyed all the same, and rightly."""

    async def scenario() -> None:
        talk, counts = crowded(shaking(context()), 2)
        async with StreamServer(talk) as server:
            wish = TlsSettings(host="127.0.0.1", port=server.port, at_once=4)
            found = facts(await observe(tls.KIND, wish))
        assert max(counts) <= 4
        assert found["outcome"] == "ok"
        assert found.get("protocols") in (["TLSv1.2", "TLSv1.3"], None)
        assert set(found["protocols_seen"]) <= {"TLSv1.2", "TLSv1.3"}
        assert "protocols" in found or found["inconclusive"]

    run(scenario)


def test_targets_at_one_address_share_its_bound() -> None:
    """Ten targets at once: never more connections there than one target may have."""

    async def scenario() -> None:
        talk, counts = crowded(shaking(context()), 1_000)
        async with StreamServer(talk) as server:
            series = [
                Assignment(
                    target=f"t{number}",
                    check="tls",
                    family=Family.IPV4,
                    settings=TlsSettings(host="127.0.0.1", port=server.port, at_once=3),
                )
                for number in range(10)
            ]
            prober = tls.KIND.prober(net_of())
            outcomes = await gather(prober, series)
            await prober.close()
        assert all(facts(one)["protocols"] == ["TLSv1.2", "TLSv1.3"] for one in outcomes)
        # The server may still count one that has been closed a moment ago.
        assert max(counts) <= 3 + 3

    run(scenario)


def test_a_server_without_alerts_refuses_nothing_for_certain() -> None:
    """asyncio's TLS closes where others say why: what is accepted is seen, the rest is not told."""

    async def scenario() -> None:
        async with StreamServer(until_closed, tls=context()) as server:
            wish = TlsSettings(host="127.0.0.1", port=server.port, needs=frozenset({"protocols"}))
            found = facts(await observe(tls.KIND, wish))
        assert found["outcome"] == "ok"
        assert found["protocols_seen"] == ["TLSv1.2", "TLSv1.3"]
        assert "protocols" not in found
        assert "SSLv3: closed" in found["inconclusive"]

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_every_address_of_a_name_is_compared() -> None:
    """Two addresses that speak different versions differ, and that is told by address and fact."""

    async def scenario() -> None:
        async with tls_server(context()) as one:
            old = StreamServer(shaking(context(newest=ssl.TLSVersion.TLSv1_2)), address="127.0.0.2")
            old._server = await asyncio.start_server(old._serve, "127.0.0.2", one.port)
            names = {NAME: ["127.0.0.1", "127.0.0.2"]}
            wish = TlsSettings(
                host=NAME, port=one.port, addresses="all", needs=frozenset({"protocols"})
            )
            found = facts(await observe(tls.KIND, wish, net_of(names)))
            await old.__aexit__()
        assert found["server_address"] == "127.0.0.1"
        assert "127.0.0.2: protocols" in found["addresses_differ"]
        assert found["protocols"] == ["TLSv1.2", "TLSv1.3"]

    asyncio.run(asyncio.wait_for(scenario(), 20))


def test_a_profile_of_ones_own_is_asked_for_without_a_rule() -> None:
    """What the operator wrote down appears in `outside`; a name that is no suite is refused."""
    own = {"ours": ("TLS_AES_128_GCM_SHA256",)}

    async def scenario() -> None:
        async with tls_server(context()) as server:
            wish = TlsSettings(
                host="127.0.0.1", port=server.port, profiles=own, needs=frozenset({"trusted"})
            )
            found = facts(await observe(tls.KIND, wish))
        assert "TLS_AES_256_GCM_SHA384" in found["outside"]["ours"]

    asyncio.run(asyncio.wait_for(scenario(), 20))
    with pytest.raises(ValueError, match="TLS_NOPE"):
        TlsSettings(host="127.0.0.1", profiles={"ours": ("TLS_NOPE",)})


def test_a_defect_of_ours_is_a_fault_of_that_probe_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What our own code raises while it reads an answer is told as a fault, at once."""

    def broken(*_: object, **__: object) -> dict[str, Any]:
        raise RuntimeError("broken")

    async def scenario() -> None:
        async with tls_server(context()) as server:
            wish = TlsSettings(host="127.0.0.1", port=server.port)
            for where in ("checks.tls.check.certificate_facts", "checks.tls.visit.Visit._note"):
                with monkeypatch.context() as patch:
                    patch.setattr(where, broken)
                    outcome = await observe(tls.KIND, wish)
                told = fault(outcome)
                assert told.kind is FaultKind.INTERNAL
                assert told.message == "defect: RuntimeError: broken"
                assert outcome.elapsed_us < wish.timeout

    run(scenario)


def test_a_question_that_cannot_be_made_keeps_no_place_at_the_door(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After a defect of ours the next probe of that address has its turn as before."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("broken")

    async def scenario() -> None:
        async with tls_server(context()) as server:
            wish = TlsSettings(host="127.0.0.1", port=server.port, at_once=1)
            series = [assignment(tls.KIND, wish, Family.IPV4)]
            prober = tls.KIND.prober(net_of())
            with monkeypatch.context() as patch:
                patch.setattr("checks.tls.visit.Asking", broken)
                (outcome,) = await gather(prober, series)
                assert fault(outcome).kind is FaultKind.INTERNAL
            (outcome,) = await gather(prober, series)
            assert facts(outcome)["outcome"] == "ok"
            await prober.close()

    run(scenario)


def test_a_defect_in_ones_turn_is_no_fault_of_who_gave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turns at an address are given from within another's survey, which goes on."""
    ask = Visit._ask

    async def scenario() -> None:
        async with tls_server(context()) as one, tls_server(context()) as two:

            def broken(visit: Visit, now_ns: int) -> None:
                if visit._port == two.port:
                    visit.door.ended()
                    raise RuntimeError("broken")
                ask(visit, now_ns)

            wishes = [
                TlsSettings(host="127.0.0.1", port=s.port, at_once=1, mode="full")
                for s in (one, two)
            ]
            series = [assignment(tls.KIND, wish, Family.IPV4) for wish in wishes]
            prober = tls.KIND.prober(net_of())
            with monkeypatch.context() as patch:
                patch.setattr(Visit, "_ask", broken)
                first, second = await gather(prober, series)
            await prober.close()
        assert facts(first)["protocols"] == ["TLSv1.2", "TLSv1.3"]
        assert fault(second).kind is FaultKind.INTERNAL

    run(scenario)


def test_who_waits_too_long_for_a_turn_is_a_fault_of_the_agent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A crowded address is no reason to say anything about a server that was never asked."""
    monkeypatch.setattr("checks.tls.check.WAIT_NS", 100_000_000)

    async def scenario() -> None:
        async with StreamServer(saying(b"")) as server:
            wish = TlsSettings(host="127.0.0.1", port=server.port, at_once=1, timeout=600_000)
            series = [
                Assignment(target=name, check="tls", family=Family.IPV4, settings=wish)
                for name in ("first", "second")
            ]
            prober = tls.KIND.prober(net_of())
            first, second = await gather(prober, series)
            await prober.close()
        assert facts(first)["outcome"] == "timeout"
        assert fault(second).kind is FaultKind.OVERLOAD

    run(scenario)


def test_closing_the_prober_forgets_what_is_under_way() -> None:
    """Nothing is told after the end, and no connection stays open."""

    async def scenario() -> None:
        talk, counts = crowded(saying(b""), 1_000)
        async with StreamServer(talk) as server:
            wish = TlsSettings(host="127.0.0.1", port=server.port)
            told: list[int] = []
            prober = tls.KIND.prober(net_of())
            series = assignment(tls.KIND, wish, Family.IPV4)
            prober.begin([Probe(0, series)], lambda slot, _: told.append(slot))
            while not counts:
                prober.tick()
                await asyncio.sleep(0.01)
            await prober.close()
            await asyncio.sleep(0.05)
            assert told == []

    run(scenario)
