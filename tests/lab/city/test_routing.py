"""OSPF and BFD in the city: what static routes cannot see, they do."""

import pytest

from tests.lab.city.city import City
from tests.lab.city.pinging import answers, ping

pytestmark = pytest.mark.lab
SILENT, CUT = "dukcapil", "kesehatan"


def test_a_silent_cable_and_a_cut_one_are_left_for_the_backup(ospf_city: City) -> None:
    """Two offices move to their backup, one because BFD, not OSPF's own timer, finds a blackhole.

    Once that has settled, the address of a leg that is gone is not reached over the other leg.
    """
    city, log = ospf_city, ospf_city.folder / "core1-bird.log"
    sites = [city.plan.sites[name] for name in (SILENT, CUT)]
    assert [city.route("core1", site.network) for site in sites] == [f"{s.name}-fo" for s in sites]
    before = log.stat().st_size
    city.cables[f"{CUT}-fo"].carrier(False)
    city.cables[f"{SILENT}-fo"].blackhole()
    for site in sites:
        city.await_that(site.name, lambda site=site: city.route("core1", site.network) == "trunk")  # type: ignore[misc]
        city.await_that(site.name, lambda site=site: answers(city, site.server))  # type: ignore[misc]
        primary, backup = site.legs
        # Until the office's own announcement of the network is replaced, it is a way there.
        city.await_that("silence", lambda one=primary: not answers(city, one.address))  # type: ignore[misc]
        assert ping(city.operations, backup.address, 10).lost == 0
    told = log.read_text()[before:]
    assert "BFD session down for nbr" in told
    assert "Inactivity timer expired" not in told
