"""The panel: a thin frame that owns the store and the pages, and carries out what concerns more than one
page."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from tui.environment import prepare_colours, prepare_terminal

prepare_terminal()

from textual import events  # noqa: E402
from textual.app import SystemCommand  # noqa: E402
from textual.binding import Binding  # noqa: E402
from textual.keys import _character_to_key  # noqa: E402
from textual.screen import Screen  # noqa: E402

from tui import describe, keymap, pages, preferences  # noqa: E402
from tui.i18n import _, ngettext  # noqa: E402
from tui.pages.page import Page, takes_text  # noqa: E402
from tui.pages.runs import RunsPage  # noqa: E402
from tui.run_actions import RunActions  # noqa: E402
from tui.store.messages import RunFollowed, RunsChanged, StoreNote, TelemetrySample  # noqa: E402
from tui.store.services import Services  # noqa: E402
from tui.store.store import Store  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textual.actions import ActionParseResult
    from textual.command import Provider
    from textual.dom import DOMNode

    from runtime.run.workspace import Workspace
    from tui.store.runs import RunView


Result = TypeVar("Result")


def _commands() -> type[Provider]:
    from tui.commands import PanelCommands

    return PanelCommands


class HeadnodeApp(RunActions):
    """`open_run` is the id of a run whose page is opened at once; `language` what `--lang` said, `read_only`
    and `mouse` what the command line and nothing else said."""

    TITLE = "headnode"
    CSS_PATH = "styles/app.tcss"
    COMMANDS: ClassVar[set[Any]] = {_commands}
    ENABLE_COMMAND_PALETTE = True
    NOTIFICATION_TIMEOUT = 8
    BINDINGS: ClassVar[list[Any]] = [
        *(Binding(tab.digit, f"show_page('{tab.name}')", tab.title, show=False) for tab in pages.TABS),
    ]

    def __init__(
        self,
        workspace: Workspace,
        *,
        open_run: str | None = None,
        language: str | None = None,
        services: Services | None = None,
        read_only: bool = False,
        mouse: bool = True,
    ) -> None:
        super().__init__()
        self.workspace = workspace
        self.services = services or Services()
        self.preferences = preferences.gather(self.services.memory, read_only=read_only, mouse=mouse)
        if self.preferences.read_only:
            self.services = replace(self.services, adopt=None)
        self.store = Store(workspace, self.services, self.post_message)
        self.store.look_ahead()
        self.left = self.services.memory.left(workspace.root)
        self._open_run = open_run
        self._pages: dict[str, Page] = {}
        self.set_up_appearance(language)

    # -- life

    def get_default_screen(self) -> Screen[Any]:
        page = self._pages["runs"] = RunsPage()
        return page

    def on_mount(self) -> None:
        self.store.start()
        self.set_interval(1.0, self._tick)
        if self.preferences.problem is not None:
            self.complain(self.preferences.problem)

    def on_unmount(self) -> None:
        self.store.stop()
        self.services.memory.leave(self.workspace.root, self.services.clock())

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded:
            self.clear_seen_toasts()
            event = self._translated(event)
            # At once, not after a journey through the focused widget's queue as Textual does: of keys that
            # come together over a slow line the next one must meet what this one has brought about.
            on_page = isinstance(self.screen, Page) and not takes_text(self.focused)
            if on_page and await self._check_bindings(event.key):
                return
        await super().on_event(event)

    def _translated(self, event: events.Key) -> events.Key:
        """Full-width characters of an input method act as their keys, and hjkl as arrows where they mean
        nothing else."""
        if event.character is None or takes_text(self.focused):
            return event
        meant = keymap.half_width(event.character)
        if meant is not None:
            event = events.Key(_character_to_key(meant), meant)
        if event.key in keymap.ARROWS and not self._means_something(event.key):
            event = events.Key(keymap.ARROWS[event.key], None)
        return event

    def _means_something(self, key: str) -> bool:
        takes_key = getattr(self.screen, "takes_key", None)
        return key in self.screen.active_bindings or (takes_key is not None and takes_key(key))

    def _tick(self) -> None:
        for page in self.shown_pages:
            page.header.update_header()
            page.tick()
            page.refresh_footer()

    # -- what the store says

    def on_runs_changed(self, message: RunsChanged) -> None:
        before = {run_id: self.store.runs.get(run_id) for run_id in message.runs}
        changed = self.store.apply(message)
        if not message.first:
            for run_id, view in message.runs.items():
                self._announce(before[run_id], view)
        for page in self.shown_pages:
            page.runs_changed(changed)
            page.refresh_footer()
        if message.first and self._open_run is not None:
            run_id, self._open_run = self._open_run, None
            self.open_run(run_id)

    def _announce(self, before: RunView | None, now: RunView | None) -> None:
        """Bell and toast when a run has ended while somebody watches."""
        if before is None or now is None or now.record is None or not before.active:
            return
        if not now.active:
            bad = now.state in {"failed", "lost", "unkillable"}
            outcome, name = describe.outcome(now.record), describe.short_id(now.run_id)
            self.say(outcome, "error" if bad else "information", title=name)
            self.ring()

    def on_telemetry_sample(self, message: TelemetrySample) -> None:
        self.store.telemetry = message.sample
        for page in self.shown_pages:
            page.header.update_header()
            page.telemetry_changed(message.sample)

    def on_run_followed(self, message: RunFollowed) -> None:
        for page in self.shown_pages:
            page.run_followed(message.run_id, message.followed)

    def on_store_note(self, message: StoreNote) -> None:
        self.store.note = message.text
        for page in self.shown_pages:
            page.refresh_page()

    # -- what keys of all pages do

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        return ()

    async def action_quit(self) -> None:
        self.leave_pages(self.screen_stack, self.exit)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """The one gate that every key and every entry of the palette goes through: nothing that changes
        anything while the panel is read-only."""
        name = action if isinstance(action, str) else action[1]
        if keymap.changes(name.partition("(")[0].rpartition(".")[2]) and not self.may_change():
            return True
        return await super().run_action(action, default_namespace, namespaces)

    def action_command_palette(self) -> None:
        if isinstance(self.screen, Page) and self.page.check_action("palette", ()):
            from tui.commands import Palette

            self.push_screen(Palette())

    def action_help(self) -> None:
        from tui.dialogs.help import HelpDialog

        self.push_screen(HelpDialog(self.page))

    def action_help_quit(self) -> None:
        self.say(_("{key} closes the panel; runs go on").format(key=keymap.shown_key("quit")))


def farewell(active: int) -> str:
    """The last words on the terminal."""
    if not active:
        return _("Back: headnode")
    return ngettext(
        "{count} run goes on. Back: headnode", "{count} runs go on. Back: headnode", active
    ).format(count=active)


def run_panel(
    workspace: Workspace,
    *,
    open_run: str | None = None,
    language: str | None = None,
    read_only: bool = False,
    mouse: bool = True,
) -> int:
    """Opens the panel until `q`; the exit code of the command line."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    if sys.__stderr__ is None or not sys.__stderr__.isatty():
        sys.__stderr__ = sys.__stdout__  # Textual draws there, and `2>file` would hide everything
    prepare_colours()
    app = HeadnodeApp(workspace, open_run=open_run, language=language, read_only=read_only, mouse=mouse)
    app.fit_terminal()
    app.run(mouse=app.preferences.mouse)
    if app.return_code:
        return app.return_code
    print(farewell(len(app.store.active())))
    return 0
