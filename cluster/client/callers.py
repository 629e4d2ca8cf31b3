"""Makes callers of services; what it takes to call is loaded with the first of them, for most servers have none."""

from __future__ import annotations

from cluster.api.protocols import HttpCaller, WebhookCallers


class Callers:
    """Implements HttpCallers.  Proxies in the environment are ignored: what is called is what the configuration names."""

    def of_url(self, url: str, ca_pem: str = "") -> HttpCaller:
        """See `url_caller`."""
        from cluster.client.caller import url_caller

        return url_caller(url, ca_pem)

    def of_kubeconfig(self, path: str, context: str = "") -> HttpCaller:
        """See `kubeconfig_caller`."""
        from cluster.client.caller import kubeconfig_caller

        return kubeconfig_caller(path, context)

    def for_webhooks(self, kubeconfig: str = "") -> WebhookCallers:
        """See `cluster.client.caller_webhooks`."""
        from cluster.client import caller_webhooks

        return caller_webhooks.WebhookCallers(kubeconfig)
