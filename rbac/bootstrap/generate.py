"""Makes `bootstrap-rbac.json` from `bootstrap-rbac.yaml`: `python -m rbac.bootstrap.generate`."""

from __future__ import annotations

import orjson
import yaml

from rbac.bootstrap.defaults import JSON, YAML


def generate() -> bytes:
    """The JSON that belongs to the YAML."""
    objects = [each for each in yaml.load_all(YAML.read_bytes(), Loader=yaml.CSafeLoader) if each]
    return orjson.dumps(objects)


if __name__ == "__main__":
    JSON.write_bytes(generate())
