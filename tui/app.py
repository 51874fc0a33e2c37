"""The panel: a thin frame that owns the store and the pages, and carries out what concerns more than one
page."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from tui.environment import prepare_terminal

prepare_terminal()

from textual import events  # noqa: E402
from textual.app import SystemCommand  # noqa: E402
from textual.binding import Binding  # noqa: E402
from textual.command import CommandPalette  # noqa: E402
from textual.keys import _character_to_key  # noqa: E402
from textual.screen import Screen  # noqa: E402

from tui import describe, i18n, keymap, pages, theme  # noqa: E402
from tui.clean import clean  # noqa: E402
from tui.i18n import _, ngettext  # noqa: E402
from tui.pages.page import Page, takes_text  # noqa: E402
from tui.pages.runs import RunsPage  # noqa: E402
from tui.run_actions import RunActions  # noqa: E402
from tui.store.messages import RunFollowed, RunsChanged, StoreNote, TelemetrySample  # noqa: E402
from tui.store.services import Services  # noqa: E402
from tui.store.store import Store  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.command import Provider

    from runtime.run.workspace import Workspace
    from tui.store.runs import RunView


Result = TypeVar("Result")


def _commands() -> type[Provider]:
    from tui.commands import PanelCommands

    return PanelCommands


class HeadnodeApp(RunActions):
    """`open_run` is the id of a run whose page is opened at once; `language` what `--lang` said."""

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
    ) -> None:
        super().__init__()
        self.workspace = workspace
        self.services = services or Services()
        self.store = Store(workspace, self.services, self.post_message)
        self.store.look_ahead()
        self.left = self.services.memory.left(workspace.root)
        self._open_run = open_run
        self._pages: dict[str, Page] = {}
        self._rebuilding = False
        i18n.setup(language, stored=self.services.memory.get("language"))
        for name in theme.PALETTES:
            self.register_theme(theme.textual_theme(name))
        self._use_theme(self.services.memory.get("theme") or "dark")

    # -- life

    def get_default_screen(self) -> Screen[Any]:
        page = self._pages["runs"] = RunsPage()
        return page

    def on_mount(self) -> None:
        self.store.start()
        self.set_interval(1.0, self._tick)

    def on_unmount(self) -> None:
        self.store.stop()
        self.services.memory.leave(self.workspace.root, self.services.clock())

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not event.is_forwarded:
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

    @property
    def page(self) -> Page:
        """The page on top, below any dialog."""
        return next(screen for screen in reversed(self.screen_stack) if isinstance(screen, Page))

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        """What Textual draws below the screen on top: nothing below a page. As it is, Textual takes the page
        below for visible
        too, and a page below that was once marked for repainting then repaints the whole screen for ever."""
        return [] if isinstance(self.screen, Page) else super()._background_screens

    @property
    def _shown(self) -> list[Page]:
        """The page to tell of news, if it has its widgets: not while it is being composed, for the first time
        or anew."""
        page = self.page
        return [page] if page.is_mounted and page.is_composed and not self._rebuilding else []

    def _tick(self) -> None:
        for page in self._shown:
            page.header.update_header()
            page.tick()

    # -- what the store says

    def on_runs_changed(self, message: RunsChanged) -> None:
        before = {run_id: self.store.runs.get(run_id) for run_id in message.runs}
        changed = self.store.apply(message)
        if not message.first:
            for run_id, view in message.runs.items():
                self._announce(before[run_id], view)
        for page in self._shown:
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
            self.notify(
                describe.outcome(now.record),
                title=describe.short_id(now.run_id),
                severity="error" if bad else "information",
            )
            self.bell()

    def on_telemetry_sample(self, message: TelemetrySample) -> None:
        self.store.telemetry = message.sample
        for page in self._shown:
            page.header.update_header()
            page.telemetry_changed(message.sample)

    def on_run_followed(self, message: RunFollowed) -> None:
        for page in self._shown:
            page.run_followed(message.run_id, message.followed)

    def on_store_note(self, message: StoreNote) -> None:
        self.store.note = message.text
        for page in self._shown:
            page.refresh_page()

    # -- pages

    def action_show_page(self, name: str) -> None:
        self.show_page(name)

    def show_page(self, name: str, **arguments: Any) -> None:
        """Goes to a numbered page; what lies above the current one is closed."""
        self.page.leave(lambda: self._show_page(name, arguments))

    def _show_page(self, name: str, arguments: dict[str, Any]) -> None:
        page = self._page(name)
        page.arrive(**arguments)
        if page is self.page and self.screen is page:
            page.refresh_page()
            return
        base = self.screen_stack[0]
        with self.batch_update():
            while len(self.screen_stack) > 1:
                self.pop_screen()
            if page is not base:
                self.push_screen(page)

    def open_page(self, page: Page) -> None:
        """Lays a page on top of the current one; esc closes it."""
        self.push_screen(page)

    def close_page(self) -> None:
        """Back to the page below."""
        if len(self.screen_stack) > 1:
            self.page.leave(self.pop_screen)

    def _page(self, name: str) -> Page:
        if name not in self._pages:
            page = self._pages[name] = pages.tab(name).load()()
            self.install_screen(page, name)
        return self._pages[name]

    async def rebuild(self) -> None:
        """Builds what is shown anew, after another language or theme was chosen."""
        self._rebuilding = True
        try:
            shown = set(self.screen_stack)
            for name, page in list(self._pages.items()):
                if page not in shown:
                    del self._pages[name]
                    self.uninstall_screen(name)
                    if page.is_attached:
                        await page.remove()
            for screen in self.screen_stack:
                if isinstance(screen, Page):
                    await screen.recompose()
        finally:
            self._rebuilding = False
        self.page.refresh_page()
        self.page.refresh_footer()

    # -- language and theme

    async def set_language(self, code: str) -> None:
        """Shows everything in another language from now on, and at the next visit."""
        i18n.setup(code)
        self.services.memory.set("language", code)
        await self.rebuild()

    async def set_theme(self, name: str) -> None:
        """`dark` or `light`, from now on and at the next visit."""
        self._use_theme(name)
        self.services.memory.set("theme", name)
        await self.rebuild()

    def _use_theme(self, name: str) -> None:
        name = name if name in theme.PALETTES else "dark"
        theme.use(name)
        self.theme = f"headnode-{name}"

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        return ()

    # -- talking to the person

    def copy(self, text: str | None) -> None:
        """Puts text on the clipboard of the person's terminal, by OSC 52."""
        if text:
            self.copy_to_clipboard(clean(text, newlines=True))
            self.say(_("Copied"))

    async def action_quit(self) -> None:
        self.page.leave(self.exit)

    def action_command_palette(self) -> None:
        if self.page.check_action("palette", ()) and not CommandPalette.is_open(self):
            from tui.commands import Palette

            self.push_screen(Palette())

    def action_help(self) -> None:
        from tui.dialogs.help import HelpDialog

        self.push_screen(HelpDialog(self.page))

    def action_help_quit(self) -> None:
        self.say(_("q closes the panel; runs go on"))


def farewell(active: int) -> str:
    """The last words on the terminal."""
    if not active:
        return _("Back: headnode")
    return ngettext(
        "{count} run goes on. Back: headnode", "{count} runs go on. Back: headnode", active
    ).format(count=active)


def run_panel(workspace: Workspace, *, open_run: str | None = None, language: str | None = None) -> int:
    """Opens the panel until `q`; the exit code of the command line."""
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")
    app = HeadnodeApp(workspace, open_run=open_run, language=language)
    app.run()
    if app.return_code:
        return app.return_code
    print(farewell(len(app.store.active())))
    return 0
