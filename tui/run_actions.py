"""What a person does to runs from any page: open, stop, save, resume, delete."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

from textual.app import App

from runtime.messages import HeadnodeError
from tui import describe, i18n
from tui.clean import clean
from tui.i18n import _, ngettext

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from tui.dialogs.stop import StopChoice
    from tui.pages.page import Page
    from tui.store.runs import RunView
    from tui.store.services import Services
    from tui.store.store import Store

Result = TypeVar("Result")


class RunActions(App[None]):
    """The part of the app that asks and then acts. Errors that the person can mend are shown, and nothing
    else happens."""

    store: Store
    services: Services

    def show_page(self, name: str, **arguments: Any) -> None:
        """Goes to a numbered page."""
        raise NotImplementedError

    def open_page(self, page: Page) -> None:
        """Lays a page on top of the current one."""
        raise NotImplementedError

    def open_run(self, run_id: str) -> None:
        """Opens the page of this run."""
        from tui.pages.run import RunPage

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

        if views:
            self.push_screen(StopDialog(views, self.services.clock()), decided)

    def remove_runs(self, views: list[RunView]) -> None:
        """Asks, then deletes these runs with everything in them."""
        from tui.dialogs.confirm import ConfirmDialog

        def decided(yes: bool | None) -> None:
            if yes:
                self.run_worker(self._remove(views), group="remove")

        if views:
            names = ", ".join(describe.short_id(view.run_id) for view in views)
            if len(views) == 1:  # by name: a language without plurals has one text only for both
                question = _("Delete {runs}?").format(runs=names)
            else:
                many = len(views)
                question = ngettext("Delete {count} run?", "Delete {count} runs?", many).format(count=many)
            facts = [names] if len(views) > 1 else []
            facts.append(
                ngettext(
                    "Its metrics, logs and checkpoints are deleted for good.",
                    "Their metrics, logs and checkpoints are deleted for good.",
                    len(views),
                )
            )
            self.push_screen(ConfirmDialog(question, facts, _("delete")), decided)

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
        if view is not None and self._operate("save", view.directory, by="panel"):
            self.say(_("Asked for a checkpoint at the end of this step"))

    def resume_run(self, run_id: str, step: int | None = None) -> None:
        """Shows what a resume of this run would do, and does it when confirmed."""
        view = self.store.runs.get(run_id)
        if view is not None:
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

    def say(self, text: str) -> None:
        """A short message that goes by itself."""
        self.notify(text, markup=False)

    def complain(self, error: Exception) -> None:
        """Shows an error that the person can do something about."""
        text = i18n.render(error.message) if isinstance(error, HeadnodeError) else clean(str(error))
        self.notify(text, severity="error", markup=False)
