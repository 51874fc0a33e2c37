"""Writing profiles: whole or not at all, and never over something that nobody has seen."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from runtime.messages import N_, HeadnodeError
from tui.clean import clean

_NAME_LINE = re.compile(r"^name[ \t]*:.*$", re.MULTILINE)


class ChangedMeanwhile(HeadnodeError):
    """Somebody else has written the file since it was read."""


def save_profile(path: Path, text: str, expected: str | None) -> None:
    """Replaces the profile by `text`. `expected` is what was read before: ChangedMeanwhile where the file
    says something else by now (None: whatever it says). Raises OSError as the disk does."""
    from runtime.run.files import write_atomic

    target = path.resolve()  # a link stays one
    try:
        present, mode = target.read_bytes(), target.stat().st_mode
    except FileNotFoundError:
        present, mode = None, None
    if expected is not None and (present is None or present.decode("utf-8-sig", "replace") != expected):
        raise ChangedMeanwhile(N_("{path} was changed by somebody else meanwhile"), path=clean(path.name))
    write_atomic(target, text.encode("utf-8"))
    if mode is not None:
        target.chmod(stat.S_IMODE(mode))


def copy_profile(text: str, target: Path) -> None:
    """Writes a new profile that takes its name from its file. Raises FileExistsError rather than replace
    one."""
    from runtime.run.files import write_atomic

    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    os.close(descriptor)  # the name is ours now
    try:
        write_atomic(target, renamed(text, target.stem).encode("utf-8"))
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def renamed(text: str, name: str) -> str:
    """The text with another `name:` where it has one; without, a profile is called as its file."""
    return _NAME_LINE.sub(f"name: {name}", text, count=1)
