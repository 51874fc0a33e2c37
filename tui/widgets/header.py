"""The first two lines: where one is and how the machine does; and the numbered pages, or the trail of a page
without a number."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import events

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

    def on_click(self, event: events.Click) -> None:
        """A click on a tab opens its page; one on the trail of a page without a tab goes back."""
        page = cast("Page", self.screen)
        if event.y != 1:
            return
        name = tab_at(page.NAME, self.size.width, event.x - 1) if page.trail() is None else None
        if name is not None:
            cast("HeadnodeApp", self.app).show_page(name)
        elif page.trail() is not None and event.x < 3:
            page.action_back()

    def update_header(self) -> None:
        """Brings both lines up to date."""
        if self.size.width:
            self.show([self._first(), self._second(), Text()])

    def _first(self) -> Text:
        app = cast("HeadnodeApp", self.app)
        left = Text.assemble(
            ("headnode", theme.style("bold accent")), "  ", (self._workspace(), theme.style("text"))
        )
        if app.preferences.read_only:
            left.append("  " + _("read-only"), theme.style("warning"))
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
            text = _("simulated gpu {busy}/{all} busy") if sample.simulated else _("gpu {busy}/{all} busy")
            style = theme.style("warning") if sample.simulated else muted
            facts.append(Text(text.format(busy=busy, all=len(sample.gpus)), style))
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
    pages that one isn't on keep their digits only. Never cut."""
    return Text.assemble(*(part for _name, part in _fitting_parts(here, width)))


def tab_at(here: str, width: int, x: int) -> str | None:
    """The name of the page whose tab is there."""
    end = 0
    for name, part in _fitting_parts(here, width):
        end += part.cell_len
        if x < end:
            return name
    return None


def _fitting_parts(here: str, width: int) -> list[tuple[str | None, Text]]:
    for gap, titles in ((3, True), (2, True), (1, True), (1, False)):
        parts = _parts(here, gap, titles=titles)
        if sum(part.cell_len for _name, part in parts) <= width:
            break
    return parts


def _parts(here: str, gap: int, *, titles: bool) -> list[tuple[str | None, Text]]:
    parts: list[tuple[str | None, Text]] = []
    for tab in pages.TABS:
        current = tab.name == here
        part = Text(tab.digit, theme.style("bold accent" if current else "accent"))
        if titles or current:
            part.append(f" {_(tab.title)}", theme.style("bold text" if current else "muted"))
        if parts:
            parts.append((None, Text(" " * gap)))
        parts.append((tab.name, part))
    return parts
