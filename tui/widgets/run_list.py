"""The list of runs: filtered, ordered, grouped, with only those rows made that are to be seen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING

from tui.filtering import Filter
from tui.widgets.run_order import Sequence, group_name, grouped
from tui.widgets.run_table import GROUP, RowMaker, columns, heading
from tui.widgets.table import Row, Table

if TYPE_CHECKING:
    from tui.store.runs import RunView
    from tui.store.telemetry import Sample


class RunList(Table):
    """Told of changes by `update`. A thousand runs cost no more than those on the screen: the others are
    neither made into rows nor sorted again, unless what they are sorted by has changed."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._sequence = Sequence()
        self._runs: Mapping[str, RunView] = {}
        self._run_rows: dict[str, Row] = {}
        self._by_profile = False
        self._folded: set[str] = set()
        self._maker: RowMaker | None = None
        self._round = 0
        self._restarting: set[str] = set()

    # -- what is chosen

    @property
    def order(self) -> str:
        """The name of the order, one of `run_order.ORDERS`."""
        return self._sequence.order

    @property
    def by_profile(self) -> bool:
        """Whether the runs stand under headings, one a profile."""
        return self._by_profile

    def choose(self, order: str, by_profile: bool) -> None:
        """Another order or grouping; `update` must follow."""
        self._sequence.order, self._by_profile = order, by_profile

    @property
    def wanted(self) -> Filter:
        """Which runs are shown."""
        return self._sequence.wanted

    def search(self, wanted: Filter) -> None:
        """Shows only what matches; `update` must follow."""
        self._sequence.wanted = wanted

    @property
    def heading(self) -> str | None:
        """The profile on whose heading the cursor is."""
        cursor = self.cursor
        return cursor.removeprefix(GROUP) if cursor is not None and cursor.startswith(GROUP) else None

    def fold(self) -> None:
        """Hides or shows the runs under the heading with the cursor."""
        name = self.heading
        if name is not None:
            self._folded ^= {name}
            self._set_rows()

    @property
    def shown(self) -> list[str]:
        """The ids of the runs that match, in order, folded ones too."""
        return self._sequence.run_ids

    def marked_runs(self) -> list[RunView]:
        """The marked runs that are still there, in order."""
        return [self._runs[run_id] for run_id in sorted(self.marked) if run_id in self._runs]

    # -- what is shown

    def update(
        self,
        runs: Mapping[str, RunView],
        changed: Collection[str] | None,
        now: float,
        width: int,
        sample: Sample | None,
    ) -> None:
        """Shows the runs as they are now; `changed` since the last time, or None where ages, widths, order or
        filter may be others."""
        self._runs = runs
        if changed is None:
            self._round += 1
            self._run_rows.clear()
            self.set_columns(columns(width))
        self._maker = RowMaker(self.columns, now, sample)
        moved = self._sequence.update(runs, changed, now)
        for run_id in runs if changed is None else changed:
            self._look_at(run_id, runs.get(run_id))
        if moved or changed is None or self._by_profile:
            self._set_rows()
        else:
            shown = [run_id for run_id in changed if run_id in self._index]
            self.replace_rows([self._row(run_id) for run_id in shown])

    def _look_at(self, run_id: str, view: RunView | None) -> None:
        """A run has changed: its row is to be made again."""
        self._run_rows.pop(run_id, None)
        if view is None or (
            run_id in self.marked and view.annotations.archived and run_id not in self._sequence.run_ids
        ):  # put away: what is done next is not meant for it
            self.marked.discard(run_id)
        if view is not None and view.active and view.record is not None and "restart" in view.record.evidence:
            self._restarting.add(run_id)
        else:
            self._restarting.discard(run_id)

    def count_down(self, now: float) -> None:
        """Once a second: rows whose text changes by the second."""
        if self._restarting and self._maker is not None:
            self.update(self._runs, frozenset(self._restarting), now, self.size.width, self._maker.sample)

    def _set_rows(self) -> None:
        if not self._by_profile:
            self.set_rows([self._row(run_id) for run_id in self._sequence.run_ids])
            return
        rows: list[Row] = []
        for name, run_ids in grouped(self._sequence.run_ids, self._runs).items():
            folded = name in self._folded
            rows.append(heading(name, [self._runs[run_id] for run_id in run_ids], folded))
            rows += [] if folded else [self._row(run_id) for run_id in run_ids]
        self.set_rows(rows)

    def _row(self, run_id: str) -> Row:
        row = self._run_rows.get(run_id)
        if row is None:
            self._round += 1
            make = partial(self._make, run_id)
            row = self._run_rows[run_id] = Row(run_id, stamp=self._round, make=make)
        return row

    def _make(self, run_id: str) -> Row:
        assert self._maker is not None
        return self._maker.row(self._runs[run_id])

    def unfold_to(self, run_id: str) -> None:
        """Puts the cursor on this run, unfolding its group."""
        view = self._runs.get(run_id)
        if view is not None and self._by_profile and group_name(view) in self._folded:
            self._folded.discard(group_name(view))
            self._set_rows()
        self.cursor = run_id
