"""What authentication costs: CPU time of the filter for a request whose credential was seen before.

    python -m bench.authentication

A real certificate on a real TLS connection, and real tokens, before the authenticators of a whole API server with its store.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from app import create_app
from cluster.assembly import pki
from cluster.assembly.api_server import ApiServer
from cluster.assembly.config import Config, Home
from cluster.server.authentication import with_authentication
from cluster.server.context import Context, Query
from cluster.storage.local import LocalStore

ANSWER = Response()


def connection(config: Config) -> ssl.SSLSocket:
    """The server's end of a TLS connection whose client has shown the admin's certificate."""
    home, (ours, theirs) = config.home, socket.socketpair()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(home.certificate("ca")))
    server.verify_mode = ssl.CERT_OPTIONAL
    server.load_cert_chain(home.certificate("apiserver"), home.key("apiserver"))
    client = ssl.create_default_context(cafile=str(home.certificate("ca")))
    client.load_cert_chain(home.certificate("admin"), home.key("admin"))
    thread = threading.Thread(target=lambda: client.wrap_socket(theirs, server_hostname="localhost").read())
    thread.daemon = True
    thread.start()
    return server.wrap_socket(ours, server_side=True)


def environment(**more: Any) -> dict[str, Any]:
    """A request as kubectl sends it."""
    headers = {"Accept": "application/json", "User-Agent": "kubectl/v1.36.2", "Accept-Encoding": "gzip", "Kubectl-Command": "kubectl get"}
    made: dict[str, Any] = EnvironBuilder(path="/api/v1/namespaces/default/pods", headers=Headers(headers)).get_environ()
    return made | more


def context_of(environ: dict[str, Any]) -> Context:
    return Context(environ, "GET", environ["PATH_INFO"], Query())


def microseconds(server: ApiServer, environ: dict[str, Any], count: int) -> float:
    """Microseconds of CPU a request, without what it takes to make one up."""
    authenticate = with_authentication(server.start().authentication)

    def cost(act: Any) -> float:
        contexts = [context_of(dict(environ)) for _ in range(count)]
        began = time.process_time()
        for context in contexts:
            act(context)
        return (time.process_time() - began) / count * 1e6

    authenticate(context_of(dict(environ)), lambda _context: ANSWER)
    nothing = cost(lambda _context: ANSWER)
    return min(cost(lambda context: authenticate(context, lambda _context: ANSWER)) for _ in range(5)) - nothing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-n", type=int, default=5000, help="requests")
    count = parser.parse_args().n
    with tempfile.TemporaryDirectory(prefix="berth-bench-") as folder:
        config = Config(Home(Path(folder)))
        pki.ensure(config)
        store = LocalStore.temporary()
        server = ApiServer(config, lambda: store)
        create_app(config, server)
        server.start()
        figures = {name: microseconds(server, environment(**shown), count) for name, shown in credentials(config, server).items()}
        print(json.dumps({"authentication_cpu_us": {name: round(value, 1) for name, value in figures.items()}}), flush=True)
        server.close()


def credentials(config: Config, server: ApiServer) -> dict[str, dict[str, Any]]:
    """What requests show: nothing, a certificate, a service account's token."""
    secured = connection(config)
    admin = create_app(config, server).test_client()
    peer = {"gunicorn.socket": secured}
    path = "/api/v1/namespaces/default/serviceaccounts"
    admin.post(path, json={"metadata": {"name": "bench"}}, environ_overrides=dict(peer))
    sent = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    answer = admin.post(f"{path}/bench/token", json=sent, environ_overrides=dict(peer)).get_json()
    return {"nothing": {}, "certificate": peer, "token": {"HTTP_AUTHORIZATION": f"Bearer {answer['status']['token']}"}}


if __name__ == "__main__":
    main()
