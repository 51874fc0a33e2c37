"""A profile as a form: a line a key, by section, made from the schema; and the help for the key under the
cursor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from tui import theme
from tui.i18n import _, render
from tui.widgets.lines import wrapped
from tui.widgets.profile_model import ProfileModel, default_text, kind_text, shown_value
from tui.widgets.table import Column, Row, Table

if TYPE_CHECKING:
    from runtime.profile.forms import FormField

_STYLES = {"own": "accent", "parent": "text", "default": "muted"}
HELP_LINES = 3


class ProfileForm(Table):
    """Shows a `ProfileModel`; the page changes values."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model: ProfileModel | None = None
        self._words = ""

    def show(self, model: ProfileModel | None) -> None:
        """Shows this profile; the cursor stays on its key."""
        self._model = model
        self._lay_out()

    def search(self, words: str) -> None:
        """Only keys that contain all these words, or whose help does."""
        self._words = words
        self._lay_out()

    def on_resize(self) -> None:
        super().on_resize()
        self._lay_out()

    @property
    def model(self) -> ProfileModel | None:
        """What is shown."""
        return self._model

    @property
    def field(self) -> FormField | None:
        """The field under the cursor."""
        if self._model is None:
            return None
        return next((field for field in self._model.fields if field.key == self.cursor), None)

    def help_lines(self, width: int) -> list[Text]:
        """What the field under the cursor is for, what may stand there, and what is wrong with it."""
        field, model = self.field, self._model
        if field is None or model is None:
            return []
        muted = theme.style("muted")
        facts = Text.assemble(
            (field.key, theme.style("bold accent")),
            (
                "   " + _("{kind} · {default}").format(kind=kind_text(field), default=default_text(field)),
                muted,
            ),
        )
        problem = model.problem(field.key)
        lines = [facts]
        if problem is not None:
            lines += wrapped(f"✗ {render(problem.message)}", theme.style("failed"), width)
        lines += wrapped(_(field.help) if field.help else "", theme.style("text"), width)
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        return [*lines, *[Text()] * HELP_LINES][:HELP_LINES]

    def _lay_out(self) -> None:
        width = self.size.width
        if not width:
            return
        roomy = width >= 60
        self.set_columns(
            [
                Column("mark", "", 1),
                Column("key", _("KEY"), 22 if roomy else 18, flexible=True, maximum=34),
                Column("value", _("VALUE"), 14, flexible=True, maximum=70),
                *([Column("from", _("FROM"), 10)] if roomy else []),
            ]
        )
        if self._model is None:
            text = Text(_("the text is no YAML; mend it there first"), theme.style("failed"))
            self.set_rows([Row("none", wide=text, selectable=False)])
            return
        rows: list[Row] = []
        for section, fields in self._model.sections().items():
            shown = [field for field in fields if self._wanted(field)]
            if section and shown:
                title = Text(section, theme.style("bold text"))
                rows.append(Row(f"section:{section}", wide=title, selectable=False))
            rows += [self._row(field) for field in shown]
        self.set_rows(rows)

    def _wanted(self, field: FormField) -> bool:
        text = f"{field.key} {field.help} {_(field.help) if field.help else ''}".lower()
        return all(word in text for word in self._words.lower().split())

    def _row(self, field: FormField) -> Row:
        assert self._model is not None
        origin = self._model.origin(field.key)
        wrong = self._model.problem(field.key) is not None
        style = theme.style("failed" if wrong else _STYLES[origin])
        name = field.key.partition(".")[2] if field.section else field.key
        words = {"own": _("here"), "parent": _("parent"), "default": _("default")}
        missing = field.required and origin == "default"
        value = _("needed") if missing else shown_value(self._model.value(field))
        if field.key == "name" and origin != "own":
            value = _("as the file is called")
        cells = [
            Text("✗" if wrong else "", theme.style("failed")),
            Text(
                ("  " if field.section else "") + name,
                theme.style("text" if origin != "default" else "muted"),
            ),
            Text(value, style),
            Text(words[origin], theme.style("muted")),
        ]
        return Row(field.key, tuple(cells))
