"""OSPF and BFD in the city: what static routes cannot see, they do."""

import pytest

from tests.lab.city.city import City
from tests.lab.city.pinging import answers, ping

pytestmark = pytest.mark.lab
LINK, BACKUP, SITE = "dukcapil-fo", "dukcapil-4g", "dukcapil"


def test_a_silent_cable_is_left_for_the_backup(ospf_city: City) -> None:
    """BFD, not OSPF's own timer, finds a blackhole; the site is then reached over the backup."""
    city, network = ospf_city, ospf_city.plan.sites[SITE].network
    assert city.route("core1", network) == LINK
    before = city.folder.joinpath("core1-bird.log").stat().st_size
    city.cables[LINK].blackhole()
    city.await_that("another way", lambda: city.route("core1", network) == "trunk")
    city.await_that("the site", lambda: answers(city, city.plan.sites[SITE].server))
    assert not answers(city, city.plan.legs[LINK].address)
    assert ping(city.operations, city.plan.legs[BACKUP].address, 10).lost == 0
    told = city.folder.joinpath("core1-bird.log").read_text()[before:]
    assert "BFD session down for nbr" in told
    assert "Inactivity timer expired" not in told


def test_a_cut_reroutes_and_a_mended_cable_is_taken_again(ospf_city: City) -> None:
    """A cut primary moves the site to its backup, and back once it is mended."""
    city, network = ospf_city, ospf_city.plan.sites["kesehatan"].network
    city.cables["kesehatan-fo"].carrier(False)
    city.await_that("another way", lambda: city.route("core1", network) == "trunk")
    city.await_that("the site", lambda: answers(city, city.plan.sites["kesehatan"].server))
    city.cables["kesehatan-fo"].heal()
    city.await_that("the old way", lambda: city.route("core1", network) == "kesehatan-fo")
