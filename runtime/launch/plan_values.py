"""Values of a resume plan: what is compared, and how it is written in one cell."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.run.files import read_json
from runtime.run.layout import RunDirectory
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile


def prepared_directory(reference: str, workspace: Workspace) -> Path | None:
    """The directory that `data.prepared` means: of data, of a run that has data, or by a run's id; None where
    it is missing."""
    given = Path(reference).expanduser()
    candidates = [workspace.root / given, workspace.root / given / "artifacts" / "data"]
    if len(given.parts) == 1:
        candidates.append(workspace.logs / given / "artifacts" / "data")
    return next((path for path in candidates if (path / "manifest.json").is_file()), None)


def data_fingerprint(profile: Profile, run: RunDirectory, workspace: Workspace) -> str | None:
    """The fingerprint of the data that the profile would read now, None where it isn't there."""
    if profile.data is None:
        return None
    if profile.data.prepared is not None:
        directory: Path | None = prepared_directory(profile.data.prepared, workspace)
    else:
        directory = run.artifacts / "data"
    manifest = read_json(directory / "manifest.json") if directory is not None else None
    fingerprint = (manifest or {}).get("fingerprint")
    return fingerprint if isinstance(fingerprint, str) else None


def same_version(then: str, now: str | None) -> bool:
    """Whether versions are equal; a build's name (`+cpu`) counts only where both tell it."""
    if now is None:
        return False
    if "+" in then and "+" in now:
        return then == now
    return re.sub(r"\+.*", "", then) == re.sub(r"\+.*", "", now)


def architecture(model: dict[str, Any]) -> str:
    return f"{model.get('architecture')} {model.get('layers')} × {model.get('width')}"


def short(value: object) -> str | int | float | None:
    if value is None or isinstance(value, str | int | float):
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:119] + "…"


def brief(fingerprint: str | None) -> str | None:
    return fingerprint[:16] if fingerprint is not None else None
