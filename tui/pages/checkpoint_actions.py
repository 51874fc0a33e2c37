"""What can be done on the page of checkpoints; the page itself reads and shows."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tui import describe
from tui.dialogs import checkpoint_changes
from tui.i18n import _
from tui.pages.page import Page
from tui.widgets.checkpoint_detail import address
from tui.widgets.checkpoint_rows import run_key, trashed_key
from tui.widgets.checkpoint_shelves import Shelves
from tui.widgets.checkpoint_verify import VerifyQueue
from tui.widgets.table import Table

if TYPE_CHECKING:
    from runtime.launch.trash import Trashed
    from runtime.messages import Message
    from runtime.run.checkpoints import Checkpoint, Verification
    from tui.store.runs import RunView
    from tui.widgets.checkpoint_list import Shelf

_PAIR = 2


class CheckpointActions(Page):
    """The part of the page that acts on what is under the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self._shelves = Shelves(self, self._shelf_changed)
        self._failed: dict[Path, tuple[Message, ...]] = {}
        self._verifying = VerifyQueue(self, self._verify_changed, self._verified)
        self._marked: list[Path] = []
        self._deleted: list[tuple[str, Trashed]] = []

    def _views(self) -> list[RunView]:
        raise NotImplementedError

    def _shelf_changed(self, shelf: Shelf) -> None:
        raise NotImplementedError

    def _show(self) -> None:
        raise NotImplementedError

    @property
    def selected_run(self) -> RunView | None:
        """The run under the cursor, or the one that the checkpoint there belongs to."""
        raise NotImplementedError

    @property
    def selected(self) -> Checkpoint | None:
        """The checkpoint under the cursor."""
        raise NotImplementedError

    def _read(self, view: RunView) -> None:
        self._shelves.read([view])

    # -- what can be done

    def can(self, action: str) -> bool:
        view = self.selected_run if self.is_mounted else None
        if action == "filter":
            return bool(self.store.runs)
        if action == "undo":
            return self._to_undo() is not None
        if action == "compare_checkpoints":
            return self._pair() is not None
        if view is None:
            return False
        checkpoint, record = self.selected, view.record
        ours = record is not None and not record.read_only
        complete = checkpoint is not None and checkpoint.state == "complete"
        match action:
            case "unfold":
                return checkpoint is None
            case "resume":
                over = record is not None and record.ended_state
                return ours and over and (complete if checkpoint is not None else bool(self._complete(view)))
            case "branch":
                return ours and complete
            case "verify":
                return bool(self._to_verify(view, checkpoint))
            case "mark":
                return complete
            case "protect":
                return ours and complete
            case "delete":
                return ours and checkpoint is not None
        return False

    def _complete(self, view: RunView) -> list[Checkpoint]:
        shelf = self._shelves.get(view.run_id)
        return shelf.complete if shelf is not None else []

    def _to_verify(self, view: RunView, checkpoint: Checkpoint | None) -> list[Checkpoint]:
        wanted = [checkpoint] if checkpoint is not None else self._complete(view)
        shares = self._verifying.shares
        return [item for item in wanted if item.state == "complete" and item.path not in shares]

    def action_unfold(self) -> None:
        view = self.selected_run
        if view is not None:
            self.action_fold(view.run_id in self._shelves.unfolded)

    def action_fold(self, fold: bool) -> None:
        """Hides or shows the checkpoints of the run that the cursor is on or in."""
        view, unfolded = self.selected_run, self._shelves.unfolded
        if view is None or not self.query_one(Table).has_focus:
            return
        if fold:
            self.query_one(Table).cursor = run_key(view.run_id)
            unfolded.discard(view.run_id)
        elif view.run_id not in unfolded:
            unfolded.add(view.run_id)
            self._read(view)
        self._show()

    def action_resume(self) -> None:
        view, checkpoint = self.selected_run, self.selected
        if view is not None:
            self.headnode.resume_run(view.run_id, checkpoint.step if checkpoint is not None else None)

    def action_branch(self) -> None:
        from tui.dialogs.checkpoint_new import NewRunDialog

        view, checkpoint = self.selected_run, self.selected
        if view is None or checkpoint is None:
            return

        def decided(kind: str | None) -> None:
            if kind == "branch":
                from tui.dialogs.resume_plan import ResumePlanDialog

                self.app.push_screen(ResumePlanDialog(view, checkpoint.step, branch=True))
            elif kind == "weights":
                from tui.dialogs.checkpoint_weights import WeightsDialog

                self.app.push_screen(WeightsDialog(view, checkpoint.step))

        where = address(describe.short_id(view.run_id), checkpoint.step)
        self.app.push_screen(NewRunDialog(where), decided)

    def action_verify(self) -> None:
        view = self.selected_run
        for checkpoint in self._to_verify(view, self.selected) if view is not None else ():
            self._failed.pop(checkpoint.path, None)
            self._verifying.add(checkpoint)

    def _verify_changed(self) -> None:
        if self.is_mounted:
            self._show()

    def _verified(self, checkpoint: Checkpoint, result: Verification) -> None:
        run_id = checkpoint.path.parent.parent.name
        view = self.store.runs.get(run_id)
        where = address(describe.short_id(run_id), checkpoint.step)
        gone = not checkpoint.path.exists()  # the run keeps its newest ones and goes on while this reads
        if result.ok or gone:
            if view is not None:
                self._read(view)
            if gone:
                self.headnode.say(_("{address} was deleted before it was verified").format(address=where))
            return
        self._failed[checkpoint.path] = result.problems
        self.notify(_("{address} is damaged").format(address=where), severity="error", markup=False)

    def action_protect(self) -> None:
        view, checkpoint = self.selected_run, self.selected
        if view is not None and checkpoint is not None:
            checkpoint_changes.protect(self, view, checkpoint, lambda: self._read(view))

    def action_delete(self) -> None:
        view, checkpoint = self.selected_run, self.selected
        if view is not None and checkpoint is not None:
            complete = self._complete(view)
            checkpoint_changes.delete(self, view, checkpoint, complete, partial(self._moved, view))

    # -- deleted a moment ago

    @property
    def _leaving(self) -> bool:
        """Whether something that was deleted is to be seen, with its seconds."""
        shelves = (self._shelves.get(run_id) for run_id in self._shelves.unfolded)
        return any(shelf is not None and shelf.trashed for shelf in shelves)

    def _moved(self, view: RunView, one: Trashed) -> None:
        self._deleted.append((view.run_id, one))
        self._read(view)
        self.set_timer(one.seconds_left + 0.3, partial(self._remove, view))

    def _remove(self, view: RunView) -> None:
        """The time to think again is over."""
        self._deleted = [(run_id, one) for run_id, one in self._deleted if one.seconds_left > 0]
        checkpoint_changes.empty(self, [view.directory], lambda: self._read(view))

    def _to_undo(self) -> tuple[RunView, Trashed] | None:
        """The deleted checkpoint under the cursor, or the last that was deleted here."""
        view, cursor = self.selected_run, self.query_one(Table).cursor if self.query(Table) else None
        shelf = self._shelves.get(view.run_id) if view is not None else None
        for one in shelf.trashed if shelf is not None and view is not None else ():
            if trashed_key(view.run_id, one) == cursor and one.seconds_left > 0:
                return view, one
        for run_id, one in reversed(self._deleted):
            of = self.store.runs.get(run_id)
            if of is not None and one.seconds_left > 0:
                return of, one
        return None

    def action_undo(self) -> None:
        found = self._to_undo()
        if found is not None:
            view, one = found
            self._deleted = [entry for entry in self._deleted if entry[1] != one]
            checkpoint_changes.undo(self, view, one, partial(self._read, view))

    # -- comparing

    def action_mark(self) -> None:
        checkpoint = self.selected
        if checkpoint is None:
            return
        if checkpoint.path in self._marked:
            self._marked.remove(checkpoint.path)
        else:
            self._marked = [*self._marked, checkpoint.path][-_PAIR:]
        self._show()
        self.query_one(Table).action_cursor(1)

    def _pair(self) -> tuple[Checkpoint, Checkpoint] | None:
        """The two that are marked; one that is and the one under the cursor; or that one and the one
        before."""
        shelves = [shelf for view in self._views() if (shelf := self._shelves.get(view.run_id)) is not None]
        all_complete = [item for shelf in shelves for item in shelf.complete]
        chosen = [item for item in all_complete if item.path in self._marked]
        selected, view = self.selected, self.selected_run
        if (
            len(chosen) < _PAIR
            and selected is not None
            and selected in all_complete
            and selected not in chosen
        ):
            chosen.append(selected)
        if len(chosen) == 1 and view is not None:
            own = self._complete(view)  # the newest first
            at = own.index(chosen[0]) if chosen[0] in own else -1
            chosen += own[at + 1 : at + 2] if at >= 0 else []
        if len(chosen) != _PAIR:
            return None
        first, second = sorted(chosen, key=lambda item: (item.time, item.step))
        return first, second

    def action_compare_checkpoints(self) -> None:
        from tui.dialogs.checkpoint_compare import CompareCheckpointsDialog

        pair = self._pair()
        if pair is not None:
            self.app.push_screen(CompareCheckpointsDialog(*pair))
