"""TLS 1.3 between an installation and a keyholder: each end knows the other's one certificate, and no authority."""

from __future__ import annotations

import hashlib
import os
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

YEARS = timedelta(days=30 * 365)
"""How long a certificate lasts: it is trusted because it is pinned, and replaced by enrolling again."""


def certificate(path: Path) -> str:
    """The certificate in a PEM file that also holds its key; made, for the owner alone, when there is none."""
    if not path.exists():
        _make(path)
    return path.read_text(encoding="ascii").partition("-----BEGIN PRIVATE")[0]


def fingerprint(pem: str) -> str:
    """SHA-256 of a certificate, as hexadecimal digits: what is pinned."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def for_server(own: Path, pinned: Iterable[str]) -> ssl.SSLContext:
    """A context that lets in who shows a pinned certificate, or none (who may then only enrol)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(own)
    context.verify_mode = ssl.CERT_OPTIONAL
    # A certificate is looked at on every connection, so that one taken off the list is out at once.
    context.num_tickets = 0
    for each in pinned:
        context.load_verify_locations(cadata=each)
    return context


def for_client(own: Path | None, pinned: str | None) -> ssl.SSLContext:
    """A context that speaks to the pinned certificate only; without one, the caller compares fingerprints itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    if own is not None:
        context.load_cert_chain(own)
    if pinned is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=pinned)
    return context


def _make(path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "handoff")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(made.public_bytes(serialization.Encoding.PEM) + private)
    part.rename(path)
