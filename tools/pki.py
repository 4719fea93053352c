"""The embedded cluster's certificates. There are two certificate authorities, so that no client of the API server can reach etcd.

``ensure`` makes what is absent, expires soon, or was signed by a CA that is gone. It leaves the rest untouched. Every file has
mode 600.
"""

import ipaddress
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A certificate that a CA signs.

    ``organization`` is the RBAC group; with ``hosts`` it may serve, with ``client`` it may identify a client.
    """

    name: str
    ca: str
    common_name: str
    organization: str | None = None
    hosts: tuple[str, ...] = ()
    client: bool = True


def write_private(path: Path, content: bytes) -> None:
    """Replace ``path`` by one rename. At no moment can others than its owner read it."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    temporary.rename(path)


def write_if_changed(path: Path, content: bytes) -> None:
    """Write a private file, unless it has this content already."""
    if not path.exists() or path.read_bytes() != content:
        write_private(path, content)


def ensure(directory: Path, certificates: tuple[Certificate, ...]) -> None:
    """Write a ``.crt`` and a ``.key`` for each certificate and CA, and ``service-account.{key,pub}``, into ``directory``."""
    cas = {name: _ensure_ca(directory, name) for name in {c.ca for c in certificates}}
    for certificate in certificates:
        issuer, issuer_key = cas[certificate.ca]
        found = _load(directory, certificate.name)
        if found is None or not _matches(found[0], certificate) or not _signed_by(found[0], issuer):
            _issue(directory, certificate, issuer, issuer_key)
    if not (directory / "service-account.key").exists() or not (directory / "service-account.pub").exists():
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_private(directory / "service-account.pub", public)
        write_private(directory / "service-account.key", _pem(key))


def client_context(directory: Path, ca: str, client: str) -> ssl.SSLContext:
    """TLS settings of a client that trusts ``ca`` and presents the certificate ``client``."""
    context = ssl.create_default_context(cafile=str(directory / f"{ca}.crt"))
    context.load_cert_chain(directory / f"{client}.crt", directory / f"{client}.key")
    return context


def _ensure_ca(directory: Path, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    found = _load(directory, name)
    if found is not None:
        return found
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"atlas-{name}")])
    certificate = (
        _builder(subject, subject, key, CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _store(directory, name, certificate, key)
    return certificate, key


def _issue(
    directory: Path, wanted: Certificate, issuer: x509.Certificate, issuer_key: ec.EllipticCurvePrivateKey
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    uses = [ExtendedKeyUsageOID.SERVER_AUTH] if wanted.hosts else []
    if wanted.client:
        uses.append(ExtendedKeyUsageOID.CLIENT_AUTH)
    builder = (
        _builder(_subject(wanted), issuer.subject, key, LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )
    if wanted.hosts:
        builder = builder.add_extension(x509.SubjectAlternativeName(_hosts(wanted)), critical=False)
    _store(directory, wanted.name, builder.sign(issuer_key, hashes.SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, life: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))  # another clock may be slow by a little
        .not_valid_after(now + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _subject(wanted: Certificate) -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, wanted.common_name)]
    if wanted.organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, wanted.organization))
    return x509.Name(attributes)


def _hosts(wanted: Certificate) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in wanted.hosts:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def _matches(certificate: x509.Certificate, wanted: Certificate) -> bool:
    if certificate.subject != _subject(wanted):
        return False
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return not wanted.hosts
    return list(found) == _hosts(wanted)


def _signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _load(directory: Path, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
    """The stored certificate and key. None when they are absent, unreadable, do not belong together, or expire soon."""
    try:
        certificate = x509.load_pem_x509_certificate((directory / f"{name}.crt").read_bytes())
        key = serialization.load_pem_private_key((directory / f"{name}.key").read_bytes(), password=None)
    except (FileNotFoundError, ValueError):
        return None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        return None
    if certificate.not_valid_after_utc - datetime.now(UTC) < RENEW_BEFORE:
        return None
    return certificate, key


def _store(directory: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
    write_private(directory / f"{name}.key", _pem(key))
    write_private(directory / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM))


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
