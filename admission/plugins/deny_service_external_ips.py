"""DenyServiceExternalIPs: no service gets external IPs that it does not have.

Upstream: `plugin/pkg/admission/network/denyserviceexternalips`.
"""

from __future__ import annotations

from typing import Final

from admission.attributes import Attributes, Operation
from admission.denial import forbidden
from admission.written import object_of
from cluster.api.names import GroupResource, Object

_SERVICES: Final = GroupResource("", "services")


class DenyServiceExternalIPs:
    name = "DenyServiceExternalIPs"

    def handles(self, operation: Operation) -> bool:
        return operation in (Operation.CREATE, Operation.UPDATE)

    def validate(self, attributes: Attributes) -> None:
        service = object_of(attributes, _SERVICES)
        if service is not None and not _external_ips(service) <= _external_ips(attributes.old_object):
            raise forbidden(attributes, "Use of external IPs is denied by admission control")


def _external_ips(service: Object | None) -> frozenset[str]:
    return frozenset(((service or {}).get("spec") or {}).get("externalIPs") or ())
