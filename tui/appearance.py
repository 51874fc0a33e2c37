"""How the panel looks and speaks: theme, language, terminals with few colours, toasts, the bell, copies and
pictures."""

from __future__ import annotations

import base64
import os
import time
from typing import TYPE_CHECKING

from runtime.messages import HeadnodeError
from tui import i18n, preferences, theme
from tui.clean import clean
from tui.i18n import _
from tui.navigation import Navigation
from tui.preferences import Preferences

if TYPE_CHECKING:
    from textual.notifications import SeverityLevel

COPY_BYTES = 74_000
"""What is sent at most of a copy, base64-encoded: the largest OSC 52 that common terminals take is about
74,994."""
_TOAST_SECONDS = {"information": 4.0, "warning": 6.0, "error": 10.0}
_TOAST_LENGTH = 160


class Appearance(Navigation):
    """The part of the app that a person's preferences are for."""

    preferences: Preferences

    def set_up_appearance(self, language: str | None) -> None:
        """Before the first page is made. `language`: what `--lang` said."""
        from tui import keymap
        from tui.key_settings import as_textual

        i18n.setup(language, stored=self.preferences.language)
        keymap.use(self.preferences.keys)
        if self.preferences.keys:
            self.set_keymap(as_textual(self.preferences.keys))
        for name in theme.PALETTES:
            self.register_theme(theme.textual_theme(name))
        self._use_theme(self.preferences.theme)

    def fit_terminal(self) -> None:
        """Before a real terminal is drawn on: one with few or no colours is written to in its own way."""
        if self.no_color or self.console.color_system == "standard":
            from tui.colourless import Colourless, FewColours

            self._filters[1:] = [Colourless() if self.no_color else FewColours()]

    async def set_language(self, code: str) -> None:
        """Shows everything in another language from now on, and at the next visit."""
        i18n.setup(code)
        preferences.choose(self.services.memory, "language", code)
        await self.rebuild()

    async def set_theme(self, name: str) -> None:
        """One of `theme.PALETTES`, from now on and at the next visit."""
        self._use_theme(name)
        preferences.choose(self.services.memory, "theme", name)
        await self.rebuild()

    def _use_theme(self, name: str) -> None:
        name = name if name in theme.PALETTES else "dark"
        theme.use(name)
        self.theme = f"headnode-{name}"

    # -- talking to the person

    def say(self, text: str, severity: SeverityLevel = "information", title: str = "") -> None:
        """A short message that goes by itself, or with the next key once it has been there for a moment."""
        if len(text) > _TOAST_LENGTH:
            text = text[: _TOAST_LENGTH - 1].rstrip() + "…"
        self.notify(text, title=title, severity=severity, timeout=_TOAST_SECONDS[severity], markup=False)

    def complain(self, error: Exception) -> None:
        """Shows an error that the person can do something about."""
        text = i18n.render(error.message) if isinstance(error, HeadnodeError) else clean(str(error))
        self.say(text, "error")

    def clear_seen_toasts(self, after: float = 1.5) -> None:
        """Takes away the plain messages that have been there for a while: who goes on typing has read
        them."""
        now = time.time()
        seen = [
            notification
            for notification in self._notifications
            if notification.severity == "information" and now - notification.raised_at > after
        ]
        for notification in seen:
            self._unnotify(notification)

    def ring(self) -> None:
        """The terminal's bell, where it is wanted."""
        if self.preferences.bell:
            self.bell()

    def copy(self, text: str | None) -> None:
        """Puts text on the clipboard of the person's terminal, by OSC 52."""
        if not text:
            return
        text = clean(text, newlines=True)
        fitting = fitting_copy(text)
        self.copy_to_clipboard(fitting)
        if fitting != text:
            said = _("Copied the first {count} of {all} lines: a terminal takes no more").format(
                count=fitting.count("\n") + 1, all=text.count("\n") + 1
            )
        elif os.environ.get("TMUX"):
            said = _("Copied; tmux passes it on where set-clipboard is on")
        else:
            said = _("Copied")
        self.say(said)

    def save_picture(self) -> None:
        """The screen as an SVG file in the home directory."""
        moment = time.strftime("%Y%m%d-%H%M%S", time.localtime(self.services.clock()))
        path = self.services.home / f"headnode-{self.page.NAME or 'run'}-{moment}.svg"
        try:
            path.write_text(self.export_screenshot(title="headnode"), encoding="utf-8")
        except OSError as error:
            self.complain(error)
        else:
            self.say(_("Saved as {path}").format(path=clean(str(path))))


def fitting_copy(text: str) -> str:
    """As many whole lines as `COPY_BYTES` hold when they are encoded; of a single longer line its
    beginning."""
    room = COPY_BYTES // 4 * 3
    data = text.encode("utf-8", "replace")
    if len(base64.b64encode(data)) <= COPY_BYTES:
        return text
    kept = data[:room].decode("utf-8", "ignore")
    head, newline, _rest = kept.rpartition("\n")
    return head if newline else kept
