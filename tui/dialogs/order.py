"""In which order the runs stand, and whether they are grouped by profile."""

from __future__ import annotations

from collections.abc import Sequence

from tui.dialogs.dialog import Choice, Dialog
from tui.i18n import _
from tui.widgets.run_order import ORDERS

KEYS = {
    "active": "enter", "newest": "n", "state": "s", "progress": "p", "loss": "l", "speed": "t", "left": "e",
    "name": "a",
}  # fmt: skip


class OrderDialog(Dialog[str]):
    """The name of the order, `group` to group or ungroup, or None."""

    def __init__(self, order: str, by_profile: bool) -> None:
        super().__init__()
        self._order, self._by_profile = order, by_profile

    def title_text(self) -> str:
        return _("Order of the runs")

    def choices(self) -> Sequence[Choice[str]]:
        now = _("as now")
        group = _("one list again") if self._by_profile else _("group by profile")
        return [
            *(
                Choice(KEYS[name], _(text), now if name == self._order else "", name)
                for name, text in ORDERS.items()
            ),
            Choice("g", group, "", "group"),
            Choice("escape", _("leave it as it is"), "", None),
        ]
