"""The profile of `default-scheduler`, with upstream's weights (`pkg/scheduler/apis/config/v1/default_plugins.go`)."""

from __future__ import annotations

from typing import Final

from cluster.scheduler.framework import Profile
from cluster.scheduler.plugins import PLUGINS

PROFILE: Final = Profile(
    "default-scheduler",
    PLUGINS,
    {
        "TaintToleration": 3,
        "NodeAffinity": 2,
        "NodeResourcesFit": 1,
        "PodTopologySpread": 2,
        "InterPodAffinity": 2,
        "NodeResourcesBalancedAllocation": 1,
    },
)
