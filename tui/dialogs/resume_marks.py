"""Which differences of a plan have been acknowledged, one by one, and which one the keys are at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.launch.plan import ResumePlan


class Marks:
    """`plan` is set anew with each plan; what was acknowledged holds for that one only."""

    def __init__(self) -> None:
        self._rows: list[str] = []
        self._at = 0
        self.acknowledged: frozenset[str] = frozenset()

    def begin(self, plan: ResumePlan | None) -> None:
        """For another plan."""
        rows = plan.rows if plan is not None and not plan.refusals else ()
        self._rows = [row.key for row in rows if row.severity == "acknowledge"]
        self._at, self.acknowledged = 0, frozenset()

    @property
    def needed(self) -> bool:
        """Whether something has to be acknowledged first."""
        return any(key not in self.acknowledged for key in self._rows)

    @property
    def selected(self) -> str | None:
        """The row that `a` acknowledges, None where none is left."""
        return self._rows[self._at] if self.needed else None

    @property
    def many(self) -> bool:
        """Whether there is a choice."""
        return self.needed and len(self._rows) > 1

    def move(self, by: int) -> None:
        """To the next row that is still to be acknowledged, in this direction."""
        for _row in self._rows:
            self._at = (self._at + by) % len(self._rows)
            if self._rows[self._at] not in self.acknowledged:
                return

    def acknowledge(self) -> None:
        """The row that the keys are at, and on to the next."""
        if self.selected is not None:
            self.acknowledged |= {self.selected}
            self.move(1)
