"""Calls to services that a configuration names: webhooks and issuers.  Implements `cluster.api.protocols.HttpCallers`."""

from __future__ import annotations

from cluster.api.protocols import HttpCaller


class Callers:
    """Implements HttpCallers."""

    def of_url(self, url: str, ca_pem: str = "") -> HttpCaller:
        raise NotImplementedError

    def of_kubeconfig(self, path: str, context: str = "") -> HttpCaller:
        raise NotImplementedError
