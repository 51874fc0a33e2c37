"""What ctrl+p finds: actions of the page, pages, runs, profiles, languages and themes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import CommandList, CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.widgets.option_list import Option

from tui import describe, i18n, keymap, pages, theme
from tui.clean import clean
from tui.i18n import _

if TYPE_CHECKING:
    from tui.app import HeadnodeApp


class Palette(CommandPalette):
    """Textual's palette in the panel's clothes: narrow, framed like a dialog, no spinner."""

    DEFAULT_CSS = """
    Palette { background: $background 70%; align-horizontal: center; }
    Palette > Vertical {
        margin-top: 2; width: 72; max-width: 96%; height: auto; max-height: 80%; background: $surface;
    }
    Palette #--input {
        border: none; border-left: outer $accent; padding: 0; height: 2; background: $surface;
    }
    Palette #--results { border-left: outer $accent; }
    Palette CommandInput, Palette CommandInput:focus { background: $surface; border: none; width: 1fr; }
    Palette CommandList { background: $surface; border: none; padding: 0 1; height: auto; max-height: 18; }
    Palette LoadingIndicator { display: none !important; }
    Palette SearchIcon { display: none; }
    """

    def __init__(self) -> None:
        super().__init__(
            placeholder=_("an action, page, run, profile, language or theme"), id="--command-palette"
        )

    def _start_no_matches_countdown(self, search_value: str) -> None:
        """Textual says it in English only."""
        super()._start_no_matches_countdown(search_value)
        if self._no_matches_timer is not None:
            self._no_matches_timer.stop()
        self._no_matches_timer = self.set_timer(
            self._NO_MATCHES_COUNTDOWN, partial(self._show_no_matches, search_value)
        )

    def _show_no_matches(self, search_value: str) -> None:
        if search_value:
            self.query_one(CommandList).add_option(
                Option(_("nothing of this name"), disabled=True, id=self._NO_MATCHES)
            )
        self._list_visible = bool(search_value)


@dataclass(frozen=True)
class Command:
    """`words` find it too, in English, whatever the language is: `lang`, `theme`."""

    title: str
    help: str
    run: Callable[[], Any]
    words: str = ""


class PanelCommands(Provider):
    """Everything that has a name."""

    @property
    def _headnode(self) -> HeadnodeApp:
        return cast("HeadnodeApp", self.app)

    async def startup(self) -> None:
        self._profiles = await self._headnode.in_thread(self._find_profiles)

    async def discover(self) -> Hits:
        for command in self._fixed():
            yield DiscoveryHit(command.title, command.run, help=command.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in (*self._fixed(), *self._runs(), *self._profile_commands()):
            score = matcher.match(command.title)
            if score > 0:
                yield Hit(
                    score,
                    matcher.highlight(command.title),
                    command.run,
                    text=command.title,
                    help=command.help,
                )
            elif command.words and (score := matcher.match(command.words)) > 0:
                yield Hit(score, command.title, command.run, text=command.title, help=command.help)

    def _fixed(self) -> Iterator[Command]:
        app = self._headnode
        yield from self._actions()
        for tab in pages.TABS:
            title = _("{digit} {page}").format(digit=tab.digit, page=_(tab.title))
            yield Command(title, _("page"), partial(app.show_page, tab.name), f"{tab.name} page")
        for code, name in i18n.LANGUAGES.items():
            if code != i18n.language():
                yield Command(name, _("language"), partial(app.set_language, code), f"language {code}")
        for key, name in theme.NAMES.items():
            if theme.PALETTES[key] is not theme.current():
                title = _("{theme} theme").format(theme=_(name))
                yield Command(title, _("colours"), partial(app.set_theme, key), f"{key} theme colours colors")
        yield Command(
            _("Save a picture of this screen"), "SVG", app.save_picture, "screenshot picture image svg export"
        )
        yield Command(_("Keys"), _("help"), app.action_help, "keys help")
        yield Command(_("Quit; runs go on"), _("panel"), app.action_quit, "quit exit close")

    def _actions(self) -> Iterator[Command]:
        """What the keys of the page can do now."""
        page = self._headnode.page
        for name in page.footer_actions():
            if name not in keymap.GLOBAL_ACTIONS:
                action = keymap.KEYMAP[name]
                help_text = _("key {key}: {sentence}").format(
                    key=keymap.shown_key(name), sentence=_(action.help)
                )
                yield Command(_(action.label), help_text, partial(page.perform, name), name.replace("_", " "))

    def _runs(self) -> Iterator[Command]:
        for view in self._headnode.store.ordered():
            title = describe.short_id(view.run_id)
            yield Command(title, describe.word(view.state), partial(self._headnode.open_run, view.run_id))

    def _profile_commands(self) -> Iterator[Command]:
        for name, job in self._profiles:
            show = partial(self._headnode.show_page, "profiles", profile=name)
            yield Command(name, _("profile, {job}").format(job=job), show)

    def _find_profiles(self) -> list[tuple[str, str]]:
        from runtime.profile import find_profiles

        return [
            (clean(entry.name), clean(entry.job)) for entry in find_profiles(self._headnode.workspace.root)
        ]
