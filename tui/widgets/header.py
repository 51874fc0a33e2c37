"""The first two lines: where one is and how the machine does; and the numbered pages, or the trail of a page
without a number."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.text import Text

from tui import pages, theme
from tui.clean import clean
from tui.format import percent, size, truncate
from tui.i18n import _
from tui.widgets.lines import Lines, spread

if TYPE_CHECKING:
    from tui.app import HeadnodeApp
    from tui.pages.page import Page


class Header(Lines):
    """Repainted only when one of its values has changed; the clock shows minutes."""

    DEFAULT_CSS = "Header { dock: top; height: 3; padding: 0 1; }"

    def on_mount(self) -> None:
        self.update_header()

    def on_resize(self) -> None:
        self.update_header()

    def update_header(self) -> None:
        """Brings both lines up to date."""
        if self.size.width:
            self.show([self._first(), self._second(), Text()])

    def _first(self) -> Text:
        app = cast("HeadnodeApp", self.app)
        left = Text.assemble(
            ("headnode", theme.style("bold accent")), "  ", (self._workspace(), theme.style("text"))
        )
        clock = time.strftime("%H:%M", time.localtime(app.services.clock()))
        facts = [*self._facts(), Text(clock, theme.style("text"))]
        while len(facts) > 1 and sum(fact.cell_len + 3 for fact in facts) > self.size.width - 30:
            facts.pop(0)
        return spread(left, Text("   ").join(facts), self.size.width)

    def _workspace(self) -> str:
        app = cast("HeadnodeApp", self.app)
        root = app.workspace.root
        home = app.services.home
        shown = (
            f"~/{root.relative_to(home)}" if root != home and root.is_relative_to(home) else str(Path(root))
        )
        return truncate(clean(shown), max(12, self.size.width // 3))

    def _facts(self) -> list[Text]:
        sample = cast("HeadnodeApp", self.app).store.telemetry
        if sample is None:
            return []
        muted = theme.style("muted")
        facts: list[Text] = []
        if sample.gpus:
            busy = sum(1 for gpu in sample.gpus if gpu.busy)
            facts.append(Text(_("gpu {busy}/{all} busy").format(busy=busy, all=len(sample.gpus)), muted))
        if sample.cpu_percent is not None:
            facts.append(Text(_("cpu {percent}").format(percent=percent(sample.cpu_percent / 100)), muted))
        if sample.disk_free is not None:
            style = theme.style("warning" if sample.disk_free < 10 * 1024**3 else "muted")
            facts.append(Text(_("disk {size} free").format(size=size(sample.disk_free)), style))
        return facts

    def _second(self) -> Text:
        page = cast("Page", self.screen)
        trail = page.trail()
        if trail is not None:
            trail.truncate(self.size.width, overflow="ellipsis")
            return trail
        return fitting_tabs(page.NAME, self.size.width)


def fitting_tabs(here: str, width: int) -> Text:
    """`1 Runs   2 Profiles …` with less space between where that is needed to fit; where nothing helps, the
    pages
    that one isn't on keep their digits only. Never cut."""
    for gap in (3, 2, 1):
        line = _tabs(here, gap, titles=True)
        if line.cell_len <= width:
            return line
    return _tabs(here, 1, titles=False)


def _tabs(here: str, gap: int, *, titles: bool) -> Text:
    line = Text()
    for number, tab in enumerate(pages.TABS):
        current = tab.name == here
        line.append(" " * gap if number else "")
        line.append(tab.digit, theme.style("bold accent" if current else "accent"))
        if titles or current:
            line.append(f" {_(tab.title)}", theme.style("bold text" if current else "muted"))
    return line
