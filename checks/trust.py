"""Whose certificates are believed: the system's roots and the operator's own."""

import os
import ssl
import warnings
from pathlib import Path

from monitor.model import Fault, FaultKind

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def system_bundle() -> str:
    """Path of the system's root certificates: SSL_CERT_FILE, OpenSSL's, a known one; or empty."""
    wishes = (os.environ.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, *_BUNDLES)
    return next((path for path in wishes if path and Path(path).is_file()), "")


def bundles(ca_file: str) -> tuple[str, ...]:
    """The PEM files whose certificates are roots."""
    return tuple(path for path in (system_bundle(), ca_file) if path)


def no_roots() -> Fault:
    """Without roots nothing can be said about trust."""
    return Fault(
        kind=FaultKind.LOCAL_RESOURCE,
        message="no root certificates on this host: install ca-certificates or set ca_file",
    )


def verifying_context(ca_file: str) -> ssl.SSLContext | Fault:
    """A client's context that demands a trusted certificate with the right name."""
    paths = bundles(ca_file)
    if not paths:
        return no_roots()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for path in paths:
        try:
            context.load_verify_locations(path)
        except OSError as error:
            return Fault(
                kind=FaultKind.LOCAL_RESOURCE,
                message=f"cannot read root certificates from {path}: {error}",
            )
    return context


def looking_context() -> ssl.SSLContext:
    """A context that completes a handshake with any server, to look at it. NEVER for secrets.

    Old protocols and weak keys are accepted here because they are what is to be seen.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    return context
