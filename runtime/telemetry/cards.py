"""Whether the machine has NVIDIA devices, asked of the kernel alone: true without any driver."""

from __future__ import annotations

from pathlib import Path

_NVIDIA = "0x10de"
_DISPLAY = ("0x0300", "0x0302")  # PCI classes: VGA controller, 3D controller


def nvidia_cards(root: Path = Path("/sys/bus/pci/devices")) -> int:
    """How many display or 3D controllers of NVIDIA are on the PCI bus (audio functions don't count)."""
    try:
        entries = list(root.iterdir())
    except OSError:
        return 0
    return sum(
        1
        for entry in entries
        if _read(entry / "vendor") == _NVIDIA and _read(entry / "class").startswith(_DISPLAY)
    )


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", "replace").strip()
    except OSError:
        return ""
