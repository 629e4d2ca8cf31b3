"""The default roles and bindings of a cluster: Kubernetes' and Berth's own.

`bootstrap-rbac.yaml` and `berth-rbac.yaml` are the sources that people read; the JSON beside each is made from it by
`python -m rbac.bootstrap.generate` and is what a server loads, because parsing YAML would cost half a second of every start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

import orjson

from cluster.api.names import Object

KUBERNETES: Final = Path(__file__).with_name("bootstrap-rbac.yaml")
BERTH: Final = Path(__file__).with_name("berth-rbac.yaml")
SOURCES: Final = (KUBERNETES, BERTH)


def default_objects() -> list[Object]:
    """New copies of all default ClusterRoles, ClusterRoleBindings, Roles and RoleBindings of Kubernetes, in that order."""
    return _load(KUBERNETES)


def berth_objects() -> list[Object]:
    """New copies of the ClusterRoles and ClusterRoleBindings that Berth adds, all named `berth:...`."""
    return _load(BERTH)


def _load(source: Path) -> list[Object]:
    return cast(list[Object], orjson.loads(source.with_suffix(".json").read_bytes()))
