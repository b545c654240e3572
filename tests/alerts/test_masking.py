"""A secret in a route's URL shows nowhere, whatever goes wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.alerts.samples import a_row
from tests.lab.receivers import MailServer, Webhook

SECRETS = ("hunter2-password", "sekret-path-token", "sekret-header", "sekret-query")

_PROGRAM = """
import logging, sys, traceback
from zoneinfo import ZoneInfo
logging.basicConfig(level=1, stream=sys.stdout)   # the most talkative host there is
from alerts.routing import Route
from alerts.sender import Sender, new_outbox, send_once, understood
from alerts.message import compose_test
from alerts.receipt import receipt_sentence
from monitor.clock import SystemClock
from monitor.model import OutboxRow

url, *row = sys.argv[1:]
row = OutboxRow(id=row[0], incident=1, step=0, route="noc", payload=row[1], created_us=0)
route = Route(name="noc", url=url)
print(route, understood(url))
deliveries = []
sender = Sender({"noc": route}, new_outbox({"noc": route}), SystemClock(), deliveries.append,
                origin="o", timezone=ZoneInfo("UTC"))
sender.offer([row])
sender.drain(20_000_000)
sender.close()
logging.getLogger().debug("the root logger does print")
print(deliveries, sender.troubles())
message = compose_test("noc", "id", origin="o", at_us=0, timezone=ZoneInfo("UTC"), id_="0")
receipt = send_once(route, message)
print(receipt, receipt_sentence(receipt.code, "id"))
"""


def said(url: str) -> str:
    """Everything that a talkative process prints while it sends to `url`."""
    row = a_row()
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", _PROGRAM, url, row.id, row.payload],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    return done.stdout + done.stderr


def assert_silent(printed: str) -> None:
    """The program printed, but none of the secrets."""
    assert "the root logger does print" in printed
    for secret in SECRETS:
        assert secret not in printed


@pytest.mark.parametrize("failure", ["", "500", "307", "reset", "hang"])
def test_a_webhook_s_secrets_show_nowhere(failure: str) -> None:
    """Neither the password, the path, the header nor the query, at debug level."""
    with Webhook() as hook:
        hook.fail(failure)
        url = hook.url(
            "/sekret-path-token",
            "user:hunter2-password",
            "?rto=0.2&+X-Token=sekret-header&-key=sekret-query",
        )
        printed = said(url)
        assert hook.received
    assert_silent(printed)
    assert ("delivered=True" in printed) == (failure == "")


@pytest.mark.parametrize(
    "url",
    [
        "json://user:hunter2-password@127.0.0.1:1/sekret-path-token",
        "nosuch://user:hunter2-password@127.0.0.1/sekret-path-token",
        "tgram://hunter2-password",
        "hunter2-password",
        "json://user:hunter2-password@:99999999/sekret-path-token",
    ],
)
def test_a_broken_url_s_secrets_show_nowhere(url: str) -> None:
    """Refused connections, unknown services and texts that are no URL."""
    printed = said(url)
    assert_silent(printed)
    assert "delivered=True" not in printed


def test_a_mail_server_s_password_shows_nowhere() -> None:
    """Not even when the server knows no log-in."""
    with MailServer() as mail:
        url = mail.url().replace("mailto://", "mailto://user:hunter2-password@")
        assert_silent(said(url))
