"""Every key that works on the page, made from the keymap."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import set_cell_size
from rich.console import Console
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll

from tui import keymap, pages, theme
from tui.dialogs.dialog import Dialog
from tui.format import pad
from tui.i18n import _
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.pages.page import Page


_WIDTH, _FRAME = 84, 7  # of the window, and of that its border, padding and scroll bar
_KEYS = 12  # cells of a line before its sentence


class HelpDialog(Dialog[None]):
    """For one page: its own actions, those of its widgets, and those that work everywhere."""

    DEFAULT_CSS = """
    HelpDialog #dialog { width: 84; }
    HelpDialog VerticalScroll { height: auto; max-height: 100%; }
    """
    BINDINGS: ClassVar[list[Any]] = [
        Binding("question_mark,q", "close", show=False),
    ]

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._lines = help_lines(page)
        self._shown = Lines(self._lines)  # known before it is mounted, for the first resize comes before that

    def title_text(self) -> str:
        return _("Keys")

    def content(self) -> ComposeResult:
        with VerticalScroll():
            yield self._shown

    def on_resize(self, event: events.Resize) -> None:
        window = min(_WIDTH, event.size.width * 9 // 10)
        self._shown.show(broken(self._lines, window - _FRAME))


def help_lines(page: Page) -> list[Text]:
    """Groups of keys with their sentences; what can't be done now is there too, in grey."""
    groups: dict[str, list[Text]] = {}
    names: dict[str, None] = dict.fromkeys(page.ACTIONS)
    for widget in page.query("*"):
        names.update(dict.fromkeys(getattr(widget, "ACTIONS", ())))
    names.update(dict.fromkeys(page.GLOBAL))
    possible = set(page.footer_actions())
    hidden = page.headnode.preferences.read_only
    for name in names:
        if hidden and keymap.changes(name):
            continue
        action = keymap.KEYMAP[name]
        keys = " ".join(keymap.key_name(key) for key in keymap.keys(name))
        line = _line(keys, _(action.help), name in possible or name not in page.ACTIONS)
        groups.setdefault(action.group, []).append(line)
    everywhere = groups.setdefault(keymap.EVERYWHERE, [])
    digits = " ".join(_runs_of_digits(tab.digit for tab in pages.TABS))
    titles = " · ".join(_(tab.title) for tab in pages.TABS)
    everywhere.insert(0, _line(digits, titles, True))
    everywhere.insert(1, _line("↑ ↓ ← →", _("move; h j k l do the same"), True))
    lines: list[Text] = []
    for title in sorted(groups, key=lambda group: group == keymap.EVERYWHERE):
        lines += [*([Text()] if lines else []), Text(_(title), theme.style("bold text")), *groups[title]]
    more = page.more_help()
    return [*lines, Text(), *more] if more else lines


def broken(lines: Iterable[Text], width: int) -> list[Text]:
    """The lines at most `width` cells wide, sentences going on below themselves."""
    shown: list[Text] = []
    for line in lines:
        if line.cell_len <= width:
            shown.append(line)
            continue
        split = set_cell_size(line.plain, _KEYS)
        keys, sentence = line[: len(split)], line[len(split) :]
        parts = sentence.wrap(Console(), max(20, width - _KEYS))
        shown += [Text.assemble(" " * _KEYS if number else keys, part) for number, part in enumerate(parts)]
    return shown


def _runs_of_digits(digits: Iterable[str]) -> list[str]:
    """`1 2 3 9` as `1–3` and `9`."""
    found: list[str] = []
    for digit in digits:
        if found and int(digit) == int(found[-1][-1]) + 1:
            found[-1] = f"{found[-1][0]}–{digit}"
        else:
            found.append(digit)
    return found


def _line(keys: str, text: str, possible: bool) -> Text:
    return Text.assemble(
        ("  " + pad(keys, 10), theme.style("accent" if possible else "muted")),
        (text, theme.style("text" if possible else "muted")),
        no_wrap=True,
    )
