"""A second directory with the same files, for a run that is to stand alone."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from runtime.run.files import fsync_directory

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}


def link_tree(source: Path, target: Path) -> None:
    """A second directory with the same files: hard links, or copies where there can be none. Raises
    OSError as the disk does."""
    shutil.copytree(source, target, symlinks=True, copy_function=_link)
    for folder, _, _ in os.walk(target):
        fsync_directory(Path(folder))
    fsync_directory(target.parent)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(source, target, follow_symlinks=False)
