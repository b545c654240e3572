"""TLS servers of Python's own ssl: `python serve_python.py < orders.json`, prints "ready"."""

import contextlib
import json
import socket
import ssl
import sys
import threading
from typing import Any

_VERSIONS = {
    "TLSv1.0": ssl.TLSVersion.TLSv1,
    "TLSv1.1": ssl.TLSVersion.TLSv1_1,
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
_PEER_S = 10
_AT_ONCE = threading.BoundedSemaphore(64)


def context(order: dict[str, Any]) -> ssl.SSLContext:
    """A server's context as the order says."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = min(_VERSIONS[name] for name in order["protocols"])
    made.maximum_version = max(_VERSIONS[name] for name in order["protocols"])
    if order.get("ciphers"):
        made.set_ciphers(order["ciphers"])
    if order.get("curve"):
        made.set_ecdh_curve(order["curve"])
    made.load_cert_chain(order["chain"], order["key"])
    if order.get("alpn"):
        made.set_alpn_protocols(order["alpn"])
    if order.get("verify"):
        made.load_verify_locations(order["ca"])
        made.verify_mode = getattr(ssl, f"CERT_{order['verify'].upper()}")
    return made


def _accept(listener: socket.socket, made: ssl.SSLContext) -> None:
    while True:
        peer, _ = listener.accept()
        _AT_ONCE.acquire()
        threading.Thread(target=_talk, args=(peer, made), daemon=True).start()


def _talk(peer: socket.socket, made: ssl.SSLContext) -> None:
    try:
        with peer, contextlib.suppress(OSError):
            peer.settimeout(_PEER_S)
            with made.wrap_socket(peer, server_side=True) as session:
                session.recv(1)
    finally:
        _AT_ONCE.release()


if __name__ == "__main__":
    for _order in json.load(sys.stdin):
        _listener = socket.create_server((_order["address"], _order["port"]), backlog=256)
        threading.Thread(target=_accept, args=(_listener, context(_order)), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()
