"""What the engine says of a container, as the kubelet sees it."""

from __future__ import annotations

import calendar
import time
from typing import Any, Final

from cluster.kubelet.runtime import Container, Sandbox, State

_START_ERROR: Final = 128


def sandbox(found: dict[str, Any], ip: str) -> Sandbox:
    return Sandbox(found["Id"], found["Config"]["Labels"], bool(found["State"]["Running"]), ip, seconds(found["Created"]))


def container(found: dict[str, Any]) -> Container:
    state, config = found["State"], found["Config"]
    started, finished = seconds(state["StartedAt"]), seconds(state["FinishedAt"])
    created = seconds(found["Created"])
    kind, reason, message, code = State.CREATED, "", "", int(state.get("ExitCode") or 0)
    if state["Running"]:
        kind = State.RUNNING
    elif finished:
        kind = State.EXITED
        reason = "OOMKilled" if state.get("OOMKilled") else "Completed" if code == 0 else "Error"
        message = state.get("Error") or ""
    elif state.get("Error"):
        kind, reason, message, code = State.EXITED, "StartError", state["Error"], code or _START_ERROR
        finished = created
    return Container(
        id=found["Id"],
        labels=config["Labels"],
        state=kind,
        image=config["Image"],
        image_id=found["Image"],
        exit_code=code,
        reason=reason,
        message=message,
        created=created,
        started=started,
        finished=finished,
    )


def seconds(text: str) -> float:
    """Docker's time (RFC 3339 with up to nine digits, UTC) in seconds of the epoch; its zero time is 0."""
    if not text or text.startswith("0001-"):
        return 0.0
    whole, _, rest = text.partition(".")
    base = calendar.timegm(time.strptime(whole.rstrip("Z"), "%Y-%m-%dT%H:%M:%S"))
    return base + (float(f"0.{rest.rstrip('Z')}") if rest else 0.0)
