"""What can be done on the page of runs: to the marked ones, or to the one under the cursor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rich.text import Text

from tui import theme
from tui.format import pad
from tui.i18n import _, ngettext, render
from tui.pages.filtered import FilteredPage
from tui.widgets.lines import wrapped
from tui.widgets.run_list import RunList
from tui.widgets.run_order import ORDERS

if TYPE_CHECKING:
    from tui.dialogs.annotate import Annotated
    from tui.filtering.completion import Known
    from tui.store.runs import RunView

_ORDER, _GROUPS = "runs.order", "runs.groups"
_MOST_SUGGESTIONS = 24


class RunsPageActions(FilteredPage):
    """The keys of the page; what it shows is in `tui.pages.runs`."""

    _made: RunList | None = None

    @property
    def run_list(self) -> RunList:
        """The list of runs."""
        assert self._made is not None, "the page has no widgets yet"
        return self._made

    @property
    def has_list(self) -> bool:
        """Whether the list is there: not before the page is composed, nor while it is being built anew."""
        return self._made is not None and self._made.is_mounted

    def made_list(self) -> RunList:
        """A list in the order that was chosen last, in this visit or another."""
        memory = self.headnode.services.memory
        made = RunList(id="runs")
        order = memory.get(_ORDER) or "active"
        made.choose(order if order in ORDERS else "active", memory.get(_GROUPS) == "yes")
        self._made = made
        return made

    def _show(self, changed: frozenset[str] | None = None) -> None:
        raise NotImplementedError

    def _show_overview(self) -> None:
        raise NotImplementedError

    # -- the filter

    def search(self) -> None:
        """Looks for what the filter says by now; what it can't mean is left out."""
        from tui.filtering import parse

        self.run_list.search(parse(self.words, self._known().metrics))

    def filter_note(self, text: str) -> Text | None:
        from tui.filtering import parse, suggestions

        known = self._known()
        problems = parse(text, known.metrics).problems
        if problems:
            words = _("; ").join(render(problem.message) for problem in problems)
            return Text(f"✗ {words}", theme.style("failed"))
        found = suggestions(text, known)
        if not found or (len(found) == 1 and text.endswith(found[0])):
            return Text(_("{count} of {all} runs").format(**self._counts()), theme.style("muted"))
        shown = "  ".join(found[:_MOST_SUGGESTIONS])
        return Text.assemble(("tab ", theme.style("accent")), (shown, theme.style("muted")))

    def more_help(self) -> list[Text]:
        from tui.filtering.keys import KEYS, grammar

        accent, text = theme.style("accent"), theme.style("text")
        lines = [Text(_("What a filter may ask for"), theme.style("bold text"))]
        for example, meaning in [*((key.example, _(key.help)) for key in KEYS), *grammar()]:
            first, *rest = wrapped(meaning, text, 43)
            lines.append(Text.assemble(("  " + pad(example, 19), accent), first))
            lines += [Text.assemble(" " * 21, part) for part in rest]
        return lines

    def _counts(self) -> dict[str, int]:
        return {"count": len(self.run_list.shown), "all": len(self.store.runs)}

    def complete(self, text: str) -> str:
        from tui.filtering import completed

        return completed(text, self._known())

    def _known(self) -> Known:
        from tui.filtering.completion import Known

        metrics: set[str] = set()
        tags: set[str] = set()
        names: set[str] = set()
        jobs: set[str] = set()
        for view in self.store.runs.values():
            tags.update(view.annotations.tags)
            if view.record is not None:
                metrics.update(view.record.summary.metrics)
                names.add(view.record.name)
                jobs.add(view.record.job)
        return Known(metrics, tags, names, jobs)

    # -- what can be done

    @property
    def selected(self) -> RunView | None:
        """The run under the cursor."""
        cursor = self.run_list.cursor if self.has_list else None
        return self.store.runs.get(cursor) if cursor else None

    def _targets(self) -> list[RunView]:
        """The marked runs, or the selected one."""
        return self.run_list.marked_runs() or ([self.selected] if self.selected is not None else [])

    def can(self, action: str) -> bool:
        if not self.has_list:
            return False
        match action:
            case "new_run":
                return True
            case "sort" | "mark":
                return len(self.store.runs) > 1 and (action == "sort" or self.selected is not None)
            case "filter":
                return bool(self.store.runs)
            case "open":
                return self.selected is not None or self.run_list.heading is not None
            case "compare":
                return len(self._compared()) > 1
        view, targets = self.selected, self._targets()
        match action:
            case "stop":
                return any(target.stoppable for target in targets)
            case "resume":
                return view is not None and view.resumable
            case "remove":
                return any(target.removable for target in targets)
            case "annotate":
                return any(target.annotatable for target in targets)
            case "unarchive":
                return any(target.annotations.archived and target.annotatable for target in targets)
        return view is not None

    def on_table_highlighted(self) -> None:
        self._show_overview()
        self.refresh_footer()

    def on_table_activated(self) -> None:
        self.action_open()

    def action_open(self) -> None:
        if self.run_list.heading is not None:
            self.run_list.fold()
        elif self.selected is not None:
            self.headnode.open_run(self.selected.run_id)

    def action_new_run(self) -> None:
        self.headnode.show_page("profiles")

    def action_stop(self) -> None:
        self.headnode.stop_runs([view for view in self._targets() if view.stoppable])

    def action_resume(self) -> None:
        if self.selected is not None:
            self.headnode.resume_run(self.selected.run_id)

    def action_mark(self) -> None:
        self.run_list.toggle_mark()
        self.refresh_footer()

    def _compared(self) -> list[str]:
        """The marked runs; with fewer than two of them, this one and its parent."""
        marked = [view.run_id for view in self.run_list.marked_runs()]
        if len(marked) > 1:
            return marked
        view = self.selected
        parent = view.record.parent if view is not None and view.record is not None else None
        if view is None or parent is None or parent["run_id"] not in self.store.runs:
            return []
        return [parent["run_id"], view.run_id]

    def action_compare(self) -> None:
        self.headnode.show_page("compare", runs=self._compared())

    # -- order

    def action_sort(self) -> None:
        from tui.dialogs.order import OrderDialog

        runs, memory = self.run_list, self.headnode.services.memory

        def decided(choice: str | None) -> None:
            if choice is None:
                return
            order, by_profile = runs.order, runs.by_profile
            if choice == "group":
                by_profile = not by_profile
                memory.set(_GROUPS, "yes" if by_profile else "no")
            else:
                order = choice
                memory.set(_ORDER, order)
            runs.choose(order, by_profile)
            self._show()

        self.app.push_screen(OrderDialog(runs.order, runs.by_profile), decided)

    # -- tags, notes, the archive

    def action_annotate(self) -> None:
        from tui.dialogs.annotate import AnnotateDialog

        views = [view for view in self._targets() if view.annotatable]

        def decided(choice: Annotated | None) -> None:
            if choice is not None:
                self._annotate(views, lambda view: _apply(view, choice, several=len(views) > 1))

        if views:
            self.app.push_screen(AnnotateDialog(views), decided)

    def action_unarchive(self) -> None:
        from runtime.run.annotations import archive, user_name

        views = [view for view in self._targets() if view.annotations.archived and view.annotatable]
        if self._annotate(views, lambda view: archive(view.directory, on=False, by=user_name())):
            many = len(views)
            back = ngettext("{count} run is back in the lists", "{count} runs are back in the lists", many)
            self.headnode.say(back.format(count=many))

    def action_remove(self) -> None:
        self.headnode.remove_runs([view for view in self._targets() if view.removable])

    def _annotate(self, views: list[RunView], change: Callable[[RunView], None]) -> bool:
        """Changes what people said of these runs, and lets the list see it at once."""
        try:
            for view in views:
                change(view)
        except OSError as error:
            self.headnode.complain(error)
            return False
        finally:
            self.store.wake()
        self.run_list.marked.clear()
        return bool(views)

    def has_more_to_close(self) -> bool:
        return self.has_list and bool(self.words or self.run_list.marked)

    def close_one(self) -> None:
        if self.words:
            self.drop_filter()
        else:
            self.run_list.marked.clear()
            self.run_list.refresh()

    def copy_text(self) -> str | None:
        return self.selected.run_id if self.selected is not None else None


def _apply(view: RunView, choice: Annotated, several: bool) -> None:
    from runtime.run.annotations import add_note, set_note, tag, user_name

    who = user_name()
    for name in choice.put_on:
        tag(view.directory, name, by=who)
    for name in choice.taken_off:
        tag(view.directory, name, on=False)
    if choice.note is not None and not several:
        set_note(view.directory, choice.note, who)
    elif choice.note:
        add_note(view.directory, choice.note, who)
