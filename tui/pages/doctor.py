"""9 Doctor: whether this machine and this terminal are fit for training, and how to mend what isn't."""

from __future__ import annotations

from tui.pages.page import Page


class DoctorPage(Page):
    NAME = "doctor"
    ACTIONS = ("measure",)

    def can(self, action: str) -> bool:
        return False
