"""Client certificates for people and components."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Final

BACKDATE: Final = datetime.timedelta(minutes=5)
"""How far a certificate reaches into the past, for clocks that are behind."""


def issue_client_certificate(
    ca_cert: bytes, ca_key: bytes, name: str, groups: Sequence[str], lifetime: datetime.timedelta, *, uri: str = ""
) -> tuple[bytes, bytes]:
    """(certificate, key), both PEM: the name is the common name, each group an organization, the key on P-256.

    `uri` is an alternative name of the subject.  The certificate never outlives its CA.
    ValueError for PEM that cannot be read, or a name that X.509 has no room for.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    authority = x509.load_pem_x509_certificate(ca_cert)
    signing_key = serialization.load_pem_private_key(ca_key, None)
    if not isinstance(signing_key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError("unknown CA key: use an RSA or an EC key")
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    subject.append(x509.NameAttribute(NameOID.COMMON_NAME, name))
    usage = x509.KeyUsage(
        digital_signature=True,
        key_encipherment=False,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(subject))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(max(now - BACKDATE, authority.not_valid_before_utc))
        .not_valid_after(min(now + lifetime, authority.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
    )
    if uri:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), critical=False)
    certificate = builder.sign(signing_key, hashes.SHA256())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM), private
