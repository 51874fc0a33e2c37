"""What is said of an accelerator, in the reader's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tui import theme
from tui.i18n import N_, _

if TYPE_CHECKING:
    from tui.store.telemetry import Gpu, GpuProcess

# Of runtime.telemetry's codes, and of older recordings.
_THROTTLE = {
    "sw_power_cap": N_("power limit"),
    "hw_power_brake": N_("power brake"),
    "power": N_("power limit"),
    "power_cap": N_("power limit"),
    "hw_thermal": N_("too hot"),
    "sw_thermal": N_("too hot"),
    "thermal": N_("too hot"),
    "hw_slowdown": N_("slowed down"),
    "sync_boost": N_("waits for another"),
}
_HARMLESS = {"sw_power_cap", "power", "power_cap"}
"""A board that computes as fast as its power allows is as it should be."""
_HOT_CELSIUS = 85.0


def throttle_words(gpu: Gpu) -> list[str]:
    """Why the clocks are held down, each reason once."""
    return list(dict.fromkeys(_(_THROTTLE[code]) for code in gpu.throttle if code in _THROTTLE))


def is_throttled(gpu: Gpu) -> bool:
    """Whether it is slower than it should be."""
    return any(code not in _HARMLESS for code in gpu.throttle)


def is_hot(gpu: Gpu) -> bool:
    """Whether the temperature deserves a look."""
    limit = _HOT_CELSIUS if gpu.slowdown_temperature is None else gpu.slowdown_temperature - 3
    return is_throttled(gpu) or (gpu.temperature is not None and gpu.temperature >= limit)


def state_words(gpu: Gpu) -> str:
    """What stands in place of the numbers of a device that gives none; "" for one that answers."""
    if gpu.state == "ok":
        return ""
    return _("lost: it no longer answers") if gpu.state == "lost" else _("can't be read")


def label(gpu: Gpu) -> str:
    """`0`, and `0.2` for the third MIG instance on it."""
    return str(gpu.index) if gpu.instance is None else f"{gpu.index}.{gpu.instance}"


def process_words(process: GpuProcess) -> str:
    """A foreign process: its name, user and pid, as far as they are known."""
    if not process.name:
        return _("pid {pid}, outside this container").format(pid=process.pid)
    who = process.user or _("somebody")
    return _("{name} of {user}, pid {pid}").format(name=process.name, user=who, pid=process.pid)


def simulated_note() -> Text:
    """The line that stands wherever made-up accelerators are shown."""
    return Text(_("simulated GPUs: none of this was measured"), theme.style("warning"))
