"""Going from page to page, and back to where one came from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.screen import Screen

from tui import pages
from tui.pages.page import Page

if TYPE_CHECKING:
    from tui.store.services import Services
    from tui.store.store import Store


class Navigation(App[None]):
    """The pages lie on each other in the order in which they were opened; the first one, Runs, always lies
    below.

    A page that is asked for is laid on top, so that esc leads back to where one came from. One that lies
    below
    already is gone back to: a page is never there twice, and the pile never grows beyond them all.
    """

    store: Store
    services: Services
    _pages: dict[str, Page]
    _rebuilding = False

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
    def shown_pages(self) -> list[Page]:
        """The page to tell of news, if it has its widgets: not while it is being composed, for the first time
        or anew, nor while the panel is being closed, which takes away the innermost ones first."""
        if not self.is_running:
            return []
        page = self.page
        return [page] if page.is_mounted and page.is_composed and not self._rebuilding else []

    def action_show_page(self, name: str) -> None:
        self.show_page(name)

    def show_page(self, name: str, **arguments: Any) -> None:
        """Goes to a numbered page. `arguments` arrive in its `arrive`."""
        page = self._numbered(name)

        def shown() -> None:
            page.arrive(**arguments)
            if page is self.page and self.screen is page:
                page.refresh_page()
            else:
                self.bring(page)

        stack = self.screen_stack
        self.leave_pages(stack[stack.index(page) + 1 :] if page in stack else [], shown)

    def open_page(self, page: Page) -> None:
        """Lays a page on top of the current one; esc closes it."""
        self.push_screen(page)

    def close_page(self) -> None:
        """Back to the page below."""
        if len(self.screen_stack) > 1:
            self.page.leave(self.pop_screen)

    def bring(self, page: Page) -> None:
        """Lays the page on top, or takes away what lies on it."""
        with self.batch_update():
            if page in self.screen_stack:
                while self.screen_stack[-1] is not page:
                    self.pop_screen()
            else:
                self.push_screen(page)

    def leave_pages(self, closing: Sequence[Screen[Any]], then: Callable[[], object]) -> None:
        """Asks each of these pages, the topmost first, whether it may be closed; `then` when all may."""
        for screen in closing:  # the innermost call is the lowest page's
            if isinstance(screen, Page):
                then = partial(screen.leave, then)
        then()

    def _numbered(self, name: str) -> Page:
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
