"""Asks sslyze about servers and prints what it says, in the words of our evidence, as JSON.

Runs in the oracle's environment, alone: `python run_sslyze.py < targets.json`.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from cryptography.x509 import DNSName, SubjectAlternativeName
from sslyze import (
    ScanCommand,
    ScanCommandAttemptStatusEnum,
    ScanCommandsExtraArguments,
    Scanner,
    ServerConnectivityStatusEnum,
    ServerNetworkConfiguration,
    ServerNetworkLocation,
    ServerScanRequest,
)
from sslyze.plugins.certificate_info.implementation import CertificateInfoExtraArgument

_SUITES = {
    "SSLv2": "ssl_2_0_cipher_suites", "SSLv3": "ssl_3_0_cipher_suites",
    "TLSv1.0": "tls_1_0_cipher_suites", "TLSv1.1": "tls_1_1_cipher_suites",
    "TLSv1.2": "tls_1_2_cipher_suites", "TLSv1.3": "tls_1_3_cipher_suites",
}  # fmt: skip
_COMMANDS = {ScanCommand(name) for name in _SUITES.values()} | {
    ScanCommand.CERTIFICATE_INFO, ScanCommand.TLS_COMPRESSION, ScanCommand.TLS_1_3_EARLY_DATA,
    ScanCommand.SESSION_RENEGOTIATION, ScanCommand.ELLIPTIC_CURVES,
}  # fmt: skip
_GROUPS = {"X25519": "x25519", "X448": "x448", "prime256v1": "secp256r1", "prime192v1": "secp192r1"}


def main() -> None:
    """Scan all targets in one process, as its command line does."""
    order = json.load(sys.stdin)
    before, begun = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    scanner = Scanner()
    scanner.queue_scans([_request(target, order["ca"]) for target in order["targets"]])
    said = {}
    for result in scanner.get_results():
        name = f"{result.server_location.ip_address}:{result.server_location.port}"
        said[name] = _facts(result)
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = {
        "wall": time.monotonic() - begun,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak": _peak(),
    }
    json.dump({"said": said, "spent": spent}, sys.stdout)


def _peak() -> int:
    """Bytes; ru_maxrss would remember the process from before its exec."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1_024 for line in lines if line.startswith("VmHWM:"))


def _request(target: dict[str, Any], ca: str) -> ServerScanRequest:
    name, address, port = target["server_name"], target["address"], target["port"]
    return ServerScanRequest(
        server_location=ServerNetworkLocation(hostname=name, port=port, ip_address=address),
        network_configuration=ServerNetworkConfiguration(
            tls_server_name_indication=name, network_timeout=5, network_max_retries=2
        ),
        scan_commands=_COMMANDS,
        scan_commands_extra_arguments=ScanCommandsExtraArguments(
            certificate_info=CertificateInfoExtraArgument(custom_ca_file=Path(ca))
        ),
    )


def _facts(result: Any) -> dict[str, Any]:
    if result.connectivity_status is not ServerConnectivityStatusEnum.COMPLETED:
        return {"error": str(result.connectivity_error_trace)[-300:]}
    facts: dict[str, Any] = {}
    suites = {
        version: sorted(one.cipher_suite.name for one in answer.accepted_cipher_suites)
        for version, name in _SUITES.items()
        if (answer := _answer(result, name)) is not None
    }
    facts["protocols"] = [version for version, found in suites.items() if found]
    facts["cipher_suites"] = {version: found for version, found in suites.items() if found}
    for read in (_certificate, _others):
        facts |= read(result)
    return {name: value for name, value in facts.items() if value is not None}


def _answer(result: Any, name: str) -> Any:
    attempt = getattr(result.scan_result, name)
    done = attempt.status is ScanCommandAttemptStatusEnum.COMPLETED
    return attempt.result if done else None


def _certificate(result: Any) -> dict[str, Any]:
    answer = _answer(result, "certificate_info")
    if answer is None or not answer.certificate_deployments:
        return {}
    # One deployment for each kind of key: ours shows the certificate of its first choice.
    shown = answer.certificate_deployments
    believed = any(
        path.was_validation_successful
        for path in shown[0].path_validation_results
        if path.trust_store.name.startswith("Supplied")
    )
    leaf, ocsp = shown[0].received_certificate_chain[0], shown[0].ocsp_response
    names = leaf.extensions.get_extension_for_class(SubjectAlternativeName).value
    named = result.server_location.hostname in names.get_values_for_type(DNSName)
    return {
        # It judges name and trust together.
        "trusted": believed if believed or named else None,
        "not_after": leaf.not_valid_after_utc.isoformat().replace("+00:00", "Z"),
        "stapled": ocsp is not None,
        "key_bits": getattr(leaf.public_key(), "key_size", None),
        "certificates": len(shown),
    }


def _others(result: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    compression = _answer(result, "tls_compression")
    if compression is not None:
        facts["compression"] = compression.supports_compression
    renegotiation = _answer(result, "session_renegotiation")
    if renegotiation is not None:
        facts["client_renegotiation"] = renegotiation.is_vulnerable_to_client_renegotiation_dos
        secure = renegotiation.supports_secure_renegotiation
        facts["renegotiation"] = "secure" if secure else "none"
    early = _answer(result, "tls_1_3_early_data")
    if early is not None:
        facts["early_data"] = early.supports_early_data
    curves = _answer(result, "elliptic_curves")
    if curves is not None and curves.supported_curves is not None:
        names = [one.name for one in curves.supported_curves]
        facts["groups"] = sorted(_GROUPS.get(name, name) for name in names)
    return facts


if __name__ == "__main__":
    main()
