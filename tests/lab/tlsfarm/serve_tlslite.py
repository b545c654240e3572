"""TLS servers of tlslite-ng, a TLS of its own in Python: SSLv3 to TLS 1.3, and odd settings.

Runs in the oracle's own environment, alone: `python serve_tlslite.py < orders.json`, which prints
"ready". `settings` of an order are attributes of tlslite's HandshakeSettings.
"""

import contextlib
import json
import socket
import sys
import threading

from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey

_PEER_S = 10
_AT_ONCE = threading.BoundedSemaphore(64)


def serve(order: dict) -> None:
    """Accept for ever."""
    chain, key = X509CertChain(), None
    if order.get("chain"):
        with open(order["chain"], encoding="ascii") as pem:  # noqa: PTH123
            chain.parsePemList(pem.read())
        with open(order["key"], encoding="ascii") as pem:  # noqa: PTH123
            key = parsePEMKey(pem.read(), private=True)
    settings = HandshakeSettings()
    for name, value in order.get("settings", {}).items():
        if not hasattr(settings, name):
            raise ValueError(f"tlslite has no setting {name}")
        setattr(settings, name, tuple(value) if name.endswith("Version") else value)
    if "versions" in order.get("settings", {}):
        settings.versions = [tuple(one) for one in settings.versions]
    settings = settings.validate()
    wishes = {"settings": settings, "reqCert": order.get("reqCert", False)}
    if order.get("alpn"):
        wishes["alpn"] = [bytearray(one.encode()) for one in order["alpn"]]
    if order.get("anon"):
        wishes["anon"] = True
    else:
        wishes |= {"certChain": chain, "privateKey": key}
    listener = socket.create_server((order["address"], order["port"]), backlog=256)
    threading.Thread(target=_accept, args=(listener, wishes), daemon=True).start()


def _accept(listener: socket.socket, wishes: dict) -> None:
    while True:
        peer, _ = listener.accept()
        _AT_ONCE.acquire()
        threading.Thread(target=_talk, args=(peer, wishes), daemon=True).start()


def _talk(peer: socket.socket, wishes: dict) -> None:
    try:
        with peer, contextlib.suppress(Exception):
            peer.settimeout(_PEER_S)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            session = TLSConnection(peer)
            session.handshakeServer(**wishes)
            session.read(max=1, min=1)
            session.close()
    finally:
        _AT_ONCE.release()


if __name__ == "__main__":
    for _order in json.load(sys.stdin):
        serve(_order)
    print("ready", flush=True)
    threading.Event().wait()
