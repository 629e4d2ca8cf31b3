"""The Config of a process that is started by hand, from BERTH_HOME and the other environment variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from msgspec.structs import replace

from cluster.assembly.config import Config, Home

SUPERVISED: Final = "BERTH_SUPERVISED"
"""Set for the API server that a supervisor starts: the supervisor starts the store process, and made the PKI."""
_INTEGERS = {"BERTH_PORT": "port", "BERTH_WORKERS": "workers", "BERTH_NODES": "nodes"}
_TEXTS = {"BERTH_STORE": "store", "BERTH_KUBERNETES_VERSION": "kubernetes_version", "BERTH_RUNTIME": "runtime"}


def config_from_environment() -> Config:
    """The home's config.json, where it has one, with what the environment says beside it.  ValueError for a bad number."""
    home = Home(Path(os.environ.get("BERTH_HOME") or Path.home() / ".berth").expanduser().resolve())
    try:
        config = Config.load(home)
    except FileNotFoundError:
        config = Config(home=home)
    changes: dict[str, Any] = {field: os.environ[name] for name, field in _TEXTS.items() if os.environ.get(name)}
    for name, field in _INTEGERS.items():
        text = os.environ.get(name)
        if text:
            if not text.isdigit():
                raise ValueError(f'{name} is "{text}", which is not a number')
            changes[field] = int(text)
    return replace(config, **changes) if changes else config
