"""Three views of one profile in one place: as it is written, as a form, and what it changes."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widget import Widget

from tui import theme
from tui.i18n import N_, _
from tui.widgets.lines import Lines
from tui.widgets.profile_diff import ProfileDiff
from tui.widgets.profile_form import ProfileForm
from tui.widgets.profile_model import ProfileModel
from tui.widgets.table import Table


class ProfileViews(Vertical):
    """`written` shows or edits the text; `go` changes the view, `show` brings form and differences up to
    date."""

    DEFAULT_CSS = """
    ProfileViews { height: 1fr; }
    ProfileViews #views { padding: 0 1; }
    ProfileViews #help { padding: 0 1; display: none; }
    ProfileViews.-form #help { display: block; }
    ProfileViews ProfileForm, ProfileViews ProfileDiff { display: none; }
    ProfileViews.-form ProfileForm, ProfileViews.-diff ProfileDiff { display: block; }
    ProfileViews.-form .-written, ProfileViews.-diff .-written { display: none; }
    """
    NAMES: ClassVar[dict[str, str]] = {"yaml": N_("YAML"), "form": N_("form"), "diff": N_("differences")}

    def __init__(self, written: Widget, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._written = written
        self.view = "yaml"

    def compose(self) -> ComposeResult:
        yield Lines(id="views")
        self._written.add_class("-written")
        yield self._written
        yield ProfileForm(id="form")
        yield ProfileDiff(id="diff")
        yield Lines(id="help")

    def on_mount(self) -> None:
        self.go(self.view)

    @property
    def form(self) -> ProfileForm:
        """The form."""
        return self.query_one(ProfileForm)

    @property
    def shown(self) -> Widget:
        """The widget of the present view."""
        return {"yaml": self._written, "form": self.form, "diff": self.query_one(ProfileDiff)}[self.view]

    def go(self, view: str) -> None:
        """Shows this view."""
        self.view = view
        for name in self.NAMES:
            self.set_class(name == view, f"-{name}")
        line = Text()
        for name, title in self.NAMES.items():
            style = "bold accent" if name == view else "muted"
            line.append(_(title), theme.style(style)).append("   ")
        self.query_one("#views", Lines).show([line])
        self._show_help()

    def show(self, model: ProfileModel | None) -> None:
        """The profile as it is now."""
        self.form.show(model)
        self.query_one(ProfileDiff).show(model)
        self._show_help()

    def on_table_highlighted(self, message: Table.Highlighted) -> None:
        message.stop()
        self._show_help()

    def on_table_activated(self, message: Table.Activated) -> None:
        message.stop()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_help)

    def _show_help(self) -> None:
        if self.is_mounted:
            self.query_one("#help", Lines).show(self.form.help_lines(max(20, self.size.width - 2)))
