"""The default roles and bindings of a cluster.

`bootstrap-rbac.yaml` is the source that people read; `bootstrap-rbac.json` is made from it by `python -m rbac.bootstrap.generate`
and is what a server loads, because parsing YAML would cost half a second of every start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

import orjson

from cluster.api.names import Object

YAML: Final = Path(__file__).with_name("bootstrap-rbac.yaml")
JSON: Final = Path(__file__).with_name("bootstrap-rbac.json")


def default_objects() -> list[Object]:
    """New copies of all default ClusterRoles, ClusterRoleBindings, Roles and RoleBindings, in that order."""
    return cast(list[Object], orjson.loads(JSON.read_bytes()))
