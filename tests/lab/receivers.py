"""Real receivers of alerts on loopback, whose failures can be switched on and off.

    with Webhook() as hook:
        hook.fail("500", times=2)          # then it works again; times=None: until fail("")
        route = Route(name="noc", url=hook.url())
        ...
        hook.wait(1)                       # until one message was accepted
        hook.accepted[0].id                # the alert's id, from the body's last line

Failures of the webhook: "500", "404", "307" (to itself), "reset" (the connection breaks after
the request), "hang" (no answer until the receiver closes), "slow" (answers after `release()`;
`await_begun()` waits for the request).
Failures of the mail server: "421", "451", "550" and so on, as its answer to the message.
"""

import json
import re
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller

from tests.lab.threaded import Posts

_WAIT_S = 30.0
_ID = re.compile(r"([0-9a-f]{64})\s*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message as it came over the wire; `accepted`: whether the sender was told success."""

    title: str
    body: str
    kind: str
    accepted: bool

    @property
    def id(self) -> str:
        """The alert's id: the end of the body's last line; empty where there is none."""
        match = _ID.search(self.body)
        return match[1] if match else ""


class Receiver:
    """What both receivers share: the record of what came, and the failure that is switched on."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._failure = ""
        self._left: int | None = None
        self._closed = threading.Event()
        self.received: list[Received] = []

    @property
    def accepted(self) -> list[Received]:
        """What was acknowledged with success, in the order of arrival."""
        with self._changed:
            return [message for message in self.received if message.accepted]

    def fail(self, failure: str, times: int | None = None) -> None:
        """Answer the next `times` messages with `failure`; None: all until `fail("")`."""
        with self._changed:
            self._failure, self._left = failure, times

    def wait(self, count: int, timeout_s: float = _WAIT_S) -> list[Received]:
        """The accepted messages, once there are `count`; TimeoutError names how many came."""
        return self._await(count, lambda: self.accepted, timeout_s)

    def wait_attempts(self, count: int, timeout_s: float = _WAIT_S) -> list[Received]:
        """All messages, refused ones too, once there are `count`."""
        return self._await(count, lambda: list(self.received), timeout_s)

    def _await(
        self, count: int, those: Callable[[], list[Received]], timeout_s: float
    ) -> list[Received]:
        with self._changed:
            if not self._changed.wait_for(lambda: len(those()) >= count, timeout_s):
                raise TimeoutError(f"{len(those())} messages came, {count} were awaited")
            return those()

    def _next_failure(self) -> str:
        with self._changed:
            failure = self._failure
            if failure and self._left is not None:
                self._left -= 1
                if self._left <= 0:
                    self._failure = ""
            return failure

    def _record(self, title: str, body: str, kind: str, *, accepted: bool) -> None:
        message = Received(title=title, body=body, kind=kind, accepted=accepted)
        with self._changed:
            self.received.append(message)
            self._changed.notify_all()


class Webhook(Receiver, Posts):
    """An HTTP server that takes Apprise's JSON (`json://`)."""

    def __init__(self) -> None:
        Receiver.__init__(self)
        Posts.__init__(self)
        self._begun = threading.Event()
        self._released = threading.Event()

    def url(self, path: str = "/alerts", credentials: str = "", query: str = "") -> str:
        """The Apprise URL of this receiver; `credentials` as `user:password`."""
        at = f"{credentials}@" if credentials else ""
        return f"json://{at}127.0.0.1:{self.port}{path}{query}"

    def await_begun(self) -> None:
        """Until a request waits for its slow answer."""
        if not self._begun.wait(_WAIT_S):
            raise TimeoutError("no request came")

    def release(self) -> None:
        """Let the slow answers go."""
        self._released.set()

    def _stop(self) -> None:
        self._closed.set()
        self._released.set()
        super()._stop()

    def answer(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        """One request, in its own thread."""
        payload: dict[str, Any] = json.loads(body)
        failure = self._next_failure()
        if failure == "slow":
            self._begun.set()
            self._released.wait(_WAIT_S)
        self._record(
            str(payload.get("title", "")),
            str(payload.get("message", "")),
            str(payload.get("type", "")),
            accepted=failure in ("", "slow"),
        )
        if failure == "hang":
            self._closed.wait(_WAIT_S)
        elif failure == "reset":
            # A linger time of zero makes close() send RST.
            linger = struct.pack("ii", 1, 0)
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            request.connection.close()
        else:
            request.send_response(int(failure) if failure.isdigit() else 200)
            if failure.startswith("3"):
                request.send_header("Location", "/elsewhere")
            request.send_header("Content-Length", "0")
            request.end_headers()


class MailServer(Receiver):
    """An SMTP server that takes mail without TLS (`mailto://…?mode=insecure`)."""

    def __init__(self) -> None:
        super().__init__()
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
        self._controller = Controller(self, hostname="127.0.0.1", port=port)

    def url(self, *, user: str = "sasando", to: str = "noc@example.org") -> str:
        """The Apprise URL of this receiver."""
        return (
            f"mailto://127.0.0.1:{self._controller.port}/?smtp=127.0.0.1&mode=insecure"
            f"&from={user}@example.org&to={to}"
        )

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802
        """One message, on aiosmtpd's own loop."""
        mail = message_from_bytes(envelope.content, policy=default)
        part = mail.get_body(("plain", "html"))
        text = "" if part is None else str(part.get_content())
        failure = self._next_failure()
        self._record(str(mail["Subject"]), text.strip(), "", accepted=not failure)
        return f"{failure} refused by the test" if failure else "250 taken"

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed.set()
        self._controller.stop()
