"""The pages of the panel, one module each. The digits stay where they are when further pages come."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from runtime.messages import N_

if TYPE_CHECKING:
    from tui.pages.page import Page


@dataclass(frozen=True)
class Tab:
    """A numbered page: its class is imported from `path` (`module:Class`) when it is first opened."""

    digit: str
    name: str
    title: str
    path: str

    def load(self) -> type[Page]:
        module, _, name = self.path.partition(":")
        page: type[Page] = getattr(import_module(module), name)
        return page


TABS: tuple[Tab, ...] = (
    Tab("1", "runs", N_("Runs"), "tui.pages.runs:RunsPage"),
    Tab("2", "profiles", N_("Profiles"), "tui.pages.profiles:ProfilesPage"),
    Tab("3", "gpus", N_("GPUs"), "tui.pages.gpus:GpusPage"),
    Tab("4", "checkpoints", N_("Checkpoints"), "tui.pages.checkpoints:CheckpointsPage"),
    Tab("5", "compare", N_("Compare"), "tui.pages.compare:ComparePage"),
    Tab("6", "logs", N_("Logs"), "tui.pages.logs:LogsPage"),
    Tab("9", "doctor", N_("Doctor"), "tui.pages.doctor:DoctorPage"),
)


def tab(name: str) -> Tab:
    """The tab of this name."""
    return next(tab for tab in TABS if tab.name == name)
