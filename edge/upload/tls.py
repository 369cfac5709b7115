"""Whom the box trusts, and how it proves who it is."""

from __future__ import annotations

import ssl
from pathlib import Path

import httpx

from edge.errors import SettingsInvalid
from edge.upload.addresses import Addresses


def tls_context(
    ca_file: Path | None = None, certificate_file: Path | None = None, certificate_key_file: Path | None = None
) -> ssl.SSLContext:
    """Return what connections are made with. Raises SettingsInvalid for files that are missing or do not fit.

    With `ca_file` its authorities count and no others, without it the public ones. `certificate_file` may hold the
    private key as well.
    """
    context = _trusting(ca_file)
    if certificate_file is not None:
        _show(context, certificate_file, certificate_key_file or certificate_file)
    return context


def tls_for(
    addresses: Addresses,
    ca_file: Path | None = None,
    certificate_file: Path | None = None,
    certificate_key_file: Path | None = None,
) -> ssl.SSLContext:
    """Return what connections to these addresses are made with. Raises SettingsInvalid as `tls_context` does."""
    if addresses.encrypted:
        return tls_context(ca_file, certificate_file, certificate_key_file)
    return trusting_nobody()


def trusting_nobody() -> ssl.SSLContext:
    """Return a context for addresses without TLS: it costs nothing, and trusts no certificate at all."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _trusting(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise SettingsInvalid(
            f"gateway.ca_file: {ca_file} holds no certificate", "name a PEM file with the authorities to trust"
        ) from error
    except OSError as error:
        raise _unreadable("ca_file", ca_file, error) from error


def _show(context: ssl.SSLContext, certificate_file: Path, key_file: Path) -> None:
    for name, file in (("certificate_file", certificate_file), ("certificate_key_file", key_file)):
        try:
            file.open("rb").close()
        except OSError as error:
            raise _unreadable(name, file, error) from error
    try:
        # Without a password of ours OpenSSL would ask for one on the terminal, and wait.
        context.load_cert_chain(certificate_file, key_file, password=lambda: b"")
    except (ssl.SSLError, ValueError) as error:
        wrong = "do not belong together" if "KEY_VALUES_MISMATCH" in str(error) else f"cannot be used: {error}"
        raise SettingsInvalid(
            f"gateway.certificate_file: {certificate_file} and the key in {key_file} {wrong}",
            "name a certificate and its own key, PEM files, the key without a password",
        ) from error


def _unreadable(name: str, file: Path, error: OSError) -> SettingsInvalid:
    return SettingsInvalid(
        f"gateway.{name}: cannot read {file}: {error.strerror or error}", "check its name and its owner"
    )
