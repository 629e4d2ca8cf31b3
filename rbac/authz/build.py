"""The authorizers of a cluster, in upstream's order: system:masters, then Node, then RBAC."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.api.authorization import Authorizer
from cluster.api.protocols import Reader
from rbac.authz.index import RbacIndex
from rbac.authz.node import NodeAuthorizer
from rbac.authz.node_graph import NodeGraph
from rbac.authz.rbac import RbacAuthorizer, RuleResolver
from rbac.authz.union import PrivilegedGroupAuthorizer, UnionAuthorizer
from rbac.bootstrap import default_objects


@dataclass(frozen=True, slots=True)
class Authorization:
    """What the server is given: decisions, rules for reviews and escalation checks, and the index that both come from."""

    authorizer: Authorizer
    resolver: RuleResolver
    index: RbacIndex


def build_authorization(reader: Reader) -> Authorization:
    """Follows the reader's roles, bindings and pods from now on."""
    index = RbacIndex.following(reader)
    node_role = next(each for each in default_objects() if each["metadata"]["name"] == "system:node")
    node = NodeAuthorizer(NodeGraph.following(reader), node_role["rules"])
    authorizer = UnionAuthorizer((PrivilegedGroupAuthorizer(), node, RbacAuthorizer(index)))
    return Authorization(authorizer, RuleResolver(index), index)
