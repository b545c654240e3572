"""TLS servers of the OpenSSL inside the `cryptography` wheel (4.0: ML-KEM), by pyOpenSSL.

Runs in the oracle's own environment, alone: `python serve_newssl.py < orders.json`, prints "ready".
"""

import contextlib
import json
import socket
import sys
import threading

from cryptography.hazmat.bindings._rust import _openssl
from OpenSSL import SSL

_VERSIONS = {"TLSv1.0": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
_PEER_S = 10
_AT_ONCE = threading.BoundedSemaphore(64)


def context(order: dict) -> SSL.Context:
    """A server's context as the order says."""
    made = SSL.Context(SSL.TLS_SERVER_METHOD)
    asked = [_VERSIONS[name] for name in order["protocols"]]
    made.set_min_proto_version(min(asked))
    made.set_max_proto_version(max(asked))
    made.set_cipher_list(order.get("ciphers", "DEFAULT").encode())
    if order.get("suites13"):
        made.set_tls13_ciphersuites(order["suites13"].encode())
    if order.get("groups"):
        lib = _openssl.lib
        if lib.SSL_CTX_set1_curves_list(made._context, order["groups"].encode()) != 1:
            raise ValueError(f"this OpenSSL does not know every one of {order['groups']}")
    if order.get("early_data"):
        _openssl.lib.SSL_CTX_set_max_early_data(made._context, order["early_data"])
    made.use_certificate_chain_file(order["chain"])
    made.use_privatekey_file(order["key"])
    chosen = [one.encode() for one in order.get("alpn", ())]
    if chosen:
        made.set_alpn_select_callback(
            lambda _, offered: next(
                (one for one in chosen if one in offered), SSL.NO_OVERLAPPING_PROTOCOLS
            )
        )
    return made


def _accept(listener: socket.socket, made: SSL.Context) -> None:
    while True:
        peer, _ = listener.accept()
        _AT_ONCE.acquire()
        threading.Thread(target=_talk, args=(peer, made), daemon=True).start()


def _talk(peer: socket.socket, made: SSL.Context) -> None:
    try:
        with peer, contextlib.suppress(Exception):
            seconds = _PEER_S.to_bytes(8, "little") + bytes(8)  # a timeval; the socket blocks
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
            session = SSL.Connection(made, peer)
            session.set_accept_state()
            session.do_handshake()
            session.recv(1)
    finally:
        _AT_ONCE.release()


if __name__ == "__main__":
    for _order in json.load(sys.stdin):
        _listener = socket.create_server((_order["address"], _order["port"]), backlog=256)
        threading.Thread(target=_accept, args=(_listener, context(_order)), daemon=True).start()
    print("ready", flush=True)
    threading.Event().wait()
