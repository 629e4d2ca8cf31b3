"""Waits for an API server that is not up yet, by one caller rather than by each of its watches."""

from __future__ import annotations

import threading
from typing import Final

from cluster.api.errors import ServiceUnavailable, StatusError
from cluster.client.http import ApiClient

_PERIOD: Final = 0.05


def wait_ready(client: ApiClient, stop: threading.Event) -> bool:
    """Until /readyz is served; False when stopped first.  A server that answers, but refuses us this page, is up too."""
    while not stop.is_set():
        try:
            client.request("GET", "/readyz", accept="*/*", read_seconds=5.0)
        except ServiceUnavailable:
            stop.wait(_PERIOD)
        except StatusError as error:
            if error.code < 500:
                return True
            stop.wait(_PERIOD)
        else:
            return True
    return False
