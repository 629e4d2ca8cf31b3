"""External IPs of services may be given up, and not taken."""

from __future__ import annotations

import pytest

from admission.plugins.deny_service_external_ips import DenyServiceExternalIPs
from cluster.api.errors import Forbidden
from cluster.api.names import Object
from tests.unit.admission.writes import write


def service(*addresses: str) -> Object:
    return {"metadata": {"name": "s"}, "spec": {"externalIPs": list(addresses)} if addresses else {}}


A, B, C = "1.1.1.1", "2.2.2.2", "3.3.3.3"


@pytest.mark.parametrize(
    ("new", "old", "is_denied"),
    [
        (service(), None, False),
        (service(A), None, True),
        (service(A, B), service(A, B), False),
        (service(B, A), service(A, B), False),
        (service(A, B), service(A, C), True),
        (service(A, B), service(A), True),
        (service(), service(A, B), False),
        (service(A), service(A, B), False),
        (service(B), service(A, B), False),
    ],
)
def test_a_service_gets_no_external_ips(new: Object, old: Object | None, is_denied: bool) -> None:
    attributes = write("CREATE" if old is None else "UPDATE", "services", new, old, namespace="dev")
    if not is_denied:
        DenyServiceExternalIPs().validate(attributes)
        return
    with pytest.raises(Forbidden) as refusal:
        DenyServiceExternalIPs().validate(attributes)
    assert refusal.value.message == 'services "s" is forbidden: Use of external IPs is denied by admission control'


@pytest.mark.parametrize("what", ["services/status", "configmaps"])
def test_other_writes_take_none(what: str) -> None:
    DenyServiceExternalIPs().validate(write("UPDATE", what, service(A), service(), namespace="dev"))
