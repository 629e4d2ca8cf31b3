"""`berth version`."""

from __future__ import annotations

import argparse
from importlib.metadata import version

import orjson

from cluster.assembly.config import DEFAULT_VERSION


def run(arguments: argparse.Namespace) -> int:
    berth = version("berth")
    if arguments.output == "json":
        print(orjson.dumps({"berth": berth, "kubernetes": DEFAULT_VERSION}).decode())
    else:
        print(f"berth {berth}, Kubernetes {DEFAULT_VERSION}")
    return 0
