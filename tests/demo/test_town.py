"""The demo's configuration, without running it."""

from collections.abc import Callable
from datetime import date
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.config.loader import load
from monitor.demo.setting import write_configuration
from monitor.demo.story import BEHIND, CUT, DYING, INNOCENT, STANDING
from monitor.demo.town import NETWORK, SERVERS, Places, configuration_files
from monitor.text import LANGUAGES, Language
from policies.cases import run_cases

TODAY = date(2026, 11, 23)
PORTS = {server.name: 40_000 + number for number, server in enumerate(SERVERS)}


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_configuration_is_valid_without_a_warning(
    staged: Callable[[], Places], lang: Language
) -> None:
    """`config check` has nothing to say of it, in either language."""
    places = staged()
    write_configuration(places, PORTS, 50_000, lang, TODAY)
    configuration = load(places.config, TODAY)
    assert configuration.warnings == ()
    assert configuration.agent.language == lang


def test_the_cases_beside_the_demo_s_rules_pass(staged: Callable[[], Places]) -> None:
    """Every case in the demo's own policy gets the verdict it promises."""
    places = staged()
    write_configuration(places, PORTS, 50_000, "en", TODAY)
    own = next(one for one in load(places.config, TODAY).policies if one.name == "demo")
    results = run_cases(own)
    assert results
    assert [one for one in results if not one.passed] == []


def test_the_story_speaks_of_targets_and_rules_that_exist(staged: Callable[[], Places]) -> None:
    """Every target and rule that an act waits for is in the configuration."""
    places = staged()
    write_configuration(places, PORTS, 50_000, "id", TODAY)
    configuration = load(places.config, TODAY)
    rules = {rule.id for policy in configuration.policies for rule in policy.rules}
    named = {DYING, BEHIND, *CUT, *INNOCENT, *(target for target, _ in STANDING)}
    assert named <= set(configuration.targets)
    assert {rule for _, rule in STANDING} <= rules


def test_only_loopback_is_probed() -> None:
    """Every server stands in the demo's network, which is a part of loopback."""
    network = ip_network(NETWORK)
    assert network.is_loopback
    assert all(ip_address(server.address) in network for server in SERVERS)
    assert len({server.address for server in SERVERS}) == len(SERVERS)


@given(st.lists(st.integers(1, 65_535), min_size=len(SERVERS), max_size=len(SERVERS)))
def test_every_port_stands_in_the_files(ports: list[int]) -> None:
    """Whatever ports the kernel gives, each one is in the configuration."""
    places = Places(root=Path("/nowhere"), control=Path("/nowhere/control.sock"))
    by_name = dict(zip((server.name for server in SERVERS), ports, strict=True))
    files = configuration_files(by_name, 1, places, "id", TODAY)
    text = files["agent.yaml"] + files["inventory/city.yaml"]
    for server in SERVERS:
        port = by_name[server.name]
        assert f"{server.address}:{port}" in text or f"port: {port}" in text
