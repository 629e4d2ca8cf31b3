"""Makes credentials and the kubeconfigs that carry them.  What is secret is in the file alone, which nobody keeps."""

from __future__ import annotations

import datetime
import hashlib
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from cluster.api import field
from cluster.api.errors import InternalError, Invalid, NotFound
from cluster.api.meta import format_epoch, new_uid
from cluster.api.names import GroupKind, Object
from cluster.api.protocols import Reader
from cluster.api.user import service_account_name
from cluster.kinds.berth.kubeconfig_rules import BETWEEN, LONGEST, SHORTEST, YEAR
from rbac.authn.service_accounts import SERVICE_ACCOUNTS, TokenSigner
from rbac.credentials import kubeconfig
from rbac.credentials.certificates import issue_client_certificate
from rbac.credentials.reference import GROUP, URI_SCHEME, Reference

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

log = logging.getLogger(__name__)
CERTIFICATE: Final = "Certificate"
TOKEN: Final = "Token"  # noqa: S105 - the type of a credential, not one


class Cluster(Struct, frozen=True):
    """What every file says of the cluster.  `authority` reads the CA's certificate and key, both PEM."""

    name: str
    server: str
    authority: Callable[[], tuple[bytes, bytes]]


class Issued(Struct, frozen=True):
    """A credential as its record lists it, and the file with its secret."""

    credential: Object
    file: str


class CredentialIssuer:
    """Signs certificates with the cluster's CA and tokens with its service-account key."""

    def __init__(self, cluster: Cluster, signer: TokenSigner, reader: Reader, *, clock: Callable[[], float] = time.time) -> None:
        self._cluster = cluster
        self._signer = signer
        self._reader = reader
        self._clock = clock
        self._authority: tuple[bytes, bytes, Certificate] | None = None

    def lifetime(self, record: Object, latest: float) -> int:
        """Seconds that a credential lives which nobody said it of: a year, or less where it has to end before (`latest`: epoch seconds)."""
        limit = float(self._signer.longest or YEAR)
        if not record["spec"].get("serviceAccountName"):
            limit = self._ca_ends() - self._clock()
        return int(min(YEAR, limit, latest - self._clock()))

    def until(self, record: Object, seconds: int) -> float:
        """When a credential that is issued now ends, in epoch seconds.

        Invalid where it would be longer than the cluster can promise, NotFound where there is no such service account.
        """
        ends = int(self._clock()) + seconds
        account, limit = record["spec"].get("serviceAccountName"), self._signer.longest
        why = ""
        if account:
            self._account(record)
            if limit and seconds > limit:
                why = f"must be at most {limit}, as this cluster limits the tokens of service accounts"
        elif ends > self._ca_ends():
            why = f"must end before the cluster's CA, at {format_epoch(self._ca_ends())}"
        if not SHORTEST <= seconds <= LONGEST:
            why = BETWEEN
        if why:
            kind = GroupKind(GROUP, record["kind"])
            raise Invalid.of(kind, record["metadata"]["name"], [field.invalid("spec.expirationSeconds", seconds, why)])
        return float(ends)

    def issue(self, record: Object, seconds: int, issued_by: str) -> Issued:
        """A new credential for the record's identity.  Call `until` first."""
        reference, now = Reference.of(record), int(self._clock())
        make = self._token if record["spec"].get("serviceAccountName") else self._certificate
        kind, credential_id, secret = make(record, reference, seconds)
        credential = {
            "id": credential_id,
            "type": kind,
            "issuedBy": issued_by,
            "issuedAt": format_epoch(now),
            "expiresAt": format_epoch(now + seconds),
        }
        return Issued(credential, self._file(record, secret))

    def _token(self, record: Object, reference: Reference, seconds: int) -> tuple[str, str, dict[str, bytes | str]]:
        token_id = new_uid()
        token = self._signer.issue(self._account(record), lifetime=seconds, token_id=token_id, issued_as=reference)
        return TOKEN, f"JTI={token_id}", {"token": token}

    def _certificate(self, record: Object, reference: Reference, seconds: int) -> tuple[str, str, dict[str, bytes | str]]:
        from cryptography.hazmat.primitives.serialization import Encoding
        from cryptography.x509 import load_pem_x509_certificate

        spec, (ca_certificate, ca_key, _) = record["spec"], self._ca()
        lifetime = datetime.timedelta(seconds=seconds)
        uri = f"{URI_SCHEME}{reference}"
        certificate, key = issue_client_certificate(ca_certificate, ca_key, spec["user"], spec.get("groups") or (), lifetime, uri=uri)
        der = load_pem_x509_certificate(certificate).public_bytes(Encoding.DER)
        return CERTIFICATE, f"X509SHA256={hashlib.sha256(der).hexdigest()}", {"cert_pem": certificate, "key_pem": key}

    def _file(self, record: Object, secret: dict[str, bytes | str]) -> str:
        spec = record["spec"]
        cluster = spec.get("clusterName") or self._cluster.name
        account = spec.get("serviceAccountName")
        short = f"{record['metadata']['namespace']}:{account}" if account else spec["user"]
        document = kubeconfig.render(
            spec.get("server") or self._cluster.server,
            self._ca()[0],
            username(record),
            namespace=spec.get("contextNamespace"),
            cluster=cluster,
            context=spec.get("contextName") or f"{short}@{cluster}",
            **secret,  # type: ignore[arg-type] # the names say which they are
        )
        return kubeconfig.dump(document).decode()

    def _account(self, record: Object) -> Object:
        name = record["spec"]["serviceAccountName"]
        account = self._reader.get(SERVICE_ACCOUNTS, record["metadata"]["namespace"], name)
        if account is None:
            raise NotFound.of(SERVICE_ACCOUNTS, name)
        return account

    def _ca_ends(self) -> float:
        return self._ca()[2].not_valid_after_utc.timestamp()

    def _ca(self) -> tuple[bytes, bytes, Certificate]:
        if self._authority is None:
            from cryptography.x509 import load_pem_x509_certificate

            try:
                certificate, key = self._cluster.authority()
            except OSError as error:
                log.error("no kubeconfig can be issued: %s", error)
                raise InternalError.of(
                    "the cluster's CA cannot be read, so no kubeconfig can be issued; the server's log says why"
                ) from None
            self._authority = certificate, key, load_pem_x509_certificate(certificate)
        return self._authority


def username(record: Object) -> str:
    """The name that the API server knows the record's identity by."""
    spec = record["spec"]
    account = spec.get("serviceAccountName")
    return service_account_name(record["metadata"]["namespace"], account) if account else str(spec["user"])
