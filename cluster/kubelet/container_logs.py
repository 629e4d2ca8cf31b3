"""Which container's log is meant, and its bytes.  Upstream: `pkg/kubelet/kubelet_pods.go` validateContainerLogStatus."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

from cluster.api.names import Object
from cluster.kubelet import specs
from cluster.kubelet.runtime import Container, LogOptions, LogStream, PodState, Runtime, RuntimeFailure, State
from cluster.kubelet.streams import Refused


class LogReader:
    """The chunks of a log, at most so many bytes of them."""

    def __init__(self, source: LogStream, limit: int | None) -> None:
        self._source = source
        self._left = limit

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._source:
            if self._left is not None:
                chunk = chunk[: self._left]
                self._left -= len(chunk)
            yield chunk
            if self._left == 0:
                return

    def close(self) -> None:
        """Ends the iteration, from any thread."""
        self._source.close()


def read(runtime: Runtime, pod: Object, name: str, query: dict[str, list[str]]) -> LogReader:
    """Refused where there is no such log yet."""
    try:
        state = runtime.pod(specs.uid(pod))
        container = chosen(pod, name, state, previous=_true(query, "previous"))
        return LogReader(runtime.logs(container.id, options(query)), _number(query, "limitBytes"))
    except RuntimeFailure as failure:
        raise Refused(500, str(failure)) from failure


def chosen(pod: Object, name: str, state: PodState, *, previous: bool) -> Container:
    """The newest that has run, or the one that ended before it."""
    where = f'"{name}" in pod "{pod["metadata"]["name"]}"'
    known = pod.get("status") or {}
    statuses = [
        each for kind in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses") for each in known.get(kind) or []
    ]
    shown = next((each.get("state") or {} for each in statuses if each["name"] == name), {})
    ran = [each for each in state.containers if each.name == name and each.state is not State.CREATED]
    if previous:
        ended = [each for each in ran if each.state is State.EXITED]
        if ran and ran[0].state is State.EXITED and "waiting" not in shown:
            ended = ended[1:]
        if not ended:
            raise Refused(400, f"previous terminated container {where} not found")
        return ended[0]
    if ran:
        return ran[0]
    if "terminated" in shown:
        raise Refused(400, f"container {where} is terminated")
    reason = (shown.get("waiting") or {}).get("reason") or "ContainerCreating"
    texts = {"ErrImagePull": "image can't be pulled", "ImagePullBackOff": "trying and failing to pull image"}
    raise Refused(400, f"container {where} is waiting to start: {texts.get(reason, reason)}")


def options(query: dict[str, list[str]]) -> LogOptions:
    """As the API server passes them on."""
    stream = (query.get("stream") or ["All"])[0]
    since = 0.0
    seconds = _number(query, "sinceSeconds")
    if seconds is not None:
        since = time.time() - seconds
    elif query.get("sinceTime"):
        try:
            since = datetime.fromisoformat(query["sinceTime"][0]).timestamp()
        except ValueError as error:
            raise Refused(400, f"unable to decode sinceTime: {error}") from error
    return LogOptions(
        follow=_true(query, "follow"),
        tail=_number(query, "tailLines"),
        since=since,
        timestamps=_true(query, "timestamps"),
        stdout=stream in ("All", "Stdout"),
        stderr=stream in ("All", "Stderr"),
    )


def _true(query: dict[str, list[str]], key: str) -> bool:
    return bool(query.get(key)) and query[key][0].lower() not in ("false", "0")


def _number(query: dict[str, list[str]], key: str) -> int | None:
    try:
        return int(query[key][0]) if query.get(key) else None
    except ValueError as error:
        raise Refused(400, f"{key} must be a number") from error
