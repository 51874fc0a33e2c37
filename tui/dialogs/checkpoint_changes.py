"""Protecting and deleting a checkpoint: what is asked and said, and doing it in a thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from runtime.messages import HeadnodeError
from tui import describe
from tui.dialogs.checkpoint_confirm import TypedConfirm
from tui.dialogs.confirm import ConfirmDialog
from tui.format import count, size
from tui.i18n import _
from tui.widgets.checkpoint_detail import address

if TYPE_CHECKING:
    from runtime.launch.trash import Trashed
    from runtime.run.checkpoints import Checkpoint
    from runtime.run.layout import RunDirectory
    from tui.pages.page import Page
    from tui.store.runs import RunView


def protect(page: Page, view: RunView, checkpoint: Checkpoint, after: Callable[[], None]) -> None:
    """Protects the checkpoint, or lifts that. `after` is called on the panel's thread when it is done."""
    directory, step, on = view.directory, checkpoint.step, not checkpoint.protected

    def work() -> None:
        from runtime.run.annotations import protect as write

        write(directory, step, on, by="panel")

    _in_thread(page, work, after)


def delete(
    page: Page,
    view: RunView,
    checkpoint: Checkpoint,
    complete: Sequence[Checkpoint],
    after: Callable[[Trashed], None],
) -> None:
    """Asks, then moves the checkpoint aside, from where it can be brought back for a while. `complete` are
    all
    that the run has, newest first: the only one is asked for harder. What may not be deleted is refused with
    the
    reason."""
    where = address(describe.short_id(view.run_id), checkpoint.step)
    refusal = refused(view, checkpoint)
    if refusal is not None:
        page.notify(refusal, severity="warning", markup=False)
        return
    directory = view.directory

    def decided(yes: bool | None) -> None:
        if not yes:
            return
        moved: list[Trashed] = []

        def work() -> None:
            from runtime.launch.trash import move_to_trash

            moved.append(move_to_trash(directory, checkpoint))

        _in_thread(page, work, lambda: [after(one) for one in moved])

    question = _("Delete {address}?").format(address=where)
    facts = _cost(checkpoint, complete)
    only = [item.path for item in complete] == [checkpoint.path]
    dialog = TypedConfirm(question, facts, str(checkpoint.step)) if only else None
    page.app.push_screen(dialog or ConfirmDialog(question, facts, _("delete")), decided)


def undo(page: Page, view: RunView, one: Trashed, after: Callable[[], None]) -> None:
    """Brings a deleted checkpoint back."""
    directory = view.directory
    where = address(describe.short_id(view.run_id), one.step)
    back: list[bool] = []

    def work() -> None:
        from runtime.launch.trash import bring_back

        bring_back(directory, one)
        back.append(True)

    def done() -> None:
        if back:
            page.headnode.say(_("{address} is back").format(address=where))
        after()

    _in_thread(page, work, done)


def empty(page: Page, directories: Sequence[RunDirectory], after: Callable[[], None]) -> None:
    """Removes what was deleted longer ago than it can be brought back, also what an earlier panel left."""

    def work() -> None:
        from runtime.launch.trash import empty_trash

        for directory in directories:
            empty_trash(directory)

    _in_thread(page, work, after)


def refused(view: RunView, checkpoint: Checkpoint) -> str | None:
    """Why the checkpoint may not be deleted; None where it may."""
    run = describe.short_id(view.run_id)
    if checkpoint.protected and checkpoint.state == "complete":
        return _("{address} is protected; p lifts that").format(address=address(run, checkpoint.step))
    if view.record is not None and not view.record.ended_state:
        words = _("{run} is {state}; its checkpoints can be deleted when it is over")
        return words.format(run=run, state=describe.word(view.state))
    return None


def _cost(checkpoint: Checkpoint, complete: Sequence[Checkpoint]) -> list[str]:
    facts = [_("Frees {size}; u brings it back for 10 s.").format(size=size(checkpoint.bytes))]
    if complete and complete[0].path == checkpoint.path:
        if len(complete) > 1:
            words = _("It is the newest: a resume would go on from {step} instead.")
            facts.append(words.format(step=count(complete[1].step)))
        else:
            facts.append(_("It is the only one: without it the run begins again at step 0."))
    return facts


def _in_thread(page: Page, work: Callable[[], None], after: Callable[[], object]) -> None:
    app = page.headnode

    def guarded() -> None:
        try:
            work()
        except (HeadnodeError, OSError) as error:
            app.call_from_thread(app.complain, error)
        app.store.wake()
        app.call_from_thread(after)

    page.run_worker(guarded, thread=True, group="change")
