"""What a good configuration becomes."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from checks.base import Assignment
from checks.icmp import IcmpSettings
from checks.page.settings import Baseline
from monitor.config.configuration import AGENT, Configuration
from monitor.config.loader import load
from monitor.config.problem import ConfigurationError
from monitor.model import Family, Kind, Severity, parse_duration

TODAY = date(2026, 11, 23)
Loaded = Callable[[str, str], Configuration]
MORE = "inventory/more.yaml"


def _series(configuration: Configuration, target: str) -> list[tuple[str, Family]]:
    return [(a.check, a.family) for a in configuration.assignments if a.target == target]


def _only(configuration: Configuration, target: str, check: str) -> Assignment:
    found = [a for a in configuration.assignments if (a.target, a.check) == (target, check)]
    assert len(found) == 1
    return found[0]


def _warnings(configuration: Configuration) -> list[str]:
    return [one.key for one in configuration.warnings]


def test_the_good_configuration_has_no_warnings(good: Path) -> None:
    """What is in order is not complained about."""
    assert load(good, TODAY).warnings == ()


def test_loading_twice_gives_the_same(good: Path) -> None:
    """Targets with their definitions, and assignments, depend on the files alone."""
    first, second = load(good, TODAY), load(good, TODAY)
    assert first.targets == second.targets
    assert first.assignments == second.assignments


def test_a_link_is_looked_at_by_icmp_with_the_agents_defaults(good: Path) -> None:
    """The agent's defaults lie over the check's own."""
    settings = _only(load(good, TODAY), "dukcapil-fo", "icmp").settings
    assert isinstance(settings, IcmpSettings)
    assert (settings.address, settings.interval, settings.count) == ("192.0.2.1", 30_000_000, 3)


def test_a_targets_own_settings_win(loaded: Loaded) -> None:
    """The target's lie over the agent's, setting by setting."""
    text = "links:\n  a: {site: core, address: 192.0.2.9, checks: {icmp: {interval: 10s}}}\n"
    settings = _only(loaded(MORE, text), "a", "icmp").settings
    assert isinstance(settings, IcmpSettings)
    assert (settings.interval, settings.count) == (10_000_000, 3)


def test_a_link_with_two_addresses_is_two_series(loaded: Loaded) -> None:
    """One series for each address family."""
    text = 'links:\n  a: {site: core, address: [192.0.2.9, "2001:db8::9"]}\n'
    expected = [("icmp", Family.IPV4), ("icmp", Family.IPV6)]
    assert _series(loaded(MORE, text), "a") == expected


@pytest.mark.parametrize(
    ("url", "checks"),
    [
        ("https://192.0.2.9/", ["http", "tls", "web"]),
        ("http://192.0.2.9/", ["http", "web"]),
        ("tcp://192.0.2.9:5432", ["tcp"]),
        ("tls://192.0.2.9:8443", ["tls"]),
        ("icmp://192.0.2.9", ["icmp"]),
        ("dns://192.0.2.53/www.example", ["dns"]),
        ("https://[2001:db8::9]:8443/", ["http", "tls", "web"]),
    ],
)
def test_a_services_url_says_which_checks_look(url: str, checks: list[str], loaded: Loaded) -> None:
    """https is looked at by http, tls and web, http by http and web, others by their own check."""
    configuration = loaded(MORE, f"services:\n  s: {{site: core, url: '{url}'}}\n")
    assert [check for check, _ in _series(configuration, "s")] == checks


def test_the_login_page_of_a_service_is_looked_at_by_web(loaded: Loaded) -> None:
    """`login:` of a service is a setting of its web check, over the default and under its own."""
    text = (
        "services:\n  a: {site: core, url: 'https://192.0.2.9/', login: /masuk}\n"
        "  b: {site: core, url: 'https://192.0.2.9/', login: /x, checks: {web: {login: /y}}}\n"
        "  c: {site: core, url: 'https://192.0.2.9/'}\n"
    )
    configuration = loaded(MORE, text)
    logins = [getattr(_only(configuration, key, "web").settings, "login", None) for key in "abc"]
    assert logins == ["/masuk", "/y", ""]


def test_a_check_is_switched_off_and_another_on(loaded: Loaded) -> None:
    """`false` switches a check off; a check that is named is added, at the target's address."""
    text = (
        "services:\n  s:\n    site: core\n    url: https://192.0.2.9/\n"
        "    checks: {tls: false, web: false, icmp: {count: 2}, tcp: }\n"
    )
    configuration = loaded(MORE, text)
    assert [check for check, _ in _series(configuration, "s")] == ["http", "icmp", "tcp"]
    assert getattr(_only(configuration, "s", "tcp").settings, "port", None) == 443


def test_an_empty_table_is_enough_for_the_path_of_a_link(loaded: Loaded) -> None:
    """A link that says `path: {}` is looked at towards each of its addresses; others are not."""
    text = (
        'links:\n  a: {site: core, address: [192.0.2.9, "2001:db8::9"], checks: {path: {}}}\n'
        "  b: {site: core, address: 192.0.2.10}\n"
    )
    configuration = loaded(MORE, text)
    series = _series(configuration, "a")
    assert series[2:] == [("path", Family.IPV4), ("path", Family.IPV6)]
    assert [check for check, _ in _series(configuration, "b")] == ["icmp"]
    addresses = [
        getattr(one.settings, "address", "")
        for one in configuration.assignments
        if one.check == "path"
    ]
    assert addresses == ["192.0.2.9", "2001:db8::9"]


def test_a_page_is_the_services_url_or_the_portal(loaded: Loaded) -> None:
    """`page: {}` is enough where there is a page; a baseline is settings like any other."""
    text = (
        "services:\n  s:\n    site: core\n    url: https://192.0.2.9/a\n    checks:\n"
        "      page: {baseline: {link_hosts: [a.example], sitemap_urls: 7}}\n"
        "hotspots:\n  h: {site: core, ssid: A, portal: 'http://192.0.2.8/', checks: {page: {}}}\n"
    )
    configuration = loaded(MORE, text)
    settings = [_only(configuration, key, "page").settings for key in ("s", "h")]
    assert [getattr(one, "url", "") for one in settings] == [
        "https://192.0.2.9/a",
        "http://192.0.2.8/",
    ]
    pinned = getattr(settings[0], "baseline", None)
    assert pinned == Baseline(link_hosts=("a.example",), sitemap_urls=7)


def test_the_agent_asks_for_egress_by_its_uplinks(good: Path) -> None:
    """agent.yaml names the uplinks; a family that a source rules out is no series."""
    with (good / "agent.yaml").open("a") as file:
        file.write(
            "checks:\n  egress:\n    address: outside.example\n    uplinks:\n"
            "      fibre: {source: 192.0.2.10, first_hop: 192.0.2.1}\n"
            "      mobile: {interface: wwan0}\n"
        )
    configuration = load(good, TODAY)
    assert ("egress", Family.IPV4) in _series(configuration, AGENT)
    assert ("egress", Family.IPV6) not in _series(configuration, AGENT)


def test_a_disabled_target_is_listed_and_not_probed(loaded: Loaded) -> None:
    """enabled: false keeps the target and takes its series away."""
    text = "links:\n  a: {site: core, address: 192.0.2.9, enabled: false}\n"
    configuration = loaded(MORE, text)
    assert "a" in configuration.targets
    assert configuration.disabled == {"a"}
    assert _series(configuration, "a") == []


def test_the_mistake_of_a_disabled_target_is_told(loaded: Loaded) -> None:
    """Disabled is no reason to be wrong."""
    text = "links:\n  a: {site: core, address: x, enabled: false, checks: {tcp: {}}}\n"
    with pytest.raises(ConfigurationError) as caught:
        loaded(MORE, text)
    assert [one.key for one in caught.value.problems] == ["check-needs"]


def test_parents_come_from_the_site(good: Path) -> None:
    """A link hangs on its site's parents, a service on its site, a square on nothing."""
    targets = load(good, TODAY).targets
    assert targets["dukcapil-fo"].parents == ("core",)
    assert targets["website"].parents == ("core",)
    assert targets["taman-nostalgia"].parents == ()
    assert targets["uplink"].parents == ()


def test_facts_of_a_target(good: Path) -> None:
    """What rules may speak of comes from the entry, and the kecamatan from its site."""
    facts = load(good, TODAY).targets["dukcapil-fo"].facts()
    assert facts["kecamatan"] == "Oebobo"
    assert (facts["role"], facts["provider"], facts["medium"]) == ("primary", "provider-a", "metro")
    assert load(good, TODAY).targets["website"].labels == {"public": ""}


def test_the_definition_changes_with_the_entry_alone(good: Path) -> None:
    """Another order of keys is the same definition, another value is another."""
    before = load(good, TODAY).targets
    city = good / "inventory/city.yaml"
    text = city.read_text()
    turned = text.replace(
        "site: core, url: https://www.example/", "url: https://www.example/, site: core"
    )
    city.write_text("# moved\n" + turned.replace("fee: 10000000", "fee: 9000000"))
    after = load(good, TODAY).targets
    assert after["website"].definition == before["website"].definition
    assert after["dukcapil-fo"].definition != before["dukcapil-fo"].definition
    assert after["dukcapil-lte"].definition == before["dukcapil-lte"].definition


def test_the_agent_looks_at_itself(good: Path) -> None:
    """Host always, clock where time servers are named, on a target told by its role."""
    configuration = load(good, TODAY)
    assert _series(configuration, AGENT) == [("host", Family.NONE), ("clock", Family.NONE)]
    assert configuration.targets[AGENT].role == AGENT


def test_resolvers_time_servers_and_canaries_count_as_scope(good: Path) -> None:
    """Each literal address of the agent's own peers is a range of one address."""
    networks = [str(one.network) for one in load(good, TODAY).agent.scope][4:]
    assert networks == ["192.0.2.53/32", "192.0.2.123/32", "192.0.2.254/32"]


def test_defaults_of_the_agent(good: Path) -> None:
    """What agent.yaml leaves out is filled in; paths are absolute."""
    agent = load(good, TODAY).agent
    assert agent.store_url() == "sqlite:////var/lib/sasando-test/ledger.db"
    assert agent.high_water_mark == Path("/var/lib/sasando-test-mark/high-water")
    assert agent.trusted_key == good / "trust/log.vkey"
    assert (str(agent.timezone), agent.language) == ("Asia/Makassar", "id")
    assert agent.retention_us == 730 * 86_400_000_000


def test_texts_are_the_bytes_of_every_file(good: Path) -> None:
    """The configuration in force can be kept as it was read, bundled policies included."""
    with (good / "agent.yaml").open("a") as file:
        file.write("packs: [agent-health]\n")
    texts = load(good, TODAY).texts
    assert set(texts) == {
        "agent.yaml", "alerts.yaml", "inventory/city.yaml", "policies/links.yaml",
        "packs/agent-health.yaml",
    }  # fmt: skip
    assert texts["agent.yaml"] == (good / "agent.yaml").read_bytes()


def test_a_route_reads_its_secret_only_when_it_is_used(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loading needs no secret; the route ready for work has it and does not print it."""
    monkeypatch.delenv("TELEGRAM_URL", raising=False)
    plan = load(good, TODAY).routes["telegram"]
    monkeypatch.setenv("TELEGRAM_URL", "tgram://12345:token/678")
    route = plan.route()
    assert route.url == "tgram://12345:token/678"
    assert "token" not in f"{plan!r}{route!r}"
    assert route.severity is Severity.CRITICAL
    targets = load(good, TODAY).targets
    assert route.applies(targets["dukcapil-fo"])
    assert not route.applies(targets["website"])


def test_zones_and_access_are_kept(good: Path) -> None:
    """They are validated now and looked at later."""
    configuration = load(good, TODAY)
    assert configuration.zones["guest"].from_ == "taman-nostalgia"
    assert configuration.access[0].ports == [22, 80, 443, 3306, 5432]
    assert configuration.fees == {"dukcapil-fo": 10_000_000}


@pytest.mark.parametrize(
    ("file", "text", "key"),
    [
        (MORE, "links:\n  a: {site: core, address: 192.0.3.9}\n", "outside-scope"),
        (MORE, "services:\n  s: {site: core}\n", "no-checks"),
        (MORE, "links:\n  a: {site: core, address: 192.0.2.9, checks: {tcp: {port: 9, "
         "interval: 1s}}}\n", "timeout-long"),
        ("alerts.yaml", "routes:\n  t: {url: 'tgram://12345:token/678'}\n", "plain-secret"),
        ("policies/links.yaml", "policy: p\nversion: 1\nrules:\n  - {id: r, check: icmp, "
         "applies_to: target.role == 'x', require: evidence.received > 0}\n", "rule-unmatched"),
    ],
)  # fmt: skip
def test_a_warning_does_not_refuse(file: str, text: str, key: str, loaded: Loaded) -> None:
    """What is allowed and yet worth a word is told apart from errors, and shows no secret."""
    configuration = loaded(file, text)
    assert _warnings(configuration) == [key]
    assert "12345" not in configuration.warnings[0].sentence("id")


@pytest.mark.parametrize(
    ("today", "key"), [(date(2027, 12, 15), "scope-ending"), (date(2028, 1, 1), "scope-ended")]
)
def test_an_authority_that_ends_is_a_warning(good: Path, today: date, key: str) -> None:
    """Thirty days before, and after: probes are refused then, the configuration is not."""
    assert key in _warnings(load(good, today))


def test_all_problems_of_all_files_come_at_once_and_sorted(good: Path) -> None:
    """One round of mending is enough."""
    (good / "inventory/a.yaml").write_text("sites:\n  b: {nam: x}\n  A: {}\n")
    (good / "policies/z.yaml").write_text("policy: z\n")
    (good / "alerts.yaml").write_text("routes:\n  t: {url: x}\n")
    with pytest.raises(ConfigurationError) as caught:
        load(good, TODAY)
    places = [(Path(one.file).name, one.line) for one in caught.value.problems]
    assert places == [("alerts.yaml", 2), ("a.yaml", 2), ("a.yaml", 3), ("z.yaml", 1)]


def test_one_unreadable_file_accuses_no_other(good: Path) -> None:
    """References into a file that could not be read are not called unknown."""
    (good / "inventory/city.yaml").write_bytes(b"\xff")
    (good / "inventory/more.yaml").write_text("links:\n  a: {site: core, address: 192.0.2.9}\n")
    with pytest.raises(ConfigurationError) as caught:
        load(good, TODAY)
    assert [one.key for one in caught.value.problems] == ["not-utf8"]


def test_a_canary_is_a_target_of_its_own_kind(good: Path) -> None:
    """It is looked at like a link and is none."""
    assert load(good, TODAY).targets["uplink"].kind is Kind.CANARY


def test_a_site_with_two_links_is_looked_at_as_often_as_they_are(good: Path) -> None:
    """Redundancy needs no word: by the shortest interval of its links, after all of them."""
    configuration = load(good, TODAY)
    assert _only(configuration, "dukcapil", "redundancy").settings.interval == 30_000_000
    assert _series(configuration, "core") == []


@pytest.mark.parametrize(
    ("site", "links", "expected"),
    [
        ("{checks: {redundancy: false}}", "", None),
        ("{enabled: false}", "", None),
        ("{}", "  c: {site: s, address: 192.0.2.11, checks: {icmp: {interval: 7s}}}\n", "7s"),
        ("{}", "  c: {site: s, address: 192.0.2.11, checks: {icmp: false}}\n", "30s"),
        ("{checks: {redundancy: {interval: 2m, common: [192.0.2.254]}}}", "", "2m"),
    ],
)
def test_how_often_a_site_is_looked_at(
    site: str, links: str, expected: str | None, loaded: Loaded
) -> None:
    """Switched off, by its fastest link, or as it says itself."""
    pair = "".join(f"  {name}: {{site: s, address: 192.0.2.1{n}}}\n" for n, name in enumerate("ab"))
    configuration = loaded(MORE, f"sites:\n  s: {site}\nlinks:\n{pair}{links}")
    assert _warnings(configuration) == [] or expected == "30s"
    if expected is None:
        assert _series(configuration, "s") == []
    else:
        interval = _only(configuration, "s", "redundancy").settings.interval
        assert interval == parse_duration(expected)


def test_a_disabled_link_is_no_leg(loaded: Loaded) -> None:
    """Of two links one of which is only listed nothing is redundant."""
    text = (
        "sites:\n  s: {}\nlinks:\n  a: {site: s, address: 192.0.2.9}\n"
        "  b: {site: s, address: 192.0.2.10, enabled: false}\n"
    )
    assert _series(loaded(MORE, text), "s") == []


def test_ten_thousand_links_are_loaded(good: Path) -> None:
    """The city may grow: nothing is quadratic in the number of targets."""
    for part in range(10):
        rows = [f"  l{part}-{n}: {{site: core, address: 203.0.113.{n % 256}}}" for n in range(1000)]
        (good / f"inventory/l{part}.yaml").write_text("links:\n" + "\n".join(rows) + "\n")
    assert len(load(good, TODAY).assignments) > 10_000
