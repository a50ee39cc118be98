"""Certificates for tests: a certificate authority of the test's own, and what it signed."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files in PEM form."""

    ca: Path
    """Certificate of the authority, for those who check."""
    certificate: Path
    """The server's own, with its chain."""
    key: Path

    @property
    def server_context(self) -> ssl.SSLContext:
        """What a TLS server shows."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_certificates(folder: Path, *names: str) -> Certificates:
    """A new authority, and a certificate of it for these names; `127.0.0.1` and `localhost` by default."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    issued = authority.issue_cert(*(names or ("127.0.0.1", "localhost")))
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    authority.cert_pem.write_to_path(str(made.ca))
    made.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    issued.private_key_pem.write_to_path(str(made.key))
    return made
