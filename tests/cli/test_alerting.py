"""`sasando alert test`, against real receivers on loopback."""

import re
from collections.abc import Iterator

import pytest

from tests.cli.running_command import Inside, sasando
from tests.daemon.place import Place
from tests.lab.receivers import MailServer, Webhook

SECRET = "tok3n-of-the-route"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A web hook."""
    with Webhook() as receiver:
        yield receiver


def test_every_enabled_route_gets_a_message(place: Place, hook: Webhook) -> None:
    """Each receipt is printed, the id is the message's own, and no secret shows."""
    with MailServer() as mail:
        place.routes = {"noc": hook.url(credentials=f"ayu:{SECRET}"), "post": mail.url()}
        place.write()
        done = sasando("alert", "test", "-c", place.configuration)
        assert done.code == 0, done.err
        assert "noc: delivered: accepted by the service JSON" in done.out
        assert "post: delivered: " in done.out
        ids = re.findall(r"[0-9a-f]{64}", done.out)
        assert ids == [hook.accepted[0].id, mail.accepted[0].id]
        assert SECRET not in done.out + done.err


def test_one_failure_is_a_failure(inside: Inside, place: Place, hook: Webhook) -> None:
    """A service that refuses is exit 1, told with its answer; the other routes are still tried."""
    hook.fail("500", times=1)
    place.routes = {"noc": hook.url(credentials=f"ayu:{SECRET}"), "second": hook.url()}
    place.write()
    done = inside("alert", "test", "-c", place.configuration, "--json")
    assert done.code == 1
    assert [(one["route"], one["delivered"]) for one in done.data] == [
        ("noc", False),
        ("second", True),
    ]
    assert done.data[0]["receipt"] == "the service answered with HTTP 500"
    assert SECRET not in done.out + done.err


def test_a_named_route_alone_is_tried(inside: Inside, place: Place, hook: Webhook) -> None:
    """A name limits the test to that route; messages are in the route's language."""
    place.routes = {"noc": hook.url(), "second": hook.url("/second")}
    place.write()
    done = inside("alert", "test", "second", "-c", place.configuration, "--lang", "id")
    assert done.code == 0
    assert done.out.startswith("second: terkirim: ")
    assert len(hook.accepted) == 1


def test_an_unknown_route_is_bad_input(inside: Inside, place: Place, hook: Webhook) -> None:
    """A name that no route has is exit 2 with a suggestion, and nothing is sent."""
    place.routes = {"noc": hook.url()}
    place.write()
    done = inside("alert", "test", "nok", "-c", place.configuration)
    assert done.code == 2
    assert "did you mean noc?" in done.err
    assert hook.received == []


def test_no_route_at_all_is_told(inside: Inside, place: Place) -> None:
    """Where nobody would be alerted, the test does not pass."""
    done = inside("alert", "test", "-c", place.configuration)
    assert done.code == 2
    assert "nobody would be alerted" in done.err


def test_an_unreadable_secret_is_a_failed_route(inside: Inside, place: Place) -> None:
    """A route whose URL cannot be read fails by name; its reference may show, its value cannot."""
    place.write()
    (place.configuration / "alerts.yaml").write_text(
        "routes: {noc: {url: {secret: 'env:SASANDO_TEST_NONE'}}}\n"
    )
    done = inside("alert", "test", "-c", place.configuration)
    assert done.code == 1
    assert "noc: FAILED: the secret env:SASANDO_TEST_NONE is empty or not set" in done.out
