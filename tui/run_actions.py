"""What a person does to runs from any page: open, stop, save, resume, delete."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from runtime.messages import HeadnodeError
from tui import describe
from tui.appearance import Appearance
from tui.i18n import _, ngettext

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from tui.dialogs.stop import StopChoice
    from tui.store.runs import RunView

Result = TypeVar("Result")


class RunActions(Appearance):
    """The part of the app that asks and then acts. Errors that the person can mend are shown, and nothing
    else happens."""

    def may_change(self) -> bool:
        """Whether anything may be changed; says so where not. Whatever changes something asks this first."""
        if self.preferences.read_only:
            self.say(_("This panel is read-only"), "warning")
        return not self.preferences.read_only

    def open_run(self, run_id: str) -> None:
        """Opens the page of this run, or goes back to it where it lies below."""
        from tui.pages.run import RunPage

        for screen in self.screen_stack:
            if isinstance(screen, RunPage) and screen.run_id == run_id:
                closing = self.screen_stack[self.screen_stack.index(screen) + 1 :]
                self.leave_pages(closing, partial(self.bring, screen))
                return
        self.open_page(RunPage(run_id))

    def open_new_run(self, run: RunDirectory) -> None:
        """Opens the page of a run that was made just now, over Runs, before the store has found it."""
        from tui.store.runs import read_view

        self.store.runs.setdefault(run.run_id, read_view(run.run_id, run))
        self.store.wake()
        self.show_page("runs")
        self.open_run(run.run_id)

    def stop_run(self, run_id: str) -> None:
        """Asks how, then stops the run."""
        view = self.store.runs.get(run_id)
        if view is not None and view.stoppable:
            self.stop_runs([view])

    def stop_runs(self, views: list[RunView]) -> None:
        """Asks how, then stops these runs."""
        from tui.dialogs.stop import StopDialog

        def decided(choice: StopChoice | None) -> None:
            if choice is None:
                return
            asked = [
                self._operate("stop", view.directory, save=choice.save, kill=choice.kill, by="panel")
                for view in views
            ]
            if all(asked):
                self.say(describe.stop_asked(choice.save, choice.kill))

        if views and self.may_change():
            self.push_screen(StopDialog(views, self.services.clock()), decided)

    def remove_runs(self, views: list[RunView]) -> None:
        """Asks, then deletes these runs with everything in them, or puts them away instead."""
        from tui.dialogs.remove_runs import RemoveRunsDialog

        def decided(choice: str | None) -> None:
            if choice == "delete":
                self.run_worker(self._remove(views), group="remove")
            elif choice == "archive":
                self._archive([view for view in views if view.archivable])

        if views and self.may_change():
            self.push_screen(RemoveRunsDialog(views), decided)

    def _archive(self, views: list[RunView]) -> None:
        """Hides these runs; every file of them stays."""
        from runtime.run.annotations import archive, user_name

        try:
            for view in views:
                archive(view.directory, by=user_name())
        except OSError as error:
            self.complain(error)
            return
        finally:
            self.store.wake()
        many = len(views)
        done = ngettext("{count} run archived", "{count} runs archived", many).format(count=many)
        self.say(_("{done}; / archived shows it").format(done=done))

    async def _remove(self, views: list[RunView]) -> None:
        """Beside the panel: large checkpoints take the file system its time."""
        from runtime.launch import operations

        for view in views:
            try:
                await self.in_thread(partial(operations.remove_run, view.directory))
            except (HeadnodeError, OSError) as error:
                self.complain(error)
        self.store.wake()

    def save_run(self, run_id: str) -> None:
        """Asks the run for a checkpoint now."""
        view = self.store.runs.get(run_id)
        if view is not None and self.may_change() and self._operate("save", view.directory, by="panel"):
            self.say(_("Asked for a checkpoint at the end of this step"))

    def resume_run(self, run_id: str, step: int | None = None) -> None:
        """Shows what a resume of this run would do, and does it when confirmed."""
        view = self.store.runs.get(run_id)
        if view is not None and self.may_change():
            dialog = import_module("tui.dialogs.resume_plan").ResumePlanDialog
            self.push_screen(dialog(view, step))

    def _operate(self, operation: str, *arguments: Any, **keywords: Any) -> bool:
        """Carries out one of `runtime.launch.operations`; False, and the error is shown, when it can't be
        done."""
        from runtime.launch import operations

        try:
            getattr(operations, operation)(*arguments, **keywords)
        except (HeadnodeError, OSError) as error:
            self.complain(error)
            return False
        finally:
            self.store.wake()
        return True

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """The result of something slow (the disk, an import), while the panel goes on."""
        import asyncio

        return await asyncio.to_thread(work)
