"""Telling systemd: READY, STATUS, WATCHDOG, RELOADING, STOPPING (sd_notify(3))."""

import os
import socket
import time


class Notifier:
    """Speaks to NOTIFY_SOCKET; silent where there is none."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        self.watchdog_us = int(os.environ.get("WATCHDOG_USEC", "0"))

    def tell(self, **fields: str) -> None:
        """Send `NAME=value` lines; a socket that is gone is no reason to stop."""
        if not self._address:
            return
        text = "\n".join(f"{name}={value}" for name, value in fields.items())
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            try:
                sock.sendto(text.encode(), socket.MSG_DONTWAIT, address)
            except OSError:
                return

    def reloading(self) -> None:
        """RELOADING with the monotonic time that Type=notify-reload wants."""
        self.tell(RELOADING="1", MONOTONIC_USEC=str(time.monotonic_ns() // 1_000))
