"""Cities for tests; a module elsewhere takes these fixtures by importing them."""

from collections.abc import Iterator

import pytest

from tests.lab.city.city import City
from tests.lab.parts import need_city


@pytest.fixture(scope="session")
def standing_city() -> Iterator[City]:
    """One city with static routes for the whole run; tests take it through `city`."""
    need_city()
    with City(shaped={"dukcapil-fo"}) as made:
        yield made


@pytest.fixture
def city(standing_city: City) -> Iterator[City]:
    """The standing city, whole before the test and after it."""
    yield standing_city
    standing_city.heal()


@pytest.fixture(scope="session")
def standing_ospf_city() -> Iterator[City]:
    """One city with OSPF and BFD for the whole run; tests take it through `ospf_city`."""
    need_city()
    with City(routing="ospf") as made:
        yield made


@pytest.fixture
def ospf_city(standing_ospf_city: City) -> City:
    """The standing city with OSPF; the test breaks it, the next one finds it whole."""
    standing_ospf_city.heal()
    return standing_ospf_city
