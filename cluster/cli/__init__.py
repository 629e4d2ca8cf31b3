"""The `berth` command: start, stop, status, version, delete, node, auth, kubeconfig.

Each subcommand is a module with a `run(arguments)` that prints for a person and returns an exit code; `main` parses, and
turns every expected failure (CommandError) into one line on stderr and exit code 1.
"""

from cluster.cli.command import main

__all__ = ["main"]
