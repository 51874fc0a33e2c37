"""Which driver a build of torch needs. Pure."""

from __future__ import annotations

import re
from pathlib import Path

MINIMUM_DRIVERS = {
    11: "450.80.02",
    12: "525.60.13",
    13: "580.65.06",
}
"""The oldest Linux driver for each major version of CUDA, with minor-version compatibility: CUDA Toolkit
release notes, table "CUDA Toolkit and Minimum Required Driver Version"."""

_KERNEL_MODULE = re.compile(r"Kernel Module\D*?(?:for \S+)?\s+(\d+\.\d+(?:\.\d+)?)\s")


def driver_version(root: Path = Path("/")) -> str | None:
    """The version of the NVIDIA driver that is loaded; None where none is."""
    try:
        text = (root / "proc/driver/nvidia/version").read_text("utf-8", "replace")
    except OSError:
        return None
    match = _KERNEL_MODULE.search(text)
    return match[1] if match else None


def numbers(version: str) -> tuple[int, ...]:
    """`580.65.06` as (580, 65, 6), for comparing."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


def minimum_driver(cuda: str) -> str | None:
    """The oldest driver for a build for this version of CUDA, such as 12.8; None where the table ends."""
    major = numbers(cuda)[:1]
    return MINIMUM_DRIVERS.get(major[0]) if major else None
