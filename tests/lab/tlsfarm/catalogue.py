"""Every server of the farm. A new one is one line; names say maker and what is particular."""

from tests.lab.tlsfarm.entry import ALL, ANCIENT, MODERN, V12, V13, Entry

_EVERY = "ALL:eNULL:@SECLEVEL=0"
INTERMEDIATE = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
"""Suites that every profile but the most modern allows."""
_KEYS = {
    "rsa1024": ("rsa", 1_024), "rsa2048": ("rsa", 2_048), "rsa4096": ("rsa", 4_096),
    "p256": ("ec", 256), "p384": ("ec", 384), "p521": ("ec", 521),
}  # fmt: skip


def _entry(
    maker: str,
    name: str,
    protocols: tuple[str, ...] = MODERN,
    *,
    key: str = "rsa2048",
    fault: str = "",
    truth: dict[str, object] | None = None,
    **options: object,
) -> Entry:
    told: dict[str, object] = {"trusted": fault in ("", "wrong-name", "other")} if key else {}
    if key:
        told["hostname_matches"] = fault != "wrong-name"
    if key in _KEYS:
        told["key_type"], told["key_bits"] = _KEYS[key]
    if key == "rsa1024":
        del told["trusted"]  # whether so weak a key is trusted, the settings do not say
    return Entry(
        name=f"{maker}-{name}",
        maker=maker,
        protocols=protocols,
        key=key,
        fault=fault,
        options=options,
        truth={**told, **(truth or {})},
    )


def _nginx() -> list[Entry]:
    return [
        _entry("nginx", "modern", V13, key="p256"),
        _entry("nginx", "intermediate", ciphers=INTERMEDIATE),
        _entry("nginx", "old", ALL, ciphers=_EVERY, prefer=True, dh=2_048),
        _entry("nginx", "every-suite", V12, ciphers=_EVERY, dh=2_048),
        _entry("nginx", "tls10-only", ("TLSv1.0",), ciphers=_EVERY),
        _entry("nginx", "tls11-only", ("TLSv1.1",), ciphers=_EVERY),
        _entry("nginx", "tls10-and-12", ("TLSv1.0", "TLSv1.2"), ciphers=_EVERY),
        _entry("nginx", "rsa-exchange", V12, ciphers="AES128-SHA:AES256-SHA",
               truth={"cipher_suites": {"TLSv1.2": ["TLS_RSA_WITH_AES_128_CBC_SHA",
                                                     "TLS_RSA_WITH_AES_256_CBC_SHA"]},
                      "dhe": False}),
        _entry("nginx", "dhe-1024", V12, ciphers="kDHE:!aNULL:@SECLEVEL=0", dh=1_024,
               truth={"dh_bits": 1_024, "dhe": True}),
        _entry("nginx", "dhe-2048", ciphers="kDHE+AESGCM", dh=2_048,
               truth={"dh_bits": 2_048, "dhe": True}),
        _entry("nginx", "camellia-aria-ccm", V12, ciphers="CAMELLIA:ARIA:AESCCM:!aNULL:!PSK",
               dh=2_048),
        _entry("nginx", "anonymous-too", V12, ciphers="aNULL:AES128-SHA:@SECLEVEL=0", dh=2_048),
        _entry("nginx", "two-keys", key="p256", second="rsa2048", ciphers=INTERMEDIATE,
               prefer=True),
        _entry("nginx", "ed25519", key="ed25519"),
        _entry("nginx", "ed448", V13, key="ed448"),
        _entry("nginx", "p384-alone", key="p384", curves="secp384r1",
               truth={"groups": ["secp384r1"]}),
        _entry("nginx", "p521", key="p521", curves="secp521r1", truth={"groups": ["secp521r1"]}),
        _entry("nginx", "x25519-alone", curves="X25519", truth={"groups": ["x25519"]}),
        _entry("nginx", "x448-alone", curves="X448", truth={"groups": ["x448"]}),
        _entry("nginx", "rsa1024", key="rsa1024", ciphers="DEFAULT:@SECLEVEL=0"),
        _entry("nginx", "rsa4096", key="rsa4096"),
        _entry("nginx", "expired", key="p256", fault="expired"),
        _entry("nginx", "incomplete", key="p256", fault="incomplete"),
        _entry("nginx", "self-signed", key="p256", fault="self-signed"),
        _entry("nginx", "wrong-name", key="p256", fault="wrong-name"),
        _entry("nginx", "h2", alpn=True, key="p256", truth={"alpn": ["h2", "http/1.1"]}),
        # nginx completes the handshake and refuses in HTTP: at the level of TLS it only asks.
        _entry("nginx", "client-on", verify="on", truth={"client_certificate": "asked"}),
        _entry("nginx", "client-optional", V12, verify="optional",
               truth={"client_certificate": "asked"}),
        _entry("nginx", "staple-good", staple="good", truth={"ocsp": "good"}),
        _entry("nginx", "staple-revoked", V12, staple="revoked", truth={"ocsp": "revoked"}),
        _entry("nginx", "staple-expired", staple="expired", truth={"ocsp": "expired"}),
        _entry("nginx", "early-data", V13, early_data=True, truth={"early_data": True}),
        _entry("nginx", "chacha-first", prefer=True, ciphers=INTERMEDIATE, chacha=True),
        _entry("nginx", "rejects-unnamed", reject_unnamed=True, truth={"sni_missing": "refused"}),
        _entry("nginx", "default-elsewhere", key="p256", default="other",
               truth={"sni_missing": "other-certificate", "sni_wrong": "other-certificate"}),
    ]  # fmt: skip


def _haproxy() -> list[Entry]:
    return [
        _entry("haproxy", "plain", key="p256"),
        _entry("haproxy", "tls13", V13),
        _entry("haproxy", "old", ALL, ciphers=_EVERY),
        _entry("haproxy", "client-order", bind="prefer-client-ciphers"),
        _entry("haproxy", "h2", bind="alpn h2,http/1.1", truth={"alpn": ["h2", "http/1.1"]}),
        _entry("haproxy", "client-required", bind="verify required ca-file {ca}",
               truth={"client_certificate": "required"}),
        _entry("haproxy", "client-optional", bind="verify optional ca-file {ca}",
               truth={"client_certificate": "asked"}),
        _entry("haproxy", "strict-sni", bind="strict-sni", truth={"sni_missing": "refused",
                                                                  "sni_wrong": "refused"}),
        _entry("haproxy", "early-data", V13, bind="allow-0rtt", truth={"early_data": True}),
        _entry("haproxy", "p521", bind="curves P-521", truth={"groups": ["secp521r1"]}),
    ]  # fmt: skip


def _s_server() -> list[Entry]:
    return [
        _entry("s_server", "plain"),
        _entry("s_server", "tls13-ccm", V13, key="p256",
               args="-ciphersuites TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256",
               truth={"cipher_suites": {"TLSv1.3": ["TLS_AES_128_CCM_8_SHA256",
                                                     "TLS_AES_128_CCM_SHA256"]}}),
        _entry("s_server", "ffdhe-alone", V13, args="-groups ffdhe2048",
               truth={"groups": ["ffdhe2048"]}),
        _entry("s_server", "p521-alone", V13, key="p521", args="-groups P-521",
               truth={"groups": ["secp521r1"]}),
        _entry("s_server", "old", ALL, key="rsa2048", args=f"-cipher {_EVERY} -serverpref"),
        _entry("s_server", "tls10", ("TLSv1.0",), args=f"-cipher {_EVERY}"),
        _entry("s_server", "null-suites", V12, args="-cipher eNULL:!aNULL:@SECLEVEL=0"),
        _entry("s_server", "anonymous-alone", V12, key="", dh=1_024,
               args="-nocert -cipher aNULL:@SECLEVEL=0"),
        _entry("s_server", "psk-too", V12, args="-psk 1a2b3c4d -cipher PSK:AES128-SHA:@SECLEVEL=0"),
        _entry("s_server", "dsa", ("TLSv1.0", "TLSv1.1", "TLSv1.2"), key="dsa2048", dh=2_048,
               args="-cipher aDSS:@SECLEVEL=0"),
        _entry("s_server", "renegotiates", V12, args="-client_renegotiation",
               truth={"client_renegotiation": True, "renegotiation": "secure"}),
        _entry("s_server", "early-data", V13, args="-early_data", truth={"early_data": True}),
        _entry("s_server", "staple", args="-status_file {staple}", truth={"ocsp": "good"}),
        _entry("s_server", "client-required", V12, args="-Verify 2 -verify_return_error",
               truth={"client_certificate": "required"}),
        _entry("s_server", "alpn", args="-alpn http/1.1", truth={"alpn": ["http/1.1"]}),
        _entry("s_server", "three-keys", key="p256", args="{second}", second="rsa2048"),
        _entry("s_server", "no-tickets", V13, args="-num_tickets 0"),
    ]  # fmt: skip


def _old() -> list[Entry]:
    weak = {"ciphers": "ALL:eNULL", "dh": 512}
    return [
        # SSLv2 has no place for more than the leaf.
        _entry("ssl102", "sslv2-alone", ("SSLv2",), fault="incomplete", **weak),
        _entry("ssl102", "sslv3-alone", ("SSLv3",), **weak, options=["no_compression"],
               truth={"compression": False}),
        _entry("ssl102", "ancient", ANCIENT, **weak, truth={"client_renegotiation": True}),
        _entry("ssl102", "ancient-ordered", ANCIENT, **weak, options=["server_preference"]),
        _entry("ssl102", "sslv2-and-tls12", ("SSLv2", "TLSv1.2"), ciphers="ALL", dh=2_048),
        _entry("ssl102", "export-alone", ("SSLv3", "TLSv1.0"), ciphers="EXPORT", dh=512),
        _entry("ssl102", "rc4-alone", ("TLSv1.0", "TLSv1.1", "TLSv1.2"), ciphers="RC4-SHA:RC4-MD5",
               truth={"cipher_suites": {version: ["TLS_RSA_WITH_RC4_128_MD5",
                                                   "TLS_RSA_WITH_RC4_128_SHA"]
                                        for version in ("TLSv1.0", "TLSv1.1", "TLSv1.2")}}),
        _entry("ssl102", "des-alone", ("SSLv3", "TLSv1.0"),
               ciphers="DES-CBC-SHA:EDH-RSA-DES-CBC-SHA", dh=1_024),
        _entry("ssl102", "anonymous-alone", ("TLSv1.0", "TLSv1.2"), key="",
               ciphers="aNULL", dh=1_024),
        _entry("ssl102", "compressing", V12, ciphers="DEFAULT", truth={"compression": True}),
        _entry("ssl102", "dh-512", V12, ciphers="kEDH+AES", dh=512, truth={"dh_bits": 512}),
        _entry("ssl102", "ecdsa-sslv3", ("SSLv3", "TLSv1.0"), key="p256", ciphers="ALL"),
        _entry("ssl102", "p384-only", V12, key="p384", ciphers="ALL", curve="secp384r1"),
        _entry("ssl111", "every", ALL, ciphers="ALL:eNULL:@SECLEVEL=0", dh=1_024),
        _entry("ssl111", "no-renegotiation", V12, ciphers="DEFAULT", options=["no_renegotiation"],
               truth={"client_renegotiation": False}),
        _entry("ssl111", "gaps", ("TLSv1.0", "TLSv1.2"), ciphers="DEFAULT:@SECLEVEL=0",
               options=["server_preference"]),
    ]  # fmt: skip


def _new() -> list[Entry]:
    return [
        _entry("ssl40", "plain", key="p256", truth={"post_quantum": True}),
        _entry("ssl40", "rsa", truth={"dhe": True, "dh_bits": 2_048}),
        _entry("ssl40", "dhe-alone", V12, ciphers="kDHE:!aNULL", truth={"dhe": True}),
        _entry("ssl40", "mlkem-alone", V13, groups="X25519MLKEM768",
               truth={"post_quantum": True, "groups": ["X25519MLKEM768"]}),
        _entry("ssl40", "no-mlkem", V13, groups="X25519:P-256",
               truth={"post_quantum": False, "groups": ["secp256r1", "x25519"]}),
        _entry("ssl40", "nist-mlkem", V13, groups="SecP256r1MLKEM768:P-256",
               truth={"post_quantum": True, "groups": ["SecP256r1MLKEM768", "secp256r1"]}),
        _entry("ssl40", "alpn", alpn=["h2"], truth={"alpn": ["h2"]}),
        # Without a protocol of its own its TLS 1.3 fails on any client that offers one.
        _entry("tlslite", "plain", ALL, alpn=["http/1.1"], truth={"alpn": ["http/1.1"]}),
        _entry("tlslite", "sslv3-too", ("SSLv3", "TLSv1.0"),
               settings={"minVersion": [3, 0], "maxVersion": [3, 1],
                         "cipherNames": ["aes128", "3des", "rc4"], "macNames": ["sha", "md5"],
                         "versions": [[3, 0], [3, 1]]}),
        _entry("tlslite", "tls13", V13, alpn=["http/1.1"], settings={"minVersion": [3, 4]}),
        _entry("tlslite", "anonymous", V12, key="", anon=True,
               settings={"minVersion": [3, 3], "maxVersion": [3, 3],
                         "keyExchangeNames": ["ecdh_anon", "dh_anon"]}),
        _entry("tlslite", "certificate-asked", V12, reqCert=True,
               settings={"minVersion": [3, 3], "maxVersion": [3, 3]},
               truth={"client_certificate": "asked"}),
    ]  # fmt: skip


def _python() -> list[Entry]:
    return [
        _entry("python", "plain", key="p256"),
        _entry("python", "tls12", V12, ciphers="ECDHE+AESGCM"),
        _entry("python", "client-required", verify="required",
               truth={"client_certificate": "required"}),
        _entry("python", "client-optional", V13, verify="optional",
               truth={"client_certificate": "asked"}),
        _entry("python", "alpn", alpn=["http/1.1"], truth={"alpn": ["http/1.1"]}),
    ]  # fmt: skip


CATALOGUE: tuple[Entry, ...] = (
    *_nginx(), *_haproxy(), *_s_server(), *_python(), *_old(), *_new()
)  # fmt: skip

REPRESENTATIVE = frozenset(
    {
        "nginx-modern", "nginx-intermediate", "nginx-old", "nginx-dhe-1024", "nginx-x25519-alone",
        "nginx-expired", "nginx-staple-revoked", "nginx-client-on", "s_server-ffdhe-alone",
        "s_server-renegotiates",
    }
)  # fmt: skip
"""The few that every run of the tests raises: nginx and the system's OpenSSL."""
