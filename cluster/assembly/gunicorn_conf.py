"""gunicorn's settings for the API server: `gunicorn -c python:cluster.assembly.gunicorn_conf wsgi:application`.

The home is BERTH_HOME, as for `wsgi`.  The application is loaded before the workers are forked, so that they share its memory;
that calls for the standard library to be patched first of all, here.  Each worker connects to the store once it has been forked.
"""

import gevent
from gevent import monkey

monkey.patch_all()

import functools  # noqa: E402 - after the patching
import gc  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import ssl  # noqa: E402
from typing import Any  # noqa: E402

from cluster.assembly import pki  # noqa: E402
from cluster.assembly.authentication import front_proxy_ca  # noqa: E402
from cluster.assembly.environment import SUPERVISED, config_from_environment  # noqa: E402
from cluster.assembly.orphans import die_with_parent  # noqa: E402
from cluster.server.disconnect import end_watches  # noqa: E402

_config = config_from_environment()
_home = _config.home
if not os.environ.get(SUPERVISED):
    pki.ensure(_config)

bind = sorted({f"{host}:{_config.port}" for host in (_config.host, _config.node_host)})
workers = _config.workers
worker_class = "cluster.server.worker.Worker"
worker_connections = 20000
backlog = 4096
preload_app = True
proc_name = "berth-apiserver"
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - gunicorn makes the file there, unlinked
timeout = 60
graceful_timeout = 1
keepalive = 300
reuse_port = False
limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 16384
header_map = "dangerous"  # the worker itself keeps X_Remote_User from passing for X-Remote-User, see cluster/server/worker.py
forwarder_headers = ""  # nobody, and be it on this machine, sets SCRIPT_NAME or PATH_INFO by a header
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = os.environ.get("BERTH_LOG_LEVEL", "warning")
keyfile = str(_home.key("apiserver"))
certfile = str(_home.certificate("apiserver"))
ca_certs = str(_home.certificate("ca"))
cert_reqs = ssl.CERT_OPTIONAL
do_handshake_on_connect = False
suppress_ragged_eofs = True


def ssl_context(conf: Any, default_ssl_context_factory: Any) -> ssl.SSLContext:  # noqa: ARG001 - gunicorn's hook
    """Client certificates are optional, but one that is shown must be of the cluster's CA or of the front proxies'.

    Which of them it is, the authenticators find out.  The handshake is left to the worker, which bounds it in time.
    """
    context: ssl.SSLContext = default_ssl_context_factory()
    context.load_verify_locations(cafile=str(front_proxy_ca(_config)))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    setattr(context, "wrap_socket", functools.partial(context.wrap_socket, do_handshake_on_connect=False))
    return context


def pre_fork(server: Any, worker: Any) -> None:  # noqa: ARG001 - gunicorn's hook
    """Keeps the collector from touching, and so copying, what all workers share."""
    gc.freeze()


def post_fork(server: Any, worker: Any) -> None:  # noqa: ARG001 - gunicorn's hook
    """A worker ends with its master at once: the next master needs the port."""
    die_with_parent(signal.SIGKILL)


def post_worker_init(worker: Any) -> None:
    """Connects the worker's store before it takes a request; once it is told to end, its watches end whole and no event waits."""
    server = worker.wsgi.extensions["berth"]
    server.start()

    def end(number: int, frame: Any) -> None:
        gevent.spawn(end_watches)
        gevent.spawn(server.hand_over)
        worker.handle_exit(number, frame)

    signal.signal(signal.SIGTERM, end)
