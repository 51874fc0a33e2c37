"""9 Doctor: whether this machine and this terminal are fit for training, and how to mend what isn't."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from tui.i18n import _, render
from tui.pages.page import Page
from tui.widgets import doctor_rows
from tui.widgets.doctor_rows import GroupState, MeasurementState
from tui.widgets.lines import Lines
from tui.widgets.table import Table

if TYPE_CHECKING:
    from runtime.doctor import Check, Surroundings
    from runtime.messages import Message

_DETAIL_LINES = 5
_SEVERITY = {"fail": 0, "warn": 1, "ok": 2}


class DoctorPage(Page):
    """The checks run when the page is first opened, each group in a thread; results are shown as they
    come."""

    NAME = "doctor"
    ACTIONS = ("measure",)
    DEFAULT_CSS = """
    DoctorPage #summary { height: 1; padding: 0 1; margin-bottom: 1; }
    DoctorPage #checks { height: 1fr; }
    DoctorPage #found { height: 5; padding: 0 1; margin-top: 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._groups: dict[str, GroupState] = {}
        self._measurements: dict[str, MeasurementState] = {}
        self._cancelled = threading.Event()
        self._busy: str | None = None
        self._placed: str | None = None

    def body(self) -> ComposeResult:
        yield Lines(id="summary")
        yield Table(id="checks")
        yield Lines(id="found")

    def refresh_page(self) -> None:
        if not self._groups:
            self._begin()
        self._show()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    # -- checking

    def _surroundings(self) -> Surroundings:
        import os

        from runtime.doctor import Surroundings, Terminal

        width, height = self.app.size
        return Surroundings(self.headnode.workspace, Terminal(dict(os.environ), width, height))

    def _begin(self) -> None:
        from runtime.doctor.measuring import MEASUREMENTS

        for group in self.headnode.services.doctor():
            self._groups[group.name] = GroupState(group)
        for measurement in MEASUREMENTS:
            self._measurements[measurement.name] = MeasurementState(measurement)
        for state in self._groups.values():
            self._check(state)

    def _check(self, state: GroupState) -> None:
        """Runs a group's checks in a thread that doesn't keep the panel from closing."""
        if state.running:
            return
        state.running, state.checks, state.error = True, [], ""
        surroundings = self._surroundings()

        def work() -> None:
            error = ""
            try:
                for check in state.group.run(surroundings):
                    self._tell(lambda check=check: state.checks.append(check))  # type: ignore[misc]
            except Exception as problem:  # noqa: BLE001 (shown; a check must not take the panel down)
                error = f"{type(problem).__name__}: {problem}"
            self._tell(lambda: self._ended(state, error))

        threading.Thread(target=work, name=f"doctor-{state.group.name}", daemon=True).start()

    def _ended(self, state: GroupState, error: str) -> None:
        state.running, state.error = False, error

    def _tell(self, change: object) -> None:
        """Called from a thread: does it on the panel's, and shows it. Nobody listens once that closes."""

        def do() -> None:
            assert callable(change)
            change()
            if self.is_mounted and self.app.screen is self:
                self._show()

        with suppress(RuntimeError):
            self.app.call_from_thread(do)

    # -- what is shown

    def _show(self) -> None:
        if not self.is_mounted or not self.query(Table) or not self.size.width:
            return
        table = self.query_one(Table)
        table.set_columns(doctor_rows.columns(self.size.width))
        rows = [row for state in self._groups.values() for row in doctor_rows.group_rows(state)]
        table.set_rows([*rows, *doctor_rows.measurement_rows(self._measurements)])
        self._place(table)
        self.query_one("#summary", Lines).show([doctor_rows.summary(self._groups)])
        self._show_found()

    def _place(self, table: Table) -> None:
        """Puts the cursor on what is worst, until the person has moved it."""
        if self._placed is not None and table.cursor != self._placed:
            return
        found = [
            (_SEVERITY[check.status], doctor_rows.check_key(name, check.name))
            for name, state in self._groups.items()
            for check in state.checks
        ]
        if not found:
            self._placed = table.cursor
            return
        over = not any(state.running for state in self._groups.values())
        key = min(found, key=lambda item: item[0] if over else 0)[1]
        table.cursor = self._placed = key

    def _show_found(self) -> None:
        width = max(20, self.size.width - 2)
        check, measurement = self.selected, self.selected_measurement
        lines = []
        if measurement is not None:
            lines = doctor_rows.measurement_lines(measurement, width)
        elif check is not None:
            lines = doctor_rows.check_lines(check, width)
        self.query_one("#found", Lines).show(lines[:_DETAIL_LINES])
        self.refresh_footer()

    @property
    def _cursor(self) -> list[str]:
        cursor = self.query_one(Table).cursor if self.is_mounted and self.query(Table) else None
        return cursor.split(":") if cursor else []

    @property
    def selected(self) -> Check | None:
        """The check under the cursor."""
        match self._cursor:
            case ["check", group, name]:
                return next((c for c in self._groups[group].checks if c.name == name), None)
        return None

    @property
    def selected_measurement(self) -> MeasurementState | None:
        """The measurement under the cursor."""
        match self._cursor:
            case ["measure", name]:
                return self._measurements.get(name)
        return None

    def on_table_highlighted(self) -> None:
        self._show_found()

    def on_table_activated(self) -> None:
        if self.can("measure"):
            self.action_measure()

    # -- what can be done

    def can(self, action: str) -> bool:
        if action != "measure" or not self._cursor:
            return False
        if self.selected_measurement is not None:  # measuring the disk writes
            return self._busy is None and not self.headnode.preferences.read_only
        return self.selected is not None and not self._groups[self._cursor[1]].running

    def action_measure(self) -> None:
        state = self.selected_measurement
        if state is not None:
            self._measure(state)
        elif self.selected is not None:
            self._check(self._groups[self._cursor[1]])
            self._show()

    def _measure(self, state: MeasurementState) -> None:
        from runtime.doctor import Cancelled

        if self._busy is not None:
            return
        self._busy, state.share, state.doing = state.measurement.name, 0.0, None
        self._cancelled = cancelled = threading.Event()
        surroundings = self._surroundings()

        def progress(share: float, doing: Message) -> None:
            if cancelled.is_set():
                raise Cancelled
            if abs(share - (state.share or 0.0)) >= 0.05 or doing != state.doing:
                self._tell(lambda: self._progress(state, share, doing))

        def work() -> None:
            result = None
            try:
                result = state.measurement.run(surroundings, progress)
            except Cancelled:
                pass
            finally:
                self._tell(lambda: self._measured(state, result))

        threading.Thread(target=work, name="doctor-measure", daemon=True).start()
        self._show()

    def _progress(self, state: MeasurementState, share: float, doing: Message) -> None:
        state.share, state.doing = share, doing

    def _measured(self, state: MeasurementState, result: Check | None) -> None:
        self._busy, state.share, state.doing = None, None, None
        state.result = result or state.result

    def has_more_to_close(self) -> bool:
        return self._busy is not None and not self._cancelled.is_set()

    def close_one(self) -> None:
        self._cancelled.set()
        self.headnode.say(_("The measurement was cancelled"))

    def on_unmount(self) -> None:
        self._cancelled.set()

    def copy_text(self) -> str | None:
        measurement, check = self.selected_measurement, self.selected
        check = measurement.result if measurement is not None else check
        if check is None:
            return None
        fix = f"\n→ {render(check.fix)}" if check.fix is not None else ""
        return f"{render(check.title)}: {render(check.message)}{fix}"
