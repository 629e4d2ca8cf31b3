"""Who may publish trust for a signer."""

from __future__ import annotations

import pytest

from admission.plugins.cluster_trust_bundle_attest import ClusterTrustBundleAttest
from cluster.api.errors import Forbidden
from cluster.api.names import Object
from tests.unit.admission.test_certificates import Asked
from tests.unit.admission.writes import write

WHAT = "clustertrustbundles.certificates.k8s.io"
SIGNER = "abc.com/xyz"


def bundle(signer: str = SIGNER, pem: str = "a", **metadata: object) -> Object:
    return {"metadata": {"name": "b", **metadata}, "spec": {"signerName": signer, "trustBundle": pem}}


OWNED = bundle(ownerReferences=[{"name": "o"}], finalizers=["x/y"], managedFields=[{"manager": "gc"}])


@pytest.mark.parametrize(
    ("allowed", "new", "old", "is_denied"),
    [
        ((), bundle(""), None, False),
        ((), bundle("", "b"), bundle(""), False),
        ((("attest", SIGNER),), bundle(), None, False),
        ((("attest", "abc.com/*"),), bundle(), None, False),
        ((("attest", SIGNER),), bundle(pem="b"), bundle(), False),
        ((), bundle(), None, True),
        ((("sign", SIGNER), ("attest", "notabc.com/xyz")), bundle(), None, True),
        ((), bundle(pem="b"), bundle(), True),
        ((), bundle(labels={"a": "b"}), bundle(), True),
        ((), bundle(), bundle(), False),
        ((), OWNED, bundle(), False),
    ],
)
def test_what_is_said_of_a_signer_needs_its_right(
    allowed: tuple[tuple[str, str], ...], new: Object, old: Object | None, is_denied: bool
) -> None:
    attributes = write("CREATE" if old is None else "UPDATE", WHAT, new, old)
    plugin = ClusterTrustBundleAttest(Asked(*allowed))
    if not is_denied:
        plugin.validate(attributes)
        return
    with pytest.raises(Forbidden) as refusal:
        plugin.validate(attributes)
    assert refusal.value.message == f'{WHAT} "b" is forbidden: user not permitted to attest for signerName "{SIGNER}"'


def test_other_kinds_have_no_signer() -> None:
    asked = Asked()
    ClusterTrustBundleAttest(asked).validate(write("CREATE", "configmaps", bundle()))
    assert asked.questions == []
