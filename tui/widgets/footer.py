"""The last line: what can be done here and now, made from the keymap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from rich.text import Text

from tui import keymap, theme
from tui.i18n import _
from tui.widgets.lines import Lines

_ALWAYS = ("help", "quit")
_LEAST_NEEDED = (
    "palette", "copy", "sort", "zoom_out", "pan_left", "pan_right", "find_previous", "times", "wrap", "axis",
    "maximise", "log_scale", "mark", "next_pane", "filter",
)  # fmt: skip


class Footer(Lines):
    """Keys in the accent colour and their words; what doesn't fit is left to the help."""

    DEFAULT_CSS = "Footer { dock: bottom; height: 1; padding: 0 1; color: $muted; }"

    def __init__(self) -> None:
        super().__init__()
        self._actions: list[str] = []

    def update_footer(self, actions: Sequence[str]) -> None:
        """The actions that can be done now, in order."""
        self._actions = list(actions)
        self._layout()

    def on_resize(self) -> None:
        self._layout()

    def _layout(self) -> None:
        if not self.size.width:
            return
        actions = [action for action in self._actions if action not in _ALWAYS]
        always = [action for action in self._actions if action in _ALWAYS]
        waiting = [action for action in _LEAST_NEEDED if action in actions]
        while (
            actions and sum(self._item(name).cell_len + 3 for name in actions + always) > self.size.width + 3
        ):
            actions.remove(waiting.pop(0) if waiting else actions[-1])
        self.show([Text("   ").join(self._item(name) for name in actions + always)])

    def _item(self, name: str) -> Text:
        action = keymap.KEYMAP[name]
        label = _(action.label)
        if name == "quit" and self._runs_go_on():
            label = _("quit (runs go on)")
        return Text.assemble(
            (keymap.key_name(action.keys[0]), theme.style("accent")), " ", (label, theme.style("muted"))
        )

    def _runs_go_on(self) -> bool:
        from tui.app import HeadnodeApp

        return bool(cast(HeadnodeApp, self.app).store.active())
