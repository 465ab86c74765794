"""The connection pool: TLS, proxies, and time limits that hold for an answer as a whole."""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import urllib3
from urllib3.util.ssl_ import create_urllib3_context

from conductor.errors import ConfigurationError
from conductor.settings import HttpSettings, is_pem

POOL_SIZE = 1_000  # connections kept for reuse: never fewer than threads, or urllib3 would close and open them in turn


def make_pool(settings: HttpSettings, context: ssl.SSLContext) -> urllib3.PoolManager:
    """A pool for the settings' server, through their proxy if there is one. Nothing is connected yet."""
    timeout = urllib3.Timeout(connect=settings.connect_timeout, read=settings.read_timeout)
    options: dict[str, Any] = {"num_pools": 1, "maxsize": POOL_SIZE, "timeout": timeout, "ssl_context": context}
    if settings.proxy_url is None:
        pool = urllib3.PoolManager(**options)
    else:
        user, _, password = (urllib3.util.parse_url(settings.proxy_url).auth or "").partition(":")
        auth = b64encode(b"%b:%b" % (unquote_to_bytes(user), unquote_to_bytes(password))).decode()
        headers = {"proxy-authorization": f"Basic {auth}"} if user else None
        pool = urllib3.ProxyManager(settings.proxy_url, proxy_headers=headers, proxy_ssl_context=context, **options)
    pool.pool_classes_by_scheme = {"http": _HTTPConnectionPool, "https": _HTTPSConnectionPool}
    return pool


def ssl_context(settings: HttpSettings) -> ssl.SSLContext:
    """What the settings say about certificates. ConfigurationError if one of theirs cannot be used."""
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


def _load_client_certificate(context: ssl.SSLContext, cert: str, key: str | None) -> None:
    with ExitStack() as files:
        certificate = files.enter_context(_as_file(cert))
        its_key = None if key is None else files.enter_context(_as_file(key))
        # Without a password, OpenSSL would ask for that of an encrypted key on the terminal.
        context.load_cert_chain(certificate, its_key, password="")


@contextmanager
def _as_file(path_or_text: str) -> Iterator[str]:
    """The path; for a text that of a file which only this user can read, and which is gone afterwards."""
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


class _HTTPConnectionPool(urllib3.HTTPConnectionPool):
    """urllib3 gives each read the whole read timeout, and all that is sent no more than the connect timeout."""

    def _validate_conn(self, conn: Any) -> None:
        """Called before a request is sent; the connection sends it within what it finds as its timeout.

        urllib3's own warns, in each call, of a certificate that is not verified; ApiClient has done so, once.
        """
        if conn.is_closed:
            with _connecting(conn):
                conn.connect()
        conn.response_class = _LaterResponse if conn.is_used else _Response
        conn.is_used = True
        conn.timeout = self.timeout.read_timeout


class _HTTPSConnectionPool(_HTTPConnectionPool, urllib3.HTTPSConnectionPool):
    def _prepare_proxy(self, conn: Any) -> None:
        """Called to open a tunnel."""
        with _connecting(conn):
            super()._prepare_proxy(conn)


@contextmanager
def _connecting(conn: Any) -> Iterator[None]:
    """urllib3 calls it a read timeout where a TLS handshake, or a proxy's tunnel, takes longer than connecting may."""
    conn.response_class, conn.is_used = _Response, False  # the first of them for a tunnel
    try:
        yield
    except TimeoutError as error:
        raise urllib3.exceptions.ConnectTimeoutError(conn, "no connection in time") from error


class _Response(http.client.HTTPResponse):
    """An answer that must be there as a whole within the timeout that its socket has when it begins."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._sock = sock
        self._end = time.monotonic() + (sock.gettimeout() or 0.0)  # all sockets of a pool have a timeout
        self._is_cut = False
        self._has_begun = False
        self.fp.raw.readinto = self._read_into  # type: ignore[method-assign] # the buffer's only way to the socket

    def _read_status(self) -> tuple[str, int, str]:
        """http.client passes over 100 alone of the interim answers (RFC 9110, section 15.2); any other would be taken
        for the final one, and that for the answer to the next request.
        """
        version, status, reason = super()._read_status()  # type: ignore[misc]
        return version, http.client.CONTINUE if status < 200 else status, reason

    def begin(self) -> None:
        super().begin()
        if self._is_cut:  # which http.client takes for the header's end
            raise http.client.IncompleteRead(b"")

    def _read_into(self, buffer: Any) -> int:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        count = self._sock.recv_into(buffer)
        self._is_cut = not count
        self._has_begun = self._has_begun or count > 0
        return count


class KeptConnectionClosedError(http.client.RemoteDisconnected):
    """The server closed a connection that had brought an answer before, and nothing came on it to this request."""


class _LaterResponse(_Response):
    """An answer on a connection that has brought one before."""

    def begin(self) -> None:
        try:
            super().begin()
        except ConnectionError as error:
            if self._has_begun:
                raise
            raise KeptConnectionClosedError(str(error)) from error
