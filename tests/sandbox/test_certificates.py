"""What a cluster's authority signs, as a client and a server would judge it."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from federation.sandbox.certificates import Authority, KeyPair


def certificate(files: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(files.certificate.read_bytes())


def verifier(authority: Authority, host: str):
    store = Store([certificate(authority.files)])
    return PolicyBuilder().store(store).build_server_verifier(x509.IPAddress(ip_address(host)))


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "certificates")


def test_a_serving_certificate_is_valid_for_its_addresses_only(authority):
    serving = certificate(authority.serving("apiserver", ["127.0.0.1", "10.0.0.1", "kubernetes.default.svc"]))
    verifier(authority, "127.0.0.1").verify(serving, [])
    verifier(authority, "10.0.0.1").verify(serving, [])
    with pytest.raises(VerificationError):
        verifier(authority, "10.0.0.2").verify(serving, [])


def test_another_authority_does_not_vouch_for_it(authority, tmp_path):
    serving = certificate(authority.serving("apiserver", ["127.0.0.1"]))
    with pytest.raises(VerificationError):
        verifier(Authority(tmp_path / "other"), "127.0.0.1").verify(serving, [])


def test_a_client_certificate_names_user_and_groups(authority):
    subject = certificate(authority.client("admin", "jane", ["system:masters", "ops"])).subject
    assert [name.value for name in subject] == ["system:masters", "ops", "jane"]


def test_a_client_certificate_does_not_serve(authority):
    client = certificate(authority.client("admin", "jane"))
    usage = client.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH]


def test_what_was_issued_stays_for_years(authority):
    issued = authority.client("admin", "jane")
    before = issued.certificate.read_bytes()
    again = Authority(authority.folder).client("admin", "jane")
    assert again.certificate.read_bytes() == before
    assert (certificate(again).not_valid_after_utc - datetime.now(UTC)).days > 3000


def test_keys_are_for_their_owner_only_and_fit_their_certificates(authority):
    files = authority.client("admin", "jane")
    ssl.create_default_context().load_cert_chain(files.certificate, files.key)
    for key in authority.folder.glob("*.key"):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_the_key_for_tokens_comes_with_its_public_half(authority):
    path = authority.signing_key("service-accounts")
    private = load_pem_private_key(path.read_bytes(), None)
    assert private.public_key() == load_pem_public_key(path.with_suffix(".pub").read_bytes())
    before = path.read_bytes()
    assert authority.signing_key("service-accounts").read_bytes() == before
