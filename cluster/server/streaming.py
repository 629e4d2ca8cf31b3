"""Pod `log`, `exec` and `attach`: from the API server on to the kubelet of the pod's node.

`connect` checks the request as upstream's pod strategy does, finds the node's address, and returns the response: a log
as a chunked body, everything upgraded as a `TakenOver` response, which speaks on the raw socket of the connection.
Upstream: `pkg/registry/core/pod/strategy.go` (validateContainer, streamLocation) and `pkg/registry/core/pod/rest`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from msgspec import Struct

from cluster.api.errors import BadRequest, InternalError, Invalid, NotFound
from cluster.api.field import FieldError, forbidden, invalid, not_supported
from cluster.api.names import GroupKind, GroupResource, Object

if TYPE_CHECKING:
    from pathlib import Path

    from cluster.server.context import Query
    from cluster.server.response import Response

SUBRESOURCES: Final = frozenset({"log", "exec", "attach"})
"""What `connect` serves."""
LOG_STREAMS: Final = ("All", "Stderr", "Stdout")
DEFAULT_KUBELET_PORT: Final = 10250
ADDRESS_TYPES: Final = ("Hostname", "InternalDNS", "InternalIP", "ExternalDNS", "ExternalIP")


class KubeletTLS(Struct, frozen=True):
    """How the API server reaches kubelets: PEM files of the cluster's CA and of its own client certificate and key."""

    ca: Path
    certificate: Path
    key: Path


class StreamRequest(Struct, frozen=True):
    """One authorized and admitted request for a stream of a pod.

    `query` are the URL's parameters, `environ` the WSGI environment (with `gunicorn.socket`, which an upgrade
    takes over).  `get_pod(namespace, name)` and `get_node(name)` answer None for what isn't there.
    """

    namespace: str
    name: str
    subresource: str
    query: Query
    environ: dict[str, Any]
    get_pod: Callable[[str, str], Object | None]
    get_node: Callable[[str], Object | None]
    kubelet: KubeletTLS


class Location(Struct, frozen=True):
    """Where a stream is served: the kubelet's address, and path with query.  An empty host: the pod has no node yet."""

    host: str
    port: int
    path: str


def connect(request: StreamRequest) -> Response:
    """The response that streams.  StatusError where the request is wrong or the kubelet refuses it.

    The response must be returned to the WSGI server as it is: nothing may wrap its body.
    """
    from cluster.server import streaming_exec, streaming_log

    location = locate(request)
    if request.subresource == "log":
        return streaming_log.respond(request, location)
    return streaming_exec.respond(request, location)


def locate(request: StreamRequest) -> Location:
    """The kubelet's URL for the request; BadRequest, Invalid, NotFound or InternalError where there is none."""
    if request.subresource == "log":
        validate_log_options(request)
    pod = request.get_pod(request.namespace, request.name)
    if pod is None:
        raise NotFound.of(GroupResource("", "pods"), request.name)
    container = container_of(pod, request.query.get("container", ""))
    node_name = pod["spec"].get("nodeName", "")
    if not node_name:
        if request.subresource == "log":
            return Location("", 0, "")
        raise BadRequest(f"pod {request.name} does not have a host assigned")
    node = request.get_node(node_name)
    if node is None:
        raise NotFound.of(GroupResource("", "nodes"), node_name)
    verb = "containerLogs" if request.subresource == "log" else request.subresource
    parameters = log_parameters(request) if verb == "containerLogs" else stream_parameters(request)
    path = "/".join(("", verb, *(quote(part, safe="") for part in (request.namespace, request.name, container))))
    query = urlencode(parameters)
    host, port = node_address(node)
    return Location(host, port, f"{path}?{query}" if query else path)


def node_address(node: Object) -> tuple[str, int]:
    """The kubelet's host and port by the node's status; InternalError where it has no address yet."""
    status = node.get("status") or {}
    port = ((status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}).get("Port") or DEFAULT_KUBELET_PORT
    addresses = {each["type"]: each["address"] for each in reversed(status.get("addresses") or [])}
    for kind in ("InternalIP", *ADDRESS_TYPES):
        if kind in addresses:
            return addresses[kind], int(port)
    raise InternalError.of(f"no preferred addresses found; known addresses: {status.get('addresses') or []}")


def container_of(pod: Object, name: str) -> str:
    """The container meant by `name` (empty: the only one); BadRequest in upstream's words."""
    spec, pod_name = pod["spec"], pod["metadata"]["name"]
    every = [each["name"] for kind in ("initContainers", "containers", "ephemeralContainers") for each in spec.get(kind) or []]
    if name:
        if name not in every:
            raise BadRequest(f"container {name} is not valid for pod {pod_name}")
        return name
    containers = spec.get("containers") or []
    if len(containers) == 1:
        return str(containers[0]["name"])
    choice = f", choose one of: [{' '.join(every)}]" if containers else ""
    raise BadRequest(f"a container name must be specified for pod {pod_name}{choice}")


def _boolean(request: StreamRequest, key: str) -> bool:
    """A query's truth as upstream converts it: present and neither `false` nor `0`."""
    value = request.query.get(key)
    return value is not None and value.lower() not in ("false", "0")


def _integer(request: StreamRequest, key: str) -> int | None:
    value = request.query.get(key)
    if value is None or value == "":
        return None
    try:
        return int(value)
    except ValueError:
        raise BadRequest(f'strconv.ParseInt: parsing "{value}": invalid syntax') from None


def validate_log_options(request: StreamRequest) -> None:
    """Invalid for options out of range.  Upstream: `pkg/apis/core/validation` ValidatePodLogOptions."""
    errors: list[FieldError] = []
    tail, limit, since = (_integer(request, key) for key in ("tailLines", "limitBytes", "sinceSeconds"))
    stream = request.query.get("stream", "All")
    if tail is not None and tail < 0:
        errors.append(invalid("tailLines", tail, "must be greater than or equal to 0"))
    if limit is not None and limit < 1:
        errors.append(invalid("limitBytes", limit, "must be greater than 0"))
    if since is not None and request.query.get("sinceTime"):
        errors.append(forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
    elif since is not None and since < 1:
        errors.append(invalid("sinceSeconds", since, "must be greater than 0"))
    if stream not in LOG_STREAMS:
        errors.append(not_supported("stream", stream, LOG_STREAMS))
    elif stream != "All" and tail is not None:
        errors.append(forbidden("", "`tailLines` and specific `stream` are mutually exclusive for now"))
    if errors:
        raise Invalid.of(GroupKind("", "PodLogOptions"), request.name, errors)


def log_parameters(request: StreamRequest) -> list[tuple[str, str]]:
    parameters = [(key, "true") for key in ("follow", "previous", "timestamps") if _boolean(request, key)]
    keys = ("sinceSeconds", "sinceTime", "tailLines", "limitBytes", "stream")
    return parameters + [(key, request.query.first(key)) for key in keys if request.query.get(key)]


def stream_parameters(request: StreamRequest) -> list[tuple[str, str]]:
    """As the kubelet reads them: `input`, `output`, `error`, `tty`, `command`."""
    names = {"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"}
    parameters = [(sent, "1") for key, sent in names.items() if _boolean(request, key)]
    if not parameters or parameters == [("tty", "1")]:
        raise BadRequest("you must specify at least 1 of stdin, stdout, stderr")
    return parameters + [("command", each) for each in request.query.getlist("command")]
