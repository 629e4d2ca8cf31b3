"""Who is asking, as the configuration has it: the authenticators, and what signs and verifies service-account tokens."""

from __future__ import annotations

from cluster.api.protocols import HttpCallers, Reader
from cluster.assembly.config import Config
from rbac.authn.build import Authentication, build_authentication
from rbac.authn.service_accounts import TokenSigner


def token_signer(config: Config) -> TokenSigner:
    """ValueError, OSError for a key that cannot be used."""
    return TokenSigner(config.home.key("sa").read_bytes(), config.issuer)


def authentication(config: Config, reader: Reader, signer: TokenSigner, callers: HttpCallers) -> Authentication:  # noqa: ARG001
    return build_authentication(signer.public_keys, config.issuer, (), reader)
