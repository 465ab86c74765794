"""Certificates of a test's own."""

import ssl

import trustme


class Pki:
    """An authority, as a file, and what it has signed."""

    def __init__(self, path):
        self._authority = trustme.CA()
        self.ca_file = path / "ca.pem"
        self._authority.cert_pem.write_to_path(self.ca_file)
        self.client = self._authority.issue_cert("worker@example.com")

    def server(self, *names, **of_the_certificate):
        """A server's context; its certificate is for 127.0.0.1 unless names are given."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*(names or ["127.0.0.1"]), **of_the_certificate).configure_cert(context)
        self._authority.configure_trust(context)
        return context
