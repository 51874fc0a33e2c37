"""What the keys of the form do, and the person's own editor: the part of the editor that changes values."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text
from textual.worker import get_current_worker

from runtime.messages import HeadnodeError
from tui import theme
from tui.i18n import _, render
from tui.pages.filtered import FilteredPage
from tui.widgets.lines import Lines
from tui.widgets.profile_list import check_text
from tui.widgets.profile_model import ProfileModel, kind_text, shown_value
from tui.widgets.profile_views import ProfileViews
from tui.widgets.value_line import ValueLine

if TYPE_CHECKING:
    from runtime.profile import Problem
    from runtime.profile.forms import FormField
    from tui.widgets.profile_editor import ProfileEditor


class ProfileFormActions(FilteredPage):
    """Needs the page's `editor`, whose text is the truth, and `take(text)`."""

    @property
    def editor(self) -> ProfileEditor:
        """The text."""
        raise NotImplementedError

    @property
    def path(self) -> Path:
        """The file."""
        raise NotImplementedError

    def take(self, text: str) -> None:
        """Another text, as if it had been typed."""
        raise NotImplementedError

    def can(self, action: str) -> bool:
        if not self.is_mounted or not self.query(ProfileViews):
            return False
        views = self.query_one(ProfileViews)
        match action:
            case "change_value":
                return views.view == "form" and views.form.field is not None and not self._asking
            case "reset_value":
                return self.can("change_value") and self._is_set()
            case "filter":
                return views.view == "form"
        return True

    @property
    def _asking(self) -> bool:
        return self.query_one(ValueLine).is_open

    @property
    def _model(self) -> ProfileModel | None:
        return self.query_one(ProfileViews).form.model

    def _is_set(self) -> bool:
        model, field = self._model, self.query_one(ProfileViews).form.field
        return model is not None and field is not None and model.origin(field.key) == "own"

    def filter_changed(self) -> None:
        self.query_one(ProfileViews).form.search(self.words)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return True if action == "next_pane" else super().check_action(action, parameters)

    def action_next_pane(self) -> None:
        """Text, form, differences, and the text again."""
        views = self.query_one(ProfileViews)
        order = list(views.NAMES)
        if not self._asking:
            views.go(order[(order.index(views.view) + 1) % len(order)])
            views.shown.focus()
            self.refresh_footer()

    # -- one value

    def on_table_activated(self) -> None:
        if self.can("change_value"):
            self.action_change_value()

    def action_change_value(self) -> None:
        field, model = self.query_one(ProfileViews).form.field, self._model
        if field is None or model is None:
            return
        if field.nested:
            self.headnode.say(_("A list of sections is edited as YAML: tab"))
            return
        value = model.value(field)
        empty = value is None and not field.optional
        choices = ("true", "false") if "boolean" in field.types else field.choices
        hint = _("{kind}; empty: parent or default").format(kind=kind_text(field))
        self.query_one(ValueLine).open("" if empty else shown_value(value), choices, hint)
        self.refresh_footer()

    def action_reset_value(self) -> None:
        self._change("")

    def on_value_line_typed(self, message: ValueLine.Typed) -> None:
        """Says while one types what would be wrong with it."""
        field, before, path = self.query_one(ProfileViews).form.field, self.editor.text, self.path
        if field is None:
            return
        workspace = self.headnode.workspace

        def work() -> None:
            try:
                text = changed_text(before, field, message.text)
                problem = _of(check_text(text, path, workspace).problems, field.key)
                said = render(problem.message) if problem is not None else None
            except HeadnodeError as error:
                said = render(error.message)
            if not get_current_worker().is_cancelled:
                self.app.call_from_thread(self._tell, said)

        self.run_worker(work, thread=True, exclusive=True, group="value")

    def _tell(self, said: str | None) -> None:
        if not self.is_mounted or not self._asking:
            return
        views = self.query_one(ProfileViews)
        lines = views.form.help_lines(max(20, views.size.width - 2))
        if said is not None and len(lines) > 1:
            lines[1] = Text(f"✗ {said}", theme.style("failed"))
        views.query_one("#help", Lines).show(lines)

    def on_value_line_closed(self, message: ValueLine.Closed) -> None:
        if message.text is not None and not self._change(message.text):
            return
        self.query_one(ValueLine).close()
        views = self.query_one(ProfileViews)
        views.go(views.view)
        views.shown.focus()
        self.refresh_footer()

    def _change(self, typed: str) -> bool:
        """Puts the value into the text; False, and it is said why, where it can't stand there."""
        field = self.query_one(ProfileViews).form.field
        if field is None:
            return True
        try:
            text = changed_text(self.editor.text, field, typed)
        except HeadnodeError as error:
            self._tell(render(error.message))
            self.headnode.ring()
            return False
        problem = _of(check_text(text, self.path, self.headnode.workspace).problems, field.key)
        if problem is not None and typed:
            self._tell(render(problem.message))
            self.headnode.ring()
            return False
        self.take(text)
        return True

    # -- the person's own editor

    def action_external_editor(self) -> None:
        from textual.app import SuspendNotSupported

        from runtime.profile.reading import read_text

        words = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
        with tempfile.TemporaryDirectory(prefix="headnode-") as directory:
            copy = Path(directory) / self.path.name
            copy.write_text(self.editor.text, encoding="utf-8")
            try:
                with self.app.suspend():
                    subprocess.run([*words, str(copy)], check=False)
                text = read_text(copy)
            except (OSError, HeadnodeError, SuspendNotSupported) as error:
                self.headnode.complain(error)
                return
        self.take(text)


def changed_text(text: str, field: FormField, typed: str) -> str:
    """The profile's text with what was typed as the value of the field; nothing typed takes the key out.
    Raises NotEditable."""
    from runtime.profile.editing import REMOVED, read_value, with_value

    if not typed:
        return with_value(text, field.key, REMOVED)
    if field.optional and typed == "null":
        return with_value(text, field.key, None)
    if typed in field.choices or field.types == ("string",):
        return with_value(text, field.key, typed)
    return with_value(text, field.key, read_value(typed))


def _of(problems: tuple[Problem, ...], key: str) -> Problem | None:
    return next((p for p in problems if p.key == key or (p.key or "").startswith(f"{key}.")), None)
