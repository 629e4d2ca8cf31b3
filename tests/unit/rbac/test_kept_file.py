"""What a process begins with whose authentication configuration file may be bad just now."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.client.callers import Callers
from rbac.authn.kept_file import KeptFile
from rbac.authn.structured import StructuredAuthentication

HEADER = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"
OPEN, CLOSED, BAD = HEADER + "anonymous: {enabled: true}\n", HEADER + "anonymous: {enabled: false}\n", "jwt: ["


def begin(folder: Path, text: str, run: str) -> bool:
    """Whether a process of that run, which finds the text in its file, lets anyone be anonymous."""
    file = folder / "authentication.yaml"
    file.write_text(text)
    found = StructuredAuthentication(str(file), Callers(), (), (), kept=KeptFile(folder / "kept", run))
    return found.allows_anonymous("/")


@pytest.mark.parametrize(
    ("first", "then", "run", "allowed"),
    [
        (OPEN, BAD, "1", True),
        (OPEN, CLOSED, "1", True),
        (CLOSED, OPEN, "1", False),
        (OPEN, BAD, "2", True),
        (OPEN, CLOSED, "2", False),
        (CLOSED, OPEN, "2", True),
    ],
)
def test_a_process_goes_by_its_fellows_then_by_the_file_then_by_what_it_last_said(
    tmp_path: Path, first: str, then: str, run: str, allowed: bool
) -> None:
    assert begin(tmp_path, first, "1") is (first == OPEN)
    assert begin(tmp_path, then, run) is allowed


def test_a_bad_file_that_was_never_good_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="failed to load authentication configuration"):
        begin(tmp_path, BAD, "1")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("damaged", [b"", b"[]", b"{}", b'{"run":"1","content":"jwt: ["}', b'{"run":"1","content":1}'])
def test_a_damaged_copy_is_no_copy(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "kept").write_bytes(damaged)
    assert begin(tmp_path, OPEN, "1")
    (tmp_path / "kept").write_bytes(damaged)
    with pytest.raises(ValueError, match="failed to load authentication configuration"):
        begin(tmp_path, BAD, "1")


def test_the_copy_is_private(tmp_path: Path) -> None:
    begin(tmp_path, OPEN, "1")
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["authentication.yaml", "kept"]


def test_a_copy_that_cannot_be_written_is_logged_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    KeptFile(tmp_path / "nowhere" / "kept", "1").write(b"content")
    assert "could not be kept" in caplog.text
