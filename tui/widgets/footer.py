"""The last line: what can be done here and now, made from the keymap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from rich.text import Text
from textual import events

from tui import keymap, theme
from tui.i18n import _
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.pages.page import Page

_ALWAYS = ("help", "quit")
_NEVER = ("picture",)
_LEAST_NEEDED = (
    "palette", "copy", "sort", "zoom_out", "pan_left", "pan_right", "find_previous", "times", "wrap", "axis",
    "maximise", "log_scale", "mark", "next_pane", "filter",
)  # fmt: skip


class Footer(Lines):
    """Keys in the accent colour and their words; what doesn't fit is left to the help."""

    DEFAULT_CSS = "Footer { dock: bottom; height: 1; padding: 0 1; color: $muted; }"

    def __init__(self) -> None:
        super().__init__()
        self._state: tuple[tuple[str, ...], bool, int] = ((), False, 0)
        self._items: dict[str, int] = {}  # what is shown, with its width in cells

    def update_footer(self, actions: Sequence[str]) -> None:
        """The actions that can be done now, in order."""
        state = (tuple(actions), self._runs_go_on(), self.size.width)
        if state != self._state:
            self._state = state
            self._lay_out()

    def on_resize(self) -> None:
        self.update_footer(self._state[0])

    async def on_click(self, event: events.Click) -> None:
        """A click on a key is that key."""
        start = 1  # the padding
        for name, width in self._items.items():
            if start <= event.x < start + width:
                await cast("Page", self.screen).perform(name)
                return
            start += width + 3

    def _lay_out(self) -> None:
        names, _runs_go_on, width = self._state
        if not width:
            return
        items = {name: self._item(name) for name in names if name not in _NEVER}
        kept = list(items)
        leaving = [name for name in _LEAST_NEEDED if name in items]
        leaving += [name for name in reversed(kept) if name not in leaving and name not in _ALWAYS]
        needed = sum(item.cell_len + 3 for item in items.values()) - 3
        for name in leaving:
            if needed <= width:
                break
            kept.remove(name)
            needed -= items[name].cell_len + 3
        kept.sort(key=_ALWAYS.__contains__)
        self._items = {name: items[name].cell_len for name in kept}
        self.show([Text("   ").join(items[name] for name in kept)])

    def _item(self, name: str) -> Text:
        action = keymap.KEYMAP[name]
        label = _(action.label)
        if name == "quit" and self._state[1]:
            label = _("quit (runs go on)")
        return Text.assemble(
            (keymap.shown_key(name), theme.style("accent")), " ", (label, theme.style("muted"))
        )

    def _runs_go_on(self) -> bool:
        from tui.app import HeadnodeApp

        return bool(cast(HeadnodeApp, self.app).store.active())
