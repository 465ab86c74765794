"""Makes the TLS context from the settings."""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from urllib3.util.ssl_ import create_urllib3_context

from conductor.errors import ConfigurationError
from conductor.settings import HttpSettings, is_pem


def ssl_context(settings: HttpSettings) -> ssl.SSLContext:
    """The TLS context of the settings. ConfigurationError if a certificate cannot be used."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if settings.verify else ssl.CERT_NONE)
    used = {"ca_file": settings.ca_file}
    try:
        if settings.ca_file is None:
            context.load_default_certs()
        else:
            context.load_verify_locations(settings.ca_file)
        if settings.client_cert is not None:
            used = {"client_cert": settings.client_cert, "client_key": settings.client_key}
            _load_client_certificate(context, settings.client_cert, settings.client_key)
    except OSError as error:  # ssl.SSLError is one
        shown = " with ".join(name if is_pem(value) else f"{name} {value}" for name, value in used.items() if value)
        raise ConfigurationError(f"{shown} cannot be used as a certificate: {error}") from error
    return context


def storage_context(settings: HttpSettings) -> ssl.SSLContext:
    """The TLS context for other servers than that of the settings.

    It accepts the authorities of the system and those of ca_file, checks the certificate in any case, and has no client
    certificate.
    """
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    context.load_default_certs()
    if settings.ca_file is not None:
        context.load_verify_locations(settings.ca_file)
    return context


def _load_client_certificate(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    with ExitStack() as files:
        certificate = files.enter_context(_as_file(cert))
        its_key = None if key is None else files.enter_context(_as_file(key))
        # Without a password, OpenSSL would ask on the terminal for the password of an encrypted key.
        context.load_cert_chain(certificate, its_key, password="")


@contextmanager
def _as_file(path_or_text: str) -> Iterator[str]:
    """The path, or the path of a temporary file with the text, which only this user can read."""
    if not is_pem(path_or_text):
        yield path_or_text
        return
    descriptor, path = tempfile.mkstemp(suffix=".pem")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(path_or_text.encode("utf-8", "replace"))
        yield path
    finally:
        Path(path).unlink()
