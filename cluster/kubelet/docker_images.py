"""Images of a Docker engine: those that pods name, and the sandboxes' own."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from docker.errors import APIError, ImageNotFound

from cluster.kubelet import pause
from cluster.kubelet.docker_engine import failures, text
from cluster.kubelet.runtime import Image, ImageFailure, RuntimeFailure


class DockerImages:
    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._pause_lock = threading.Lock()

    def find(self, reference: str) -> Image | None:
        with failures():
            try:
                found = self._engine.inspect_image(reference)
            except ImageNotFound:
                return None
        digests = found.get("RepoDigests") or []
        shown = f"docker-pullable://{digests[0]}" if digests else f"docker://{found['Id']}"
        user = (found.get("Config") or {}).get("User") or ""
        return Image(found["Id"], shown, int(found.get("Size") or 0), tuple(found.get("RepoTags") or ()), user)

    def all(self) -> list[Image]:
        with failures():
            rows = self._engine.images()
        return [_listed(each) for each in rows]

    def pull(self, reference: str, credentials: Sequence[Mapping[str, str]]) -> Image:
        failure: Exception | None = None
        for auth in [*credentials, None]:
            try:
                for line in self._engine.pull(reference, stream=True, decode=True, auth_config=dict(auth) if auth else None):
                    if "error" in line:
                        raise RuntimeFailure(str(line["error"]))
                found = self.find(reference)
                if found is not None:
                    return found
            except (APIError, RuntimeFailure, OSError) as error:
                failure = error
        why = text(failure) if failure else "the image is not there after its pull"
        raise ImageFailure("ErrImagePull", f'failed to pull and unpack image "{reference}": {why}')

    def pause(self) -> str:
        """The sandbox's image, made where it is missing."""
        reference = f"berth/pause:{pause.tag()}"
        with self._pause_lock:
            if self.find(reference) is None:
                changes = ['ENTRYPOINT ["/pause"]', "USER 65535:65535"]
                self._engine.import_image_from_data(pause.archive(), repository="berth/pause", tag=pause.tag(), changes=changes)
        return reference


def _listed(row: Mapping[str, Any]) -> Image:
    names = tuple(row.get("RepoTags") or ()) + tuple(row.get("RepoDigests") or ())
    return Image(row["Id"], row["Id"], int(row.get("Size") or 0), names)
