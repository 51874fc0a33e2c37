"""A run: its curves, progress, events and log."""

from __future__ import annotations

from tui.pages.page import Page


class RunPage(Page):
    ACTIONS = ("stop", "resume", "save_now")

    def __init__(self, run_id: str) -> None:
        super().__init__()
        self.run_id = run_id

    def trail(self) -> str | None:
        return f"headnode › {self.run_id}"
