"""The page GPUs."""

from __future__ import annotations

from tui.pages.page import Page


class GpusPage(Page):
    """Shown by its digit."""

    NAME = "gpus"
