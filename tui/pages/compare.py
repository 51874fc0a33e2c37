"""The page Compare."""

from __future__ import annotations

from tui.pages.page import Page


class ComparePage(Page):
    """Shown by its digit."""

    NAME = "compare"
