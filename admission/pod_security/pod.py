"""What checks look at: a pod, or the template of one, taken apart once for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from cluster.api.names import Object

_NOTHING: Final[Object] = {}


class Pod:
    """`securities` has each container's name and securityContext, `security` the pod's own; what is absent is empty."""

    __slots__ = ("annotations", "containers", "securities", "security", "spec")

    def __init__(self, metadata: Object, spec: Object) -> None:
        self.annotations: Mapping[str, str] = metadata.get("annotations") or _NOTHING
        self.spec = spec
        self.security: Object = spec.get("securityContext") or _NOTHING
        self.containers: Sequence[Object] = [
            *(spec.get("initContainers") or ()),
            *(spec.get("containers") or ()),
            *(spec.get("ephemeralContainers") or ()),
        ]
        self.securities: Sequence[tuple[str, Object]] = [
            (each.get("name", ""), each.get("securityContext") or _NOTHING) for each in self.containers
        ]

    @property
    def volumes(self) -> Sequence[Object]:
        return self.spec.get("volumes") or ()

    @property
    def is_windows(self) -> bool:
        return (self.spec.get("os") or _NOTHING).get("name") == "windows"

    @property
    def has_users_of_its_own(self) -> bool:
        """Whether it runs in a user namespace, where nobody is root on the node."""
        return self.spec.get("hostUsers") is False

    def set_in_containers(self, field: str) -> list[tuple[str, Object]]:
        """Name and options of each container whose securityContext has the field."""
        return [(name, security[field]) for name, security in self.securities if field in security]
