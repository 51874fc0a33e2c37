"""What a profile changes: each key with what would hold without it, and what it says."""

from __future__ import annotations

from rich.text import Text

from tui import theme
from tui.clean import clean
from tui.i18n import _, ngettext, render
from tui.widgets.profile_model import ProfileModel, shown_value
from tui.widgets.table import Column, Row, Table


class ProfileDiff(Table):
    """Against the profile's `extends` chain; where a parent says nothing, or there is none, against the
    schema's defaults."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._model: ProfileModel | None = None

    def show(self, model: ProfileModel | None) -> None:
        """Shows what this profile changes."""
        self._model = model
        self._lay_out()

    def on_resize(self) -> None:
        super().on_resize()
        self._lay_out()

    def _lay_out(self) -> None:
        if not self.size.width:
            return
        self.set_columns(
            [
                Column("key", _("KEY"), 24, flexible=True, maximum=36),
                Column("before", _("WITHOUT IT"), 14, flexible=True, maximum=50),
                Column("now", _("HERE"), 14, flexible=True, maximum=50),
            ]
        )
        self.set_rows(self._rows())

    def _rows(self) -> list[Row]:
        muted, model = theme.style("muted"), self._model
        if model is None:
            return [_note("none", _("the text is no YAML; mend it there first"), "failed")]
        rows = []
        parents = " › ".join(clean(path.stem) for path in model.layers.parents)
        if model.layers.problem is not None:
            rows.append(_note("parents", render(model.layers.problem.message), "failed"))
        elif parents:
            rows.append(_note("parents", _("extends {parents}").format(parents=parents), "text"))
        else:
            rows.append(_note("parents", _("extends nothing: against the defaults"), "muted"))
        found = model.differences()
        many = len(found)
        text = (
            ngettext("{count} key is different", "{count} keys are different", many)
            if many
            else _("changes nothing")
        )
        rows += [_note("count", text.format(count=many), "muted"), Row("gap", selectable=False, wide=Text())]
        for field, before, now in found:
            inherited = field.key in model.layers.inherited
            without = "–" if field.required and not inherited else shown_value(before)
            rows.append(
                Row(
                    field.key,
                    (
                        Text(field.key, theme.style("text")),
                        Text(without, theme.style("text") if inherited else muted),
                        Text(shown_value(now), theme.style("accent")),
                    ),
                )
            )
        return rows


def _note(key: str, text: str, style: str) -> Row:
    return Row(key, wide=Text(text, theme.style(style)), selectable=False)
