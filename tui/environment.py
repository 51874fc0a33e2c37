"""What must be settled before Textual is imported, since it reads its environment once."""

from __future__ import annotations

import os
from collections.abc import MutableMapping


def prepare_terminal(environment: MutableMapping[str, str] | None = None) -> None:
    """No animations anywhere; over SSH also fewer frames, since each one crosses the wire. What the person
    has set stays."""
    environment = os.environ if environment is None else environment
    environment.setdefault("TEXTUAL_ANIMATIONS", "none")
    environment.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
    if environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"):
        environment.setdefault("TEXTUAL_FPS", "15")
