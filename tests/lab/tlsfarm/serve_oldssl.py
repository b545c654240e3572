"""TLS servers of two old OpenSSLs: 1.0.2 (SSLv2, SSLv3, export, DES, RC4, anonymous) and 1.1.1.

Both lie whole, with their server halves, inside nassl's two extension modules (a client library
of sslyze). Their functions are local symbols there, so each is called at the address that the
module's symbol table gives it. Runs in the oracle's own environment, alone:

    python serve_oldssl.py nassl/_nassl_legacy….so < orders.json     # prints "ready"

One child process for each connection: this OpenSSL knows nothing of our threads.
"""

import ctypes
import json
import mmap
import os
import selectors
import signal
import socket
import struct
import sys
from pathlib import Path

_CTRL = {"tmp_rsa": 2, "tmp_dh": 3, "tmp_ecdh": 4, "options": 32, "clear_options": 77}
_EC_NAMED = {"secp256r1": 415, "secp384r1": 715, "secp521r1": 716}
_NO = {"SSLv2": 1 << 24, "SSLv3": 1 << 25, "TLSv1.0": 1 << 26, "TLSv1.2": 1 << 27,
       "TLSv1.1": 1 << 28, "TLSv1.3": 1 << 29}  # fmt: skip
_OPTIONS = {"server_preference": 1 << 22, "no_compression": 1 << 17, "no_renegotiation": 1 << 30}
_CHILDREN = 48
_CHILD_S = 20


class Library:
    """Functions of an OpenSSL that is hidden in a shared object."""

    def __init__(self, path: str) -> None:
        self._loaded = ctypes.CDLL(path)
        self._places = _symbols(Path(path))
        entry = next(name for name in self._places if name.startswith("PyInit_"))
        at = ctypes.cast(getattr(self._loaded, entry), ctypes.c_void_p).value or 0
        self._base = at - self._places[entry]

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def call(self, name: str, *given: object, result: object = ctypes.c_void_p) -> int:
        """Call a function; texts and None are pointers, an int is a long, so is the result."""
        shaped = [
            one if not isinstance(one, int) else ctypes.c_long(one)
            for one in (item.encode() if isinstance(item, str) else item for item in given)
        ]
        prototype = ctypes.CFUNCTYPE(result)
        function = ctypes.cast(self._base + self._places[name], prototype)
        return function(*shaped) or 0


def _symbols(path: Path) -> dict[str, int]:
    """Name → address of every defined symbol of an ELF-64 file (System V ABI, chapter 4)."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
        table, entry_size, count = struct.unpack_from("<40xQ10xHH", image)
        sections = [
            struct.unpack_from("<IIQQQQIIQQ", image, table + number * entry_size)
            for number in range(count)
        ]
        found: dict[str, int] = {}
        for section in sections:
            if section[1] != 2:  # SHT_SYMTAB
                continue
            texts = sections[section[6]][4]
            for at in range(section[4], section[4] + section[5], 24):
                name, _, _, index, value, _ = struct.unpack_from("<IBBHQQ", image, at)
                if index and value:
                    end = image.find(b"\0", texts + name)
                    found.setdefault(image[texts + name : end].decode(), value)
        return found


def context(lib: Library, order: dict) -> int:
    """An SSL_CTX as the order says; raises where the library refuses a part of it."""
    legacy = "SSLv23_method" in lib
    only_v2 = order["protocols"] == ["SSLv2"]
    method = "SSLv2_server_method" if only_v2 else "SSLv23_method" if legacy else "TLS_method"
    made = ctypes.c_void_p(lib.call("SSL_CTX_new", ctypes.c_void_p(lib.call(method))))
    lib.call("SSL_CTX_ctrl", made, _CTRL["clear_options"], 0x7FFFFFFF, None)
    options = sum(bit for name, bit in _NO.items() if name not in order["protocols"])
    options |= sum(_OPTIONS[name] for name in order.get("options", ()))
    if legacy:
        lib.call("SSL_CTX_ctrl", made, _CTRL["options"], options, None)
    else:
        lib.call("SSL_CTX_set_options", made, options)
        lib.call("SSL_CTX_ctrl", made, 123, 0x0300, None)  # lowest version; options say the rest
    _must(lib, lib.call("SSL_CTX_set_cipher_list", made, order["ciphers"], result=ctypes.c_int))
    if order.get("chain"):
        if only_v2:  # this method knows no chain
            _must(lib, lib.call("SSL_CTX_use_certificate_file", made, order["chain"], 1))
        else:
            _must(lib, lib.call("SSL_CTX_use_certificate_chain_file", made, order["chain"]))
        _must(lib, lib.call("SSL_CTX_use_PrivateKey_file", made, order["key"], 1))
    if not only_v2:
        _key_exchanges(lib, made, order, legacy)
    if order.get("verify"):
        lib.call("SSL_CTX_set_verify", made, {"optional": 1, "required": 3}[order["verify"]], None)
    return made.value or 0


def _key_exchanges(lib: Library, made: ctypes.c_void_p, order: dict, legacy: bool) -> None:
    if order.get("dh"):
        source = ctypes.c_void_p(lib.call("BIO_new_file", order["dh"], "r"))
        group = ctypes.c_void_p(lib.call("PEM_read_bio_DHparams", source, None, None, None))
        _must(lib, lib.call("SSL_CTX_ctrl", made, _CTRL["tmp_dh"], 0, group))
    if not legacy:
        return
    curve = lib.call("EC_KEY_new_by_curve_name", _EC_NAMED[order.get("curve", "secp256r1")])
    _must(lib, lib.call("SSL_CTX_ctrl", made, _CTRL["tmp_ecdh"], 0, ctypes.c_void_p(curve)))
    # The weak RSA key of export suites.
    number = ctypes.c_void_p(lib.call("BN_new"))
    lib.call("BN_set_word", number, 65_537)
    weak = ctypes.c_void_p(lib.call("RSA_new"))
    lib.call("RSA_generate_key_ex", weak, 512, number, None)
    _must(lib, lib.call("SSL_CTX_ctrl", made, _CTRL["tmp_rsa"], 0, weak))


def _must(lib: Library, answer: int) -> None:
    if answer & 0xFFFFFFFF != 1:
        text = ctypes.create_string_buffer(256)
        number = ctypes.c_ulong(lib.call("ERR_get_error", result=ctypes.c_ulong))
        lib.call("ERR_error_string_n", number, text, 256)
        raise OSError(f"this OpenSSL refused a setting: {text.value.decode()}")


def talk(lib: Library, made: int, peer: socket.socket) -> None:
    """Shake hands and read until the peer leaves; runs in the child."""
    signal.alarm(_CHILD_S)
    session = ctypes.c_void_p(lib.call("SSL_new", ctypes.c_void_p(made)))
    lib.call("SSL_set_fd", session, peer.fileno())
    if lib.call("SSL_accept", session, result=ctypes.c_int) == 1:
        room = ctypes.create_string_buffer(4_096)
        while lib.call("SSL_read", session, room, 4_096, result=ctypes.c_int) > 0:
            pass
    lib.call("SSL_shutdown", session, result=ctypes.c_int)


def main(path: str) -> None:
    """Serve every order of standard input until ended."""
    lib = Library(path)
    if "SSL_library_init" in lib:
        lib.call("SSL_library_init")
    chosen = selectors.DefaultSelector()
    for order in json.load(sys.stdin):
        made = context(lib, order)
        listener = socket.create_server((order["address"], order["port"]), backlog=256)
        chosen.register(listener, selectors.EVENT_READ, made)
    print("ready", flush=True)
    children = 0
    while True:
        for ready, _ in chosen.select():
            peer, _ = ready.fileobj.accept()
            children += 1
            if os.fork() == 0:
                try:
                    talk(lib, ready.data, peer)
                finally:
                    os._exit(0)
            peer.close()
        while children:
            pid, _ = os.waitpid(-1, 0 if children >= _CHILDREN else os.WNOHANG)
            if pid == 0:
                break
            children -= 1


if __name__ == "__main__":
    main(sys.argv[1])
