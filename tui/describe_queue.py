"""What the queue and the leases of devices have to say, among the events of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tui.clean import clean
from tui.i18n import _, ngettext, render

if TYPE_CHECKING:
    from runtime.run.events import Event


def _queued(event: Event, detail: Mapping[str, Any]) -> str:
    from runtime.launch.queueing import Wants
    from runtime.launch.queueing_view import waiting_for

    wants, ahead = Wants.from_json(detail.get("devices_wanted")), detail.get("ahead")
    if wants is None:
        return _("queued")
    message = waiting_for(wants, ahead if isinstance(ahead, int) else 0)
    return _("queued: {waits}").format(waits=render(message))


def _leased(event: Event, detail: Mapping[str, Any]) -> str:
    devices = _devices(detail)
    return _("has {devices}").format(devices=devices) if devices else _("has its devices")


def _released(event: Event, detail: Mapping[str, Any]) -> str:
    devices = _devices(detail)
    return _("gave back {devices}").format(devices=devices) if devices else _("gave its devices back")


def _memory_held(event: Event, detail: Mapping[str, Any]) -> str:
    devices = ", ".join(_short(key) for key in _keys(detail.get("devices")))
    if not devices:
        return _("its processes are gone, but GPU memory isn't free yet")
    return _("its processes are gone, but the memory of {devices} isn't free yet").format(devices=devices)


def _devices(detail: Mapping[str, Any]) -> str:
    """`GPU 51111a7e…, …` for few, `4 GPUs` for many; `2 CPU slots`."""
    keys = _keys(detail.get("devices"))
    slots = [key for key in keys if key.startswith("cpu:")]
    gpus = [key for key in keys if key not in slots]
    if slots:
        return ngettext("{count} CPU slot", "{count} CPU slots", len(slots)).format(count=len(slots))
    if len(gpus) > 2:
        return ngettext("{count} GPU", "{count} GPUs", len(gpus)).format(count=len(gpus))
    return ", ".join(_short(key) for key in gpus)


def _keys(value: object) -> list[str]:
    return [key for key in value if isinstance(key, str)] if isinstance(value, list | dict) else []


def _short(key: str) -> str:
    """A GPU's UUID as far as `nvidia-smi -L` needs it to tell it from others, most of the time."""
    kind, _dash, rest = clean(key).partition("-")
    return f"{kind}-{rest[-12:]}" if rest else kind


SENTENCES = {
    "queued": _queued,
    "leased": _leased,
    "released": _released,
    "gpu_memory_held": _memory_held,
}
