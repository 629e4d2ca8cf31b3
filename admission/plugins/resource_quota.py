"""ResourceQuota: nobody uses more in a namespace than its quotas allow.

A write is judged by the quotas as they are, and charged to them in the same transaction as it is stored, so that of any number of
concurrent writes, whatever processes take them and end in between, no more are done than fit.
Upstream: apiserver `pkg/admission/plugin/resourcequota`, which charges before the object is stored.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.charges import Ledger
from admission.presence import Presence
from admission.quota.check import Demand, check, demand
from admission.quota.configuration import limited_resources
from admission.quota.neighbours import StoredNeighbours
from cluster.api.names import GroupResource, Object
from cluster.api.protocols import Reader
from cluster.api.quota.evaluators import IGNORED, Evaluators

NAME: Final = "ResourceQuota"
QUOTAS: Final = GroupResource("", "resourcequotas")
_NAMESPACES: Final = GroupResource("", "namespaces")


class ResourceQuota:
    name = NAME

    def __init__(self, reader: Reader, configuration: Object | None = None) -> None:
        """ValueError for a configuration that is none."""
        self._reader = reader
        self._limited = limited_resources(configuration)
        self._limiting = Presence(reader, QUOTAS)
        self._evaluators = Evaluators(StoredNeighbours(reader))

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def validate(self, attributes: Attributes) -> None:
        """Forbidden for what no quota, or none as it is used now, leaves room for."""
        namespace, obj = attributes.namespace, attributes.object
        if not namespace or obj is None or (namespace not in self._limiting and not self._limited):
            return
        resource = attributes.resource.group_resource
        if resource in IGNORED or resource == _NAMESPACES:
            return
        evaluator = self._evaluators.of(resource)
        if not evaluator.handles(attributes.operation, attributes.subresource, obj, attributes.old_object):
            return
        asked = demand(evaluator, attributes, self._limited)
        if check(asked, self._reader.list(QUOTAS, namespace)):
            attributes.charges.append(QuotaCharge(asked))


class QuotaCharge:
    """`admission.charges.Charge` of one write to the quotas of its namespace."""

    plugin = NAME

    def __init__(self, asked: Demand) -> None:
        self._demand = asked

    @property
    def attributes(self) -> Attributes:
        return self._demand.attributes

    @property
    def account(self) -> str:
        return f"{QUOTAS}/{self._demand.attributes.namespace}"

    def settle(self, ledger: Ledger) -> None:
        for quota in check(self._demand, ledger.list(QUOTAS, self._demand.attributes.namespace)):
            ledger.put(QUOTAS, quota)
