"""How long something is to last, as the command line takes it."""

from __future__ import annotations

from cluster.api.durations import parse_duration
from cluster.cli.failure import CommandError
from cluster.kinds.berth.kubeconfig_rules import LONGEST, SHORTEST


def seconds_of(text: str) -> int:
    """A lifetime such as `720h`, `30d` or `1h30m`; CommandError for none, or one that no grant may have."""
    try:
        seconds = int(parse_duration(text, days=True))
    except ValueError:
        raise CommandError(f'lifetime "{text}" is no duration: write it as "720h" or "30d"') from None
    if not SHORTEST <= seconds <= LONGEST:
        raise CommandError(f'lifetime "{text}" is not between 10 minutes and 10 years')
    return seconds
