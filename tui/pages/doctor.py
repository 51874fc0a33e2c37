"""The page Doctor."""

from __future__ import annotations

from tui.pages.page import Page


class DoctorPage(Page):
    """Shown by its digit."""

    NAME = "doctor"
