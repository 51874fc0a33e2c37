"""On what kind of file system a path lies."""

from __future__ import annotations

from pathlib import Path

NETWORK = frozenset(
    ["nfs", "nfs4", "cifs", "smb3", "lustre", "gpfs", "beegfs", "fuse.sshfs", "ceph", "9p", "afs"]
)
"""Those that other machines write to as well: their changes are not reported by inotify, their clocks may
differ."""


def file_system(path: Path, root: Path = Path("/")) -> str:
    """The type of the file system that holds the path, as /proc/self/mounts names it; "" where unknown.

    `root`: of the file system, which tests replace.
    """
    try:
        mounts = (root / "proc/self/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    resolved, best, kind = str(path.resolve()), "", ""
    for line in mounts:
        fields = line.split(" ")
        if len(fields) > 2:
            point = fields[1].replace("\\040", " ")
            inside = resolved == point or resolved.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(best):
                best, kind = point, fields[2]
    return kind
