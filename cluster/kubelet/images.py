"""The image policy.  Upstream: `pkg/kubelet/images/image_manager.go`."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import orjson

from cluster.api.errors import StatusError
from cluster.api.names import Object
from cluster.kubelet import specs
from cluster.kubelet.backoff import Backoff
from cluster.kubelet.runtime import Image, ImageFailure, Runtime

Tell = Callable[[str, str, str], None]
"""(Normal | Warning, reason, message)."""

_COMPONENT: Final = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_HOST: Final = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_REFERENCE: Final = re.compile(
    rf"(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*(?P<tag>:[\w][\w.-]{{0,127}})?"
    r"(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
)


def normalized(reference: str) -> str:
    """The reference with `:latest` where it has neither tag nor digest; ImageFailure for what is no reference."""
    found = _REFERENCE.fullmatch(reference)
    if found is None or (not found["digest"] and re.fullmatch(r"[a-f0-9]{64}", reference)):
        why = "invalid reference format"
        if reference.lower() != reference and _REFERENCE.fullmatch(reference.lower()):
            why = "invalid reference format: repository name must be lowercase"
        shown = f'Failed to apply default image tag "{reference}": couldn\'t parse image name "{reference}": {why}'
        raise ImageFailure("InvalidImageName", shown)
    return reference if found["tag"] or found["digest"] else f"{reference}:latest"


class Images:
    """Sees to it that a container's image is there, by its policy, and waits longer after each pull that failed."""

    def __init__(self, runtime: Runtime, get_secret: Callable[[str, str], Object]) -> None:
        self._runtime = runtime
        self._get_secret = get_secret
        self._backoff = Backoff(clock=time.time)
        self._failures: dict[str, str] = {}

    def ensure(self, pod: Object, container: specs.Spec, tell: Tell) -> Image:
        """The image; ImageFailure with upstream's reason and message."""
        asked = container.get("image") or ""
        try:
            reference = normalized(asked)
        except ImageFailure as failure:
            tell("Warning", "InspectFailed", failure.message)
            raise
        policy = container.get("imagePullPolicy") or ("Always" if reference.endswith(":latest") else "IfNotPresent")
        found = self._runtime.image(reference) if policy != "Always" else None
        if found is not None:
            tell("Normal", "Pulled", f'Container image "{asked}" already present on machine and can be accessed by the pod')
            return found
        if policy == "Never":
            message = f'Container image "{asked}" is not present with pull policy of Never'
            tell("Warning", "ErrImageNeverPull", message)
            raise ImageFailure("ErrImageNeverPull", message)
        return self._pull(pod, reference, tell)

    def _pull(self, pod: Object, reference: str, tell: Tell) -> Image:
        key = f"{specs.uid(pod)}_{reference}"
        if self._backoff.remaining(key, self._backoff.noted(key)) > 0:
            message = f'Back-off pulling image "{reference}"'
            tell("Normal", "BackOff", message)
            before = self._failures.get(key)
            raise ImageFailure("ImagePullBackOff", f"{message}: {before}" if before else message)
        tell("Normal", "Pulling", f'Pulling image "{reference}"')
        started = time.monotonic()
        try:
            found = self._runtime.pull(reference, list(self._credentials(pod, reference)))
        except ImageFailure as failure:
            tell("Warning", "Failed", f'Failed to pull image "{reference}": {failure.message}')
            self._backoff.next(key, time.time())
            self._failures[key] = f"{failure.reason}: {failure.message}"
            raise
        self._failures.pop(key, None)
        took = f"{time.monotonic() - started:.3f}".rstrip("0").rstrip(".") + "s"
        size = found.size
        tell("Normal", "Pulled", f'Successfully pulled image "{reference}" in {took} ({took} including waiting). Image size: {size} bytes.')
        return found

    def retry_after(self, pod: Object) -> float:
        """Seconds until the first of the pod's images may be pulled again; 0: nothing waits."""
        prefix = f"{specs.uid(pod)}_"
        waits = [self._backoff.remaining(key, self._backoff.noted(key)) for key in list(self._failures) if key.startswith(prefix)]
        return min((each for each in waits if each > 0), default=0.0)

    def forget(self, uid: str) -> None:
        self._backoff.forget(f"{uid}_")
        for key in [key for key in self._failures if key.startswith(f"{uid}_")]:
            self._failures.pop(key, None)

    def _credentials(self, pod: Object, reference: str) -> Iterator[dict[str, str]]:
        """Of the pull secrets that name the image's registry."""
        registry = reference.partition("/")[0] if "." in reference.partition("/")[0] or ":" in reference.partition("/")[0] else "docker.io"
        for entry in pod["spec"].get("imagePullSecrets") or []:
            try:
                secret = self._get_secret(pod["metadata"]["namespace"], entry.get("name", ""))
            except StatusError:
                continue  # upstream pulls without what it can't read
            for server, auth in _registries(secret):
                host = server.removeprefix("https://").removeprefix("http://").partition("/")[0]
                if host == registry or (registry == "docker.io" and host == "index.docker.io"):
                    yield _login(auth)


def _registries(secret: Object) -> Iterator[tuple[str, dict[str, Any]]]:
    data = secret.get("data") or {}
    try:
        if ".dockerconfigjson" in data:
            yield from orjson.loads(base64.b64decode(data[".dockerconfigjson"])).get("auths", {}).items()
        elif ".dockercfg" in data:
            yield from orjson.loads(base64.b64decode(data[".dockercfg"])).items()
    except (ValueError, AttributeError):
        return  # a secret that can't be read holds no credentials


def _login(auth: dict[str, Any]) -> dict[str, str]:
    if auth.get("auth") and not auth.get("username"):
        name, _, password = base64.b64decode(auth["auth"]).decode(errors="replace").partition(":")
        return {"username": name, "password": password}
    return {"username": auth.get("username", ""), "password": auth.get("password", "")}
