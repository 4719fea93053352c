"""Certificates of the tests' own: an authority that signs for host names, and one certificate for one address."""

import base64
import datetime
import hashlib
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """Signs certificates for host names. ``pin`` is the hash by which Chromium can be told to trust it."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(cls) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Atlas test authority")
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        builder = _builder(name, name, key).add_extension(constraints, critical=True)
        return cls(key, builder.sign(key, hashes.SHA256()))

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def pin(self) -> str:
        public = self.key.public_key()
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(hashlib.sha256(public.public_bytes(serialization.Encoding.DER, form)).digest()).decode()

    def server(self, host: str, folder: Path) -> ssl.SSLContext:
        """What a server of ``host`` needs; its key lies in ``folder``."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        certificate = _builder(_name(host), self.certificate.subject, key).add_extension(names, critical=False)
        chain = [certificate.sign(self.key, hashes.SHA256()), self.certificate]
        (file := folder / f"{host}.both").write_bytes(
            _private(key) + b"".join(each.public_bytes(serialization.Encoding.PEM) for each in chain)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def self_signed(folder: Path, name: str, address: str) -> tuple[Path, Path]:
    """A certificate for ``address`` that is its own authority, and its key: files in ``folder``."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), _name(name)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
    builder = _builder(subject, subject, key).add_extension(alternative, critical=False)
    authority = x509.BasicConstraints(ca=True, path_length=None)
    signed = builder.add_extension(authority, critical=True).sign(key, hashes.SHA256())
    folder.mkdir(parents=True, exist_ok=True)
    crt, pem = folder / f"{name}.crt", folder / f"{name}.key"
    crt.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    pem.write_bytes(_private(key))
    return crt, pem


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=1))
    )
