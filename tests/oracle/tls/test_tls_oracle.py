"""Our survey of TLS against the truth, and beside sslyze, nmap and sslscan.

A few servers of nginx and of the system's OpenSSL in every run; the whole farm, and the oracles,
with SASANDO_TLS_ORACLE=1 (after tests/oracle/tls/install.sh; `pytest -s` shows the table).
"""

import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.lab.parts import missing, require
from tests.lab.tlsfarm.catalogue import CATALOGUE, REPRESENTATIVE
from tests.lab.tlsfarm.entry import Raised
from tests.lab.tlsfarm.farm import Farm, parts_missing
from tests.oracle.tls import bluntly, comparing, oracles, proofs

BUILD = Path(__file__).parents[3] / "build"
LONG = os.environ.get("SASANDO_TLS_ORACLE") == "1"
FEW = [entry for entry in CATALOGUE if entry.name in REPRESENTATIVE]

pytestmark = pytest.mark.lab
long = pytest.mark.skipif(not LONG, reason="minutes: only with SASANDO_TLS_ORACLE=1")

_CERTIFICATE = (
    *("trusted", "hostname_matches", "not_after", "key_type", "key_bits", "stapled", "alpn"),
    *("client_certificate", "early_data"),
)
_WHOLE = ("protocols", "cipher_suites")
NOT_TOLD: list[tuple[str, tuple[str, ...], str]] = [
    ("ssl102-*", (*_WHOLE, "groups"), "it resets over a version that is off: no proof that it is"),
    ("ssl40-*", _WHOLE, "it resets over a hello of SSLv2: no proof that it has none"),
    ("nginx-tls1[01]-only", ("groups", "alpn"), "asked only of TLS 1.2 and 1.3"),
    ("s_server-tls10", ("groups", "alpn"), "asked only of TLS 1.2 and 1.3"),
    ("*-sslv3*", ("groups", "alpn"), "asked only of TLS 1.2 and 1.3"),
    ("s_server-ffdhe-alone", _CERTIFICATE, "we have no finite-field share of our own"),
]
"""Server (a pattern) and facts that our survey leaves undefined although they are true, and why."""


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """The representative servers."""
    for program in parts_missing(FEW):
        missing(program)
    with Farm(tmp_path_factory.mktemp("farm"), FEW) as farm:
        yield farm


@pytest.fixture(scope="module")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """Every server of the catalogue."""
    require("nginx", "haproxy", "openssl", "nmap", "sslscan")
    subprocess.run([Path(__file__).with_name("install.sh")], check=True, timeout=900)
    with Farm(tmp_path_factory.mktemp("farm"), CATALOGUE, BUILD) as whole:
        yield whole


@pytest.fixture(scope="module")
def truth(farm: Farm) -> dict[str, dict[str, Any]]:
    """What is proved of each server, by blunt hellos and by s_client, and by its settings."""
    with ThreadPoolExecutor(4) as pool:
        hellos = list(pool.map(proofs.by_hello, farm.servers))
        clients = list(
            pool.map(lambda one: proofs.by_client(one, farm.credentials.ca_file), farm.servers)
        )
    return {
        one.name: {**hello, **client, **filed(farm, one), **one.entry.truth}
        for one, hello, client in zip(farm.servers, hellos, clients, strict=True)
    }


@pytest.fixture(scope="module")
def ours(farm: Farm) -> dict[str, comparing.Facts]:
    """What our full survey says of each."""
    found = comparing.survey(farm.servers, str(farm.credentials.ca_file))
    return {name: comparing.told(outcome) for name, outcome in found.items()}


def filed(farm: Farm, one: Raised) -> dict[str, Any]:
    """What the file of its certificate says."""
    return proofs.by_file(farm.shown(one.entry).chain) if one.entry.key else {}


def unlike(told: dict[str, Any], proved: dict[str, Any]) -> list[str]:
    """Facts of the settings that the proofs contradict."""
    return [name for name in told if name in proved and told[name] != proved[name]]


def test_a_full_survey_of_a_few_servers_is_true_and_whole(few: Farm) -> None:
    """Every fact that is proved of nginx and s_server is told by our survey, as it is."""
    found = comparing.survey(few.servers, str(few.credentials.ca_file))
    with ThreadPoolExecutor(4) as pool:
        hellos = list(pool.map(proofs.by_hello, few.servers))
    for one, hello in zip(few.servers, hellos, strict=True):
        truth = {**hello, **filed(few, one), **one.entry.truth}
        told = comparing.told(found[one.name])
        assert told["outcome"] == "ok", (one.name, told)
        assert not comparing.differences(one.name, told, truth)
        assert not [fact for fact in comparing.undefined(told, truth) if not excused(one, fact)]


def test_a_verdict_on_a_few_servers_claims_nothing_false(few: Farm) -> None:
    """What the short survey tells is what the long one tells."""
    verdicts = comparing.survey(few.servers, str(few.credentials.ca_file), "verdict")
    for one in few.servers:
        told = comparing.told(verdicts[one.name])
        assert told["protocols"] == list(one.entry.protocols), (one.name, told)
        assert not comparing.differences(one.name, told, {**one.entry.truth})


def test_the_blunt_hellos_can_say_no(few: Farm) -> None:
    """The proof itself finds a suite where it is and none where there is none."""
    raised = next(one for one in few.servers if one.name == "nginx-modern")
    server = bluntly.Server(raised.address, raised.port, "web.farm.example")
    assert "TLS_AES_128_GCM_SHA256" in bluntly.accepted_suites(server, "TLSv1.3")
    assert bluntly.accepted_suites(server, "TLSv1.2") == set()
    assert bluntly.ssl2_kinds(server) == []


def excused(one: Raised, fact: str) -> bool:
    """Whether it is written down why this is not told."""
    return any(fnmatch(one.name, name) and fact in facts for name, facts, _ in NOT_TOLD)


@long
@pytest.mark.timeout(900)
def test_the_farm_is_what_its_settings_say(farm: Farm, truth: dict[str, dict[str, Any]]) -> None:
    """Proofs by hellos and by s_client agree with the settings of all 95 servers."""
    with ThreadPoolExecutor(4) as pool:
        hellos = list(pool.map(proofs.by_hello, farm.servers))
    for one, hello in zip(farm.servers, hellos, strict=True):
        assert hello["protocols"] == list(one.entry.protocols), one.name
        assert not unlike(dict(one.entry.truth), hello), one.name
    assert len(truth) >= 60


@long
@pytest.mark.timeout(900)
def test_the_whole_farm_is_told_truly(
    farm: Farm, truth: dict[str, dict[str, Any]], ours: dict[str, comparing.Facts]
) -> None:
    """No fact about any server differs from what is proved, and none is missing without reason."""
    wrong, absent = [], []
    for one in farm.servers:
        wrong += comparing.differences(one.name, ours[one.name], truth[one.name])
        absent += [
            f"{one.name} {fact}"
            for fact in comparing.undefined(ours[one.name], truth[one.name])
            if not excused(one, fact)
        ]
    print("\n".join(map(str, wrong)), *absent, sep="\n")
    assert not wrong
    assert not absent


@long
@pytest.mark.timeout(1_800)
def test_every_difference_to_the_oracles_is_explained(
    farm: Farm,
    truth: dict[str, dict[str, Any]],
    ours: dict[str, comparing.Facts],
    tmp_path: Path,
) -> None:
    """Where sslyze, nmap or sslscan say something else, a proof says who is right: we are."""
    said = {
        "sslyze": oracles.sslyze(farm.servers, farm.credentials.ca_file, BUILD),
        "nmap": oracles.nmap(farm.servers, tmp_path),
        "sslscan": oracles.sslscan(farm.servers, tmp_path),
    }
    rows = [["oracle", "agrees", "differs, proved wrong", "says nothing", "unexplained"]]
    lines, unexplained = [], []
    for oracle, by_name in said.items():
        counts = dict.fromkeys(("agrees", "wrong", "silent", "open"), 0)
        for one in farm.servers:
            theirs = by_name.get(one.name, {})
            different = comparing.differences(one.name, ours[one.name], theirs)
            both = sum(name in theirs and name in ours[one.name] for name in comparing.COMPARED)
            counts["agrees"] += both - len(different)
            counts["silent"] += "protocols" not in theirs
            for item in different:
                proved = truth[one.name].get(item.fact) is not None and not comparing.differences(
                    one.name, ours[one.name], {item.fact: truth[one.name][item.fact]}
                )
                counts["wrong" if proved else "open"] += 1
                lines.append(f"{oracle}: {item}")
                if not proved:
                    unexplained.append(lines[-1])
        rows.append([oracle, *(str(counts[key]) for key in ("agrees", "wrong", "silent", "open"))])
    print("\n".join(lines), comparing.table(rows), sep="\n\n")
    assert not unexplained
