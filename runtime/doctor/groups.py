"""All groups of checks, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from runtime.doctor.check import Check, Group, Surroundings
from runtime.messages import N_, Message


def _group(name: str, title: str, *, slow: bool = False) -> Group:
    """The group whose checks are `runtime.doctor.<name>.checks`; imported when it is first run."""

    def run(surroundings: Surroundings) -> Iterator[Check]:
        module = import_module(f"runtime.doctor.{name}")
        yield from module.checks(surroundings)

    return Group(name, Message(title), run, slow)


GROUPS = (
    _group("installation", N_("Headnode")),
    _group("software", N_("Software"), slow=True),
    _group("devices", N_("GPUs"), slow=True),
    _group("storage", N_("Storage")),
    _group("machine", N_("Machine")),
    _group("limits", N_("Limits")),
    _group("terminal", N_("This terminal")),
    _group("caches", N_("Offline caches")),
)


def run_all(surroundings: Surroundings) -> Iterator[tuple[Group, Check]]:
    """Every check, group after group."""
    for group in GROUPS:
        for check in group.run(surroundings):
            yield group, check
