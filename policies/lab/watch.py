"""Runs suites again whenever something that they are made of changes; what is loaded once stays loaded."""

from __future__ import annotations

import glob
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cluster.api.followed_file import FollowedFiles
from policies.lab.discovery import folders
from policies.lab.manifests import searched
from policies.lab.results import RunResult
from policies.lab.run import Loaded, RunOptions, load, run
from policies.lab.worker import Chains

LOOK_SECONDS: Final = 0.25


def watch(options: RunOptions, report: Callable[[RunResult], None], wait: Callable[[], bool] | None = None) -> int:
    """Until it is interrupted; the exit code of the last run.  `wait` is called between looks, and ends it where it answers False."""
    chains = Chains()
    pause = wait or _pause
    while True:
        loaded = load(options.paths)
        files = _files(options, loaded)  # what comes into a folder changes it
        followed = FollowedFiles(lambda files=files: files)  # type: ignore[misc] # a default binds this round's
        before = followed.looks()
        result = run(options, chains, loaded)
        report(result)
        if result.updated:  # by this very run
            before = followed.looks()
        while followed.looks() == before:
            if not pause():
                return result.exit_code


def _pause() -> bool:
    try:
        time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        return False
    return True


def _files(options: RunOptions, loaded: Loaded) -> set[Path]:
    """What suites are made of, and the folders that more of them could come into."""
    files = set(loaded.files)
    files |= {place for broken in loaded.broken for place in (Path(each.file) for each, _ in broken.faults)}
    for each in options.paths:
        path = Path(each)
        if path.is_dir():
            files |= set(folders(path))
        else:
            files |= {path, *(searched(Path(), each) if glob.has_magic(each) else ())}
    return files | {file.parent for file in loaded.files}
