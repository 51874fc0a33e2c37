"""Where the data of a profile lies, as far as it can be told without reading it."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from runtime.run.workspace import Workspace


def prepared_directory(reference: str, workspace: Workspace) -> Path | None:
    """The directory that `data.prepared` means: of data, of a run that has data, or by a run's id; None
    where it is missing."""
    given = Path(reference).expanduser()
    candidates = [workspace.root / given, workspace.root / given / "artifacts" / "data"]
    if len(given.parts) == 1:
        candidates.append(workspace.logs / given / "artifacts" / "data")
    return next((path for path in candidates if (path / "manifest.json").is_file()), None)


def source_exists(path: str, workspace: Workspace) -> bool:
    """Whether a source's path names a file or directory, or is a pattern that something matches."""
    given = workspace.root / Path(path).expanduser()
    if given.exists():
        return True
    if not any(mark in path for mark in "*?["):
        return False
    import glob

    return next(glob.iglob(str(given), recursive=True), None) is not None


def standard_library() -> Path | None:
    """The texts of Python's own standard library, None where this system doesn't ship them."""
    directory = Path(sysconfig.get_paths()["stdlib"])
    return directory if next(directory.glob("*.py"), None) is not None else None
