"""What every page of the panel is made of: the header, a body, and the footer made from the keymap.

How to add a page:

1. Write `tui/pages/<name>.py` with a subclass of `Page`:

       class LogsPage(Page):
           NAME = "logs"                                   # its tab, where it has one (tui/pages/__init__.py
           lists them)
           ACTIONS = ("filter", "find_next", "follow")     # names of tui.keymap.KEYMAP, in the footer's order

           def body(self) -> ComposeResult:
               yield LogView(id="log")

           def can(self, action: str) -> bool:             # what can be done here and now; the footer shows
           only that
               return action != "find_next" or self.pattern is not None

           def action_follow(self) -> None: …
           def refresh_page(self) -> None: …               # shown again: read everything anew
           def runs_changed(self, changed: frozenset[str]) -> None: …   # only while it is visible

2. List it in `tui/pages/__init__.py` by import path; it is imported when it is first opened.
3. Open it with `self.app.show_page("logs", run_id=…)` (a numbered page) or `self.app.open_page(SomePage(…))`
(one that lies on top
   and closes with esc). Keyword arguments of `show_page` arrive in `arrive(**arguments)`.

Call `self.refresh_footer()` after anything that changes what `can` says. Panes are `Pane("title", …)`: the
focused one has the
accent title, tab goes through them, `z` maximises the one with the focus. Texts go through `_`, outside text
through `clean`, lines
of text are `Lines`, tables are `Table`. Hidden pages are told nothing and draw nothing; everything that they
missed is in
`self.app.store` when `refresh_page` is called.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from tui import keymap
from tui.widgets.footer import Footer
from tui.widgets.header import Header
from tui.widgets.pane import Pane

if TYPE_CHECKING:
    from tui.app import HeadnodeApp
    from tui.store.follow import Followed
    from tui.store.store import Store
    from tui.store.telemetry import Sample


class Page(Screen[None]):
    """A full-screen page. See the module's text for how to write one."""

    NAME: ClassVar[str] = ""
    ACTIONS: ClassVar[tuple[str, ...]] = ()
    GLOBAL: ClassVar[tuple[str, ...]] = keymap.GLOBAL_ACTIONS
    AUTO_FOCUS = "*"

    def __init_subclass__(cls, **arguments: Any) -> None:
        cls.BINDINGS = keymap.bindings(dict.fromkeys((*cls.ACTIONS, *cls.GLOBAL)))
        super().__init_subclass__(**arguments)

    @property
    def headnode(self) -> HeadnodeApp:
        """The app, with its own type."""
        return cast("HeadnodeApp", self.app)

    @property
    def store(self) -> Store:
        return self.headnode.store

    header: Header
    footer: Footer

    # -- what a page gives

    def body(self) -> ComposeResult:
        """The widgets between header and footer."""
        yield from ()

    def can(self, action: str) -> bool:
        """Whether the action can be done here and now."""
        return True

    def trail(self) -> Text | None:
        """What the header's second line says on a page without a tab."""
        return None

    def arrive(self, **arguments: Any) -> None:
        """Called by `show_page(name, **arguments)` before the page is shown."""

    def refresh_page(self) -> None:
        """The page is shown (again): bring everything up to date."""

    def runs_changed(self, changed: frozenset[str]) -> None:
        """Runs with these ids were added, removed or changed. Only called while the page is visible."""

    def run_followed(self, run_id: str, followed: Followed) -> None:
        """News of the run that `self.store.follow(run_id)` was called for. Only called while the page is
        visible."""

    def telemetry_changed(self, sample: Sample | None) -> None:
        """A new sample of the machine, or None when there is none any more. Only called while the page is
        visible."""

    def tick(self) -> None:
        """Once a second while the page is visible, for what ages."""

    def leave(self, then: Callable[[], object]) -> None:
        """Something is about to close this page: calls `then` when it may, which an editor asks about
        first."""
        then()

    def more_help(self) -> list[Text]:
        """What the help says below the keys, in lines of at most 64 cells."""
        return []

    def copy_text(self) -> str | None:
        """What `y` copies, or None for the focused widget's own text."""
        return None

    # -- the frame

    def compose(self) -> ComposeResult:
        self.header, self.footer = Header(), Footer()
        yield self.header
        with Vertical(id="body"):
            yield from self.body()
        yield self.footer

    def on_mount(self) -> None:
        self.set_class(self.app.size.width < 100, "-narrow")

    @property
    def is_composed(self) -> bool:
        """Whether the widgets are there."""
        return "header" in self.__dict__ and self.header.is_mounted

    def on_screen_resume(self) -> None:
        if self.is_mounted:
            self.header.update_header()
            self.refresh_page()
            self.refresh_footer()

    def on_descendant_focus(self) -> None:
        self.refresh_footer()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "maximise":
            return self._pane() is not None
        if action == "next_pane":
            return len(self.focus_chain) > 1
        if action == "back":
            return self.zoomed is not None or self.has_more_to_close() or len(self.app.screen_stack) > 1
        if action in keymap.GLOBAL_ACTIONS:
            return action in self.GLOBAL
        if action in keymap.KEYMAP:
            return self._allowed(action) and self.can(action)
        return True

    def _allowed(self, action: str) -> bool:
        return not (self.headnode.preferences.read_only and keymap.changes(action))

    def has_more_to_close(self) -> bool:
        """Whether esc has something to close on the page itself, like a filter; `close_one` closes it."""
        return False

    def close_one(self) -> None:
        """Closes what `has_more_to_close` spoke of."""

    def footer_actions(self) -> list[str]:
        """The actions that can be done now: the page's, the focused widget's, and those of all pages."""
        actions: dict[str, None] = {}
        nodes: list[DOMNode] = []
        focused = self.focused
        while focused is not None and focused is not self:
            nodes.append(focused)
            focused = cast("Widget", focused.parent)
        for action in self.ACTIONS:
            if self.check_action(action, ()):
                actions[action] = None
        for node in nodes:
            for action in getattr(node, "ACTIONS", ()):
                if self._allowed(action) and node.check_action(action, ()):
                    actions[action] = None
        for action in self.GLOBAL:
            if self.check_action(action, ()):
                actions[action] = None
        return _while_typing(actions, self.focused) if self.typing else list(actions)

    async def perform(self, action: str) -> None:
        """Does what the action's key would do, for the palette and for clicks on the footer."""
        nodes = [*(self.focused.ancestors_with_self if self.focused is not None else ()), self]
        owner = next((node for node in nodes if action in getattr(node, "ACTIONS", ())), self)
        await self.app.run_action(action, owner)
        self.refresh_footer()

    def refresh_footer(self) -> None:
        """What can be done has changed."""
        if self.is_mounted:
            self.footer.update_footer(self.footer_actions())

    @property
    def typing(self) -> bool:
        """Whether keys go into a text field."""
        return takes_text(self.focused)

    # -- actions of all pages

    def action_back(self) -> None:
        if self.zoomed is not None:
            self._zoom(None)
        elif self.has_more_to_close():
            self.close_one()
        else:
            self.headnode.close_page()
        self.refresh_footer()

    def action_help(self) -> None:
        self.headnode.action_help()

    def action_palette(self) -> None:
        self.app.action_command_palette()

    async def action_quit(self) -> None:
        await self.app.action_quit()

    def action_next_pane(self) -> None:
        self.focus_next()

    def action_copy(self) -> None:
        text = self.copy_text()
        if text is None and self.focused is not None:
            own = getattr(self.focused, "copy_text", None)
            text = own() if own else None
        self.headnode.copy(text)

    def action_picture(self) -> None:
        self.headnode.save_picture()

    zoomed: Widget | None = None

    def _pane(self) -> Widget | None:
        """The pane with the focus, or a widget that says by `zoom_changed(zoomed)` that it can fill a
        page."""
        nodes = self.focused.ancestors_with_self if self.focused is not None else []
        return next(
            (
                node
                for node in nodes
                if isinstance(node, Pane) or (isinstance(node, Widget) and hasattr(node, "zoom_changed"))
            ),
            None,
        )

    def action_maximise(self) -> None:
        self._zoom(None if self.zoomed is not None else self._pane())
        self.refresh_footer()

    def _zoom(self, pane: Widget | None) -> None:
        """Hides everything between header and footer but this pane; None shows all again."""
        before = self.zoomed
        for widget in self.query(".-zoomed-away"):
            widget.remove_class("-zoomed-away")
        for widget in self.query(".-zoomed"):
            widget.remove_class("-zoomed")
        self.zoomed = pane
        node: Widget | None = pane
        while node is not None and node.id != "body":
            node.add_class("-zoomed")
            parent = cast("Widget | None", node.parent)
            for sibling in _siblings(node, parent):
                sibling.add_class("-zoomed-away")
            node = parent
        for widget in (before, pane):
            told = getattr(widget, "zoom_changed", None)
            if told is not None:
                told(widget is pane)


def takes_text(widget: Widget | None) -> bool:
    """Whether the widget is a text field. A text area can only be one where its module, slow to import, has
    been loaded."""
    text_area = sys.modules.get("textual.widgets._text_area")
    return isinstance(widget, Input) or (text_area is not None and isinstance(widget, text_area.TextArea))


def _while_typing(actions: Iterable[str], field: Widget | None) -> list[str]:
    """Of the actions those whose key isn't a letter now: what a text field takes for itself is no promise of
    the footer. Enter and tab mean something of its own to a field of one line; esc closes it."""
    own = {"enter", "tab"} if isinstance(field, Input) else {"enter"}
    kept = []
    for action in actions:
        key = keymap.keys(action)[0]
        if (key.startswith("ctrl+") or key in {"escape", "tab"}) and key not in own and action != "back":
            kept.append(action)
    return [*kept, "back"]


def _siblings(node: Widget, parent: Widget | None) -> Iterable[Widget]:
    return [child for child in parent.children if child is not node] if parent is not None else []
