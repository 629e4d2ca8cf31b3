"""Security contexts as the runtime is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.kubelet.container_config import security
from cluster.kubelet.runtime import Image

IMAGE = Image("sha256:1", "sha256:1", 1)


@pytest.mark.parametrize(
    ("of_pod", "own", "unconfined"),
    [
        (None, None, True),
        ("Unconfined", None, True),
        ("RuntimeDefault", None, False),
        ("RuntimeDefault", "Unconfined", True),
        (None, "RuntimeDefault", False),
        ("Unconfined", "Localhost", False),
    ],
)
def test_system_calls_are_filtered_where_a_profile_is_asked_for(of_pod: str | None, own: str | None, unconfined: bool) -> None:
    def context(profile: str | None) -> dict[str, Any]:
        return {"securityContext": {"seccompProfile": {"type": profile}}} if profile else {}

    container = {"name": "c"} | context(own)
    pod = {"metadata": {"name": "p", "namespace": "dev"}, "spec": {"containers": [container]} | context(of_pod)}
    assert security(pod, container, IMAGE).seccomp_unconfined is unconfined
