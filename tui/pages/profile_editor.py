"""A profile being edited, as a form or as text: ctrl+s saves it whole, and what is wrong with it is marked
while one types."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.timer import Timer
from textual.worker import get_current_worker

from tui import theme
from tui.clean import clean
from tui.dialogs.confirm import ConfirmDialog
from tui.dialogs.unsaved import UnsavedDialog
from tui.i18n import _, render
from tui.pages.profile_form import ProfileFormActions
from tui.widgets.lines import Lines
from tui.widgets.pane import Pane
from tui.widgets.profile_editor import ProfileEditor
from tui.widgets.profile_files import ChangedMeanwhile, save_profile
from tui.widgets.profile_list import ProfileDetail, check_text
from tui.widgets.profile_summary import problem_lines
from tui.widgets.profile_views import ProfileViews
from tui.widgets.value_line import ValueLine

if TYPE_CHECKING:
    from textual.widgets import TextArea

_CHECK_SECONDS = 0.4


class ProfileEditorPage(ProfileFormActions):
    """Lies over Profiles; leaving it with unsaved changes asks. `text` is what the file said when it was
    read, `view` how it is shown first: `yaml`, `form` or `diff`."""

    ACTIONS = ("save_file", "change_value", "reset_value", "filter", "external_editor")
    GLOBAL = ("next_pane", "back", "help")
    AUTO_FOCUS = "ProfileEditor"
    DEFAULT_CSS = """
    ProfileEditorPage #about { height: auto; max-height: 40%; padding: 0 1; margin-top: 1; }
    """

    def __init__(self, path: Path, text: str, view: str = "yaml") -> None:
        super().__init__()
        self._path, self._on_disk, self._view = path, text, view
        self._detail: ProfileDetail | None = None
        self._checking: Timer | None = None
        self._saved: str | None = None

    def body(self) -> ComposeResult:
        yield from self.filter_widgets(_("words of a key or of its help"))
        with Pane("", id="edit"):
            views = ProfileViews(ProfileEditor(self._on_disk, id="editor"), id="three")
            views.view = self._view
            yield views
            yield ValueLine()
            with VerticalScroll(id="about", can_focus=False):
                yield Lines(id="lines")

    def trail(self) -> Text:
        return Text.assemble(
            ("‹ ", theme.style("accent")),
            (_("Edit {name}").format(name=clean(self._path.stem)), theme.style("bold text")),
        )

    @property
    def editor(self) -> ProfileEditor:
        return self.query_one(ProfileEditor)

    @property
    def unsaved(self) -> bool:
        """Whether there are changes that aren't in the file."""
        return self._saved is not None and self.editor.text != self._saved

    def refresh_page(self) -> None:
        if self._saved is None:
            self._saved = self.editor.text
            self.query_one(ProfileViews).shown.focus()
        self._check()
        self._show()

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def take(self, text: str) -> None:
        """Another text, as if it had been typed; ctrl+z in the text takes it back."""
        editor = self.editor
        if text != editor.text:
            editor.replace(text, (0, 0), editor.document.end)
        self._check()

    # -- what is wrong with it

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        if self._checking is not None:
            self._checking.stop()
        self._checking = self.set_timer(_CHECK_SECONDS, self._check)
        self._show_title()

    def _check(self) -> None:
        """Looks at the text in a thread."""
        text, path, workspace = self.editor.text, self._path, self.headnode.workspace

        def work() -> None:
            detail = check_text(text, path, workspace)
            if not get_current_worker().is_cancelled:
                self.app.call_from_thread(self._checked, detail)

        self.run_worker(work, thread=True, exclusive=True, group="check")

    def _checked(self, detail: ProfileDetail) -> None:
        self._detail = detail
        if self.is_mounted:
            self._show()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        self._show_title()
        if self._detail is None:
            return
        self.editor.mark(self._detail.marked)
        self.query_one(ProfileViews).show(self._detail.model)
        width = max(20, self.size.width - 4)
        lines = (
            problem_lines(self._detail.problems, width)
            if self._detail.problems
            else [Text("✓ " + _("valid"), theme.style("done"))]
        )
        self.query_one("#lines", Lines).show(lines)

    def _show_title(self) -> None:
        note = _("not saved") if self.unsaved else _("saved")
        root = self.headnode.workspace.root
        path = self._path.relative_to(root) if self._path.is_relative_to(root) else self._path
        self.query_one("#edit", Pane).set_title(clean(path), note)

    # -- saving and leaving

    def action_save_file(self) -> None:
        self._save()

    def _save(self, then: Callable[[], object] | None = None, whatever: bool = False) -> None:
        """Saves; where somebody else has changed the file meanwhile, asks first."""
        text = self.editor.text
        try:
            save_profile(self._path, text, None if whatever else self._on_disk)
        except ChangedMeanwhile as error:
            facts = [_("Saving replaces that; esc keeps it, and your text stays here.")]

            def decided(yes: bool | None) -> None:
                if yes:
                    self._save(then, whatever=True)

            self.app.push_screen(ConfirmDialog(render(error.message), facts, _("save mine")), decided)
            return
        except OSError as error:
            self.headnode.complain(error)
            return
        self._on_disk = self._saved = text
        self._check()
        self._show_title()
        if then is not None:
            then()
        else:
            self.headnode.say(_("Saved"))

    def leave(self, then: Callable[[], object]) -> None:
        if not self.is_mounted or not self.unsaved:
            then()
            return

        def decided(choice: str | None) -> None:
            if choice == "save":
                self._save(then)
            elif choice == "discard":
                self._saved = self.editor.text
                then()

        self.app.push_screen(UnsavedDialog(self._path.name), decided)
