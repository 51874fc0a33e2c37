"""What ctrl+p finds: pages, runs, profiles, languages and themes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider

from tui import describe, i18n, pages, theme
from tui.clean import clean
from tui.i18n import _

if TYPE_CHECKING:
    from tui.app import HeadnodeApp


class Palette(CommandPalette):
    """Textual's palette in the panel's clothes: narrow, framed like a dialog, no spinner."""

    DEFAULT_CSS = """
    Palette { background: $background 70%; align-horizontal: center; }
    Palette > Vertical {
        margin-top: 3; width: 72; max-width: 96%; height: auto; max-height: 80%;
        border: round $accent; background: $surface;
    }
    Palette #--input { border: none; padding: 0; height: 2; background: $surface; }
    Palette CommandInput, Palette CommandInput:focus { background: $surface; border: none; width: 1fr; }
    Palette CommandList { background: $surface; border: none; padding: 0 1; height: auto; max-height: 24; }
    Palette LoadingIndicator { display: none !important; }
    Palette SearchIcon { display: none; }
    """

    def __init__(self) -> None:
        super().__init__(placeholder=_("a page, run, profile, language or theme"), id="--command-palette")


class PanelCommands(Provider):
    """Everything that has a name."""

    @property
    def _headnode(self) -> HeadnodeApp:
        return cast("HeadnodeApp", self.app)

    async def startup(self) -> None:
        self._profiles = await self._headnode.in_thread(self._find_profiles)

    async def discover(self) -> Hits:
        for title, help_text, command in self._fixed():
            yield DiscoveryHit(title, command, help=help_text)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for title, help_text, command in (*self._fixed(), *self._runs(), *self._profile_commands()):
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), command, text=title, help=help_text)

    def _fixed(self) -> Iterator[tuple[str, str, Callable[[], Any]]]:
        app = self._headnode
        for tab in pages.TABS:
            title = _("{digit} {page}").format(digit=tab.digit, page=_(tab.title))
            yield title, _("page"), partial(app.show_page, tab.name)
        for code, name in i18n.LANGUAGES.items():
            if code != i18n.language():
                yield name, _("language"), partial(app.set_language, code)
        for key, name in theme.NAMES.items():
            if theme.PALETTES[key] is not theme.current():
                yield _("{theme} theme").format(theme=_(name)), _("colours"), partial(app.set_theme, key)
        yield _("Keys"), _("help"), app.action_help
        yield _("Quit; runs go on"), _("panel"), app.exit

    def _runs(self) -> Iterator[tuple[str, str, Callable[[], Any]]]:
        for view in self._headnode.store.ordered():
            title = describe.short_id(view.run_id)
            yield title, describe.word(view.state), partial(self._headnode.open_run, view.run_id)

    def _profile_commands(self) -> Iterator[tuple[str, str, Callable[[], Any]]]:
        for name, job in self._profiles:
            yield (
                name,
                _("profile, {job}").format(job=job),
                partial(self._headnode.show_page, "profiles", profile=name),
            )

    def _find_profiles(self) -> list[tuple[str, str]]:
        from runtime.profile import find_profiles

        return [
            (clean(entry.name), clean(entry.job)) for entry in find_profiles(self._headnode.workspace.root)
        ]
