"""Certificates of one cluster: an authority of its own, and what it signs for servers and clients.

Each cluster has its own authority, as real clusters have: a credential of one member is worthless at another.
Keys are ECDSA P-256, whose handshakes cost a fraction of RSA's.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALIDITY = timedelta(days=3650)


class KeyPair(NamedTuple):
    """The files of a certificate and its private key."""

    certificate: Path
    key: Path


class Authority:
    """A certificate authority kept in a folder; made when it is first used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = KeyPair(folder / "ca.crt", folder / "ca.key")
        if not self.files.certificate.exists():
            self._create()

    def serving(self, name: str, hosts: Sequence[str]) -> KeyPair:
        """A certificate for a server (or for one that is its own client too, as etcd) at `hosts`."""
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        alternatives = x509.SubjectAlternativeName([_general_name(host) for host in hosts])
        return self._issue(name, _subject(name), usages, alternatives)

    def client(self, name: str, user: str, groups: Sequence[str] = ()) -> KeyPair:
        """A certificate for a client that the API server knows as `user` in `groups`."""
        return self._issue(name, _subject(user, groups), [ExtendedKeyUsageOID.CLIENT_AUTH])

    def signing_key(self, name: str) -> Path:
        """A private key for tokens; its public half is in `<name>.pub`."""
        path = self.folder / f"{name}.key"
        if not path.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            public = key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            path.with_suffix(".pub").write_bytes(public)
            _write_key(path, key)
        return path

    def _create(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject("atoll-sandbox-ca")
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        certificate = (
            _builder(subject, subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        _write_key(self.files.key, key)
        _write_certificate(self.files.certificate, certificate)

    def _issue(
        self,
        name: str,
        subject: x509.Name,
        usages: list[x509.ObjectIdentifier],
        alternatives: x509.SubjectAlternativeName | None = None,
    ) -> KeyPair:
        """Sign a certificate, or take the one that is there."""
        files = KeyPair(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        if files.certificate.exists():
            return files
        authority = x509.load_pem_x509_certificate(self.files.certificate.read_bytes())
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(subject, authority.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(_authority_key_identifier(authority), critical=False)
        )
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        certificate = builder.sign(self._key(), hashes.SHA256())
        _write_key(files.key, key)
        _write_certificate(files.certificate, certificate)
        return files

    def _key(self) -> ec.EllipticCurvePrivateKey:
        key = serialization.load_pem_private_key(self.files.key.read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + _VALIDITY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _authority_key_identifier(authority: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _subject(user: str, groups: Sequence[str] = ()) -> x509.Name:
    names = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*names, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """Write a private key that only its owner can read, whatever the umask is."""
    # kube-apiserver reads EC keys for tokens in SEC 1 form ("EC PRIVATE KEY") and in PKCS #8.
    content = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def _write_certificate(path: Path, certificate: x509.Certificate) -> None:
    """Write a certificate after its key and whole: where it exists, both are complete."""
    draft = path.with_suffix(".draft")
    draft.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    draft.replace(path)
