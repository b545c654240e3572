"""The ICMP check's settings, evidence and statistics: pure parts."""

from statistics import median
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.icmp import KIND, IcmpEvidence, IcmpSettings
from checks.ping.statistics import ipdv, loss, percentile
from monitor.model import Family

_DELAYS = st.lists(st.none() | st.integers(0, 10_000_000), max_size=100)


def _facts(*delays: int | None) -> dict[str, object]:
    return dict(IcmpEvidence(delays_us=delays).facts())


def test_facts_of_a_whole_sample() -> None:
    """Counts, loss and every delay statistic of a known sample, in milliseconds."""
    assert _facts(1_000, 3_000, None, 2_000, 10_000) == {
        "sent": 5,
        "received": 4,
        "loss": 0.2,
        "delay_ms.min": 1.0,
        "delay_ms.median": 2.5,
        "delay_ms.p95": 10.0,
        "delay_ms.max": 10.0,
        "ipdv_ms": 5.0,
    }


def test_nothing_came_back() -> None:
    """Where every singleton was lost, delays are undefined, never zero."""
    assert _facts(None, None) == {"sent": 2, "received": 0, "loss": 1.0}


def test_nothing_was_sent() -> None:
    """Where nothing was sent, loss is undefined too."""
    assert _facts() == {"sent": 0, "received": 0}


def test_a_pair_with_a_lost_packet_has_no_variation() -> None:
    """RFC 3393: ipdv never bridges a lost packet."""
    assert "ipdv_ms" not in _facts(1_000, None, 9_000)


@given(_DELAYS)
def test_facts_are_declared_and_typed(delays: list[int | None]) -> None:
    """Every fact is in FACTS with its type; a fact is there exactly when it is defined."""
    facts = _facts(*delays)
    types = {"int": int, "double": float}
    for name, value in facts.items():
        assert type(value) is types[IcmpEvidence.FACTS[name]]
    came = [delay for delay in delays if delay is not None]
    assert ("delay_ms.median" in facts) == bool(came)
    assert ("loss" in facts) == bool(delays)


@given(_DELAYS)
def test_statistics_agree_with_their_definitions(delays: list[int | None]) -> None:
    """Loss is a ratio of counts, percentiles are nearest-rank, ipdv is over adjacent pairs."""
    came = sorted(delay for delay in delays if delay is not None)
    assert loss(delays) == (1 - len(came) / len(delays) if delays else None) or loss(
        delays
    ) == pytest.approx(1 - len(came) / len(delays))
    if came:
        p95 = percentile(came, 95)
        assert sum(delay <= p95 for delay in came) * 100 >= 95 * len(came)
        assert sum(delay < p95 for delay in came) * 100 < 95 * len(came)
    changes = []
    for place in range(1, len(delays)):
        before, after = delays[place - 1], delays[place]
        if before is not None and after is not None:
            changes.append(abs(after - before))
    assert ipdv(delays) == (median(changes) if changes else None)


@given(delays=st.lists(st.none() | st.integers(0, 10_000_000), max_size=8))
def test_the_fast_counts_are_the_facts(delays: list[int | None]) -> None:
    """What `facts_of` spares itself changes nothing of the facts that were asked for."""
    evidence = IcmpEvidence(delays_us=tuple(delays))
    whole = evidence.facts()
    for names in ({"loss"}, {"sent", "received"}, {"loss", "delay_ms.max"}):
        some = evidence.facts_of(frozenset(names))
        assert {n: some.get(n) for n in names} == {n: whole.get(n) for n in names}


def test_evidence_is_restored_from_its_measure() -> None:
    """The one stored field is a measure, and gives the same evidence again."""
    evidence = IcmpEvidence(delays_us=(5, None))
    assert (IcmpEvidence.measures(), IcmpEvidence.postures()) == (("delays_us",), ())
    assert IcmpEvidence.restored({"delays_us": (5, None)}) == evidence


def test_defaults() -> None:
    """Five requests, 200 ms apart, 56 bytes."""
    settings = IcmpSettings(address="192.0.2.1")
    assert (settings.count, settings.spacing, settings.size) == (5, 200_000, 56)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"count": 0}, "count 0 is not between 1 and 100"),
        ({"count": 101}, "count 101 is not between 1 and 100"),
        ({"size": 7}, "size 7 is not between 8 and 1472"),
        ({"size": 1_473}, "size 1473 is not between 8 and 1472"),
        ({"interval": 1_000_000}, "a probe can last 2800ms .* longer than its interval 1s"),
    ],
)
def test_settings_out_of_bounds_are_refused(wrong: dict[str, int], said: str) -> None:
    """A value out of bounds is refused with what it was and what is allowed."""
    with pytest.raises(ValueError, match=said):
        IcmpSettings(address="192.0.2.1", **wrong)


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("icmp://192.0.2.1", "192.0.2.1"),
        ("icmp://192.0.2.1/", "192.0.2.1"),
        ("icmp://[2001:db8::1]", "2001:db8::1"),
        ("icmp://[fe80::1%25eth0]", "fe80::1%eth0"),
        ("icmp://www.example", "www.example"),
    ],
)
def test_a_bare_url_names_its_host(url: str, address: str) -> None:
    """`icmp://HOST` gives the settings of that host."""
    assert KIND.from_url is not None
    assert KIND.from_url(urlsplit(url)) == IcmpSettings(address=address)


@pytest.mark.parametrize(
    "url", ["icmp://", "icmp://host:80", "icmp://host/path", "icmp://u@host", "icmp://host?count=9"]
)
def test_a_url_with_more_than_a_host_is_refused(url: str) -> None:
    """A port, path, user or query means nothing to ICMP."""
    assert KIND.from_url is not None
    with pytest.raises(ValueError, match="host"):
        KIND.from_url(urlsplit(url))


@pytest.mark.parametrize(
    ("address", "families"),
    [
        ("192.0.2.1", (Family.IPV4,)),
        ("2001:db8::1", (Family.IPV6,)),
        ("fe80::1%eth0", (Family.IPV6,)),
        ("www.example", (Family.IPV4, Family.IPV6)),
    ],
)
def test_a_name_is_observed_in_both_families(address: str, families: tuple[Family, ...]) -> None:
    """A literal has its own family, a name both."""
    assert KIND.families(IcmpSettings(address=address)) == families
