"""A certificate authority for one test run, and servers' contexts signed by it, well or badly."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    """A root certificate in a file, and what it signs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._count = 0
        self.ca_file = str(folder / "root.pem")
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        root = (
            self._builder("the tests' root", self._key.public_key(), age=2 * DAY, life=9 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        Path(self.ca_file).write_bytes(root.public_bytes(serialization.Encoding.PEM))

    def context(
        self, name: str = "localhost", *, alpn: str = "http/1.1", **flaw: Any
    ) -> ssl.SSLContext:
        """Return a server's context with a certificate as of `pair`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.pair(name, **flaw))
        context.set_alpn_protocols([alpn])
        return context

    def pair(
        self, name: str = "localhost", *, life: timedelta = 5 * DAY, self_signed: bool = False
    ) -> Path:
        """Return a file with a certificate for *name*, made a day ago, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.DNSName(name)]
        loopback = [x509.IPAddress(ip_address("127.0.0.1"))] if name == "localhost" else []
        leaf = (
            self._builder(name if self_signed else "leaf", key.public_key(), age=DAY, life=life)
            .add_extension(x509.SubjectAlternativeName([*names, *loopback]), critical=False)
            .sign(key if self_signed else self._key, hashes.SHA256())
        )
        self._count += 1
        path = self._folder / f"{self._count}.pem"
        path.write_bytes(
            leaf.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return path

    def _builder(
        self, subject: str, key: ec.EllipticCurvePublicKey, *, age: timedelta, life: timedelta
    ) -> x509.CertificateBuilder:
        start = datetime.now(UTC) - age
        issuer = subject if subject == "localhost" else "the tests' root"
        return (
            x509.CertificateBuilder()
            .subject_name(_name(subject))
            .issuer_name(_name(issuer))
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + life)
        )
