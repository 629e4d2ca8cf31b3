"""`berth version`."""

from __future__ import annotations

import argparse
from importlib.metadata import version

import orjson

from cluster.assembly.config import DEFAULT_VERSION


def add_arguments(parser: argparse.ArgumentParser, home: argparse.ArgumentParser) -> None:  # noqa: ARG001 - every command's shape
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text")


def run(arguments: argparse.Namespace) -> int:
    berth = version("berth")
    if arguments.output == "json":
        print(orjson.dumps({"berth": berth, "kubernetes": DEFAULT_VERSION}).decode())
    else:
        print(f"berth {berth}, Kubernetes {DEFAULT_VERSION}")
    return 0
