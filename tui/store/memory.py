"""What the panel remembers between two visits: language, theme, and when the workspace was last looked at.

One small JSON file in the user's state directory; nothing breaks when it is lost.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


class Memory:
    """`get`/`set` for settings; `left`/`leave` for the time of the last visit to a workspace."""

    def __init__(self, directory: Path | None = None) -> None:
        self._directory = directory

    @property
    def path(self) -> Path:
        if self._directory is None:
            import platformdirs

            self._directory = Path(platformdirs.user_state_dir("headnode"))
        return self._directory / "panel.json"

    def _load(self) -> dict[str, Any]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) and content.get("schema") == 1 else {}

    def get(self, name: str) -> str | None:
        """A setting, or None."""
        value = self._load().get(name)
        return value if isinstance(value, str) else None

    def set(self, name: str, value: str) -> None:
        """Remembers a setting."""
        self._change({name: value})

    def left(self, workspace: Path) -> float | None:
        """When this workspace was last looked at, in Unix seconds; None for the first visit."""
        visits = self._load().get("left")
        moment = visits.get(_key(workspace)) if isinstance(visits, dict) else None
        return float(moment) if isinstance(moment, (int, float)) else None

    def leave(self, workspace: Path, moment: float) -> None:
        """This workspace is being looked at, or was until just now."""
        visits = self._load().get("left")
        kept = dict(visits) if isinstance(visits, dict) else {}
        kept[_key(workspace)] = round(moment, 1)
        self._change({"left": kept})

    def _change(self, values: dict[str, Any]) -> None:
        content = {**self._load(), "schema": 1, **values}
        temporary = self.path.with_name(f".panel.json.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            temporary.write_text(json.dumps(content), encoding="utf-8")
            temporary.replace(self.path)
        except OSError:  # a read-only or full home must not keep anybody from looking at their runs
            temporary.unlink(missing_ok=True)


def _key(workspace: Path) -> str:
    import hashlib

    return hashlib.sha256(str(workspace.resolve()).encode("utf-8", "surrogateescape")).hexdigest()[:16]
