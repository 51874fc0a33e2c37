"""What a resume or a branch would do, and doing it: what differs from then, what has to be acknowledged, what
makes it impossible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.worker import get_current_worker

from runtime.messages import HeadnodeError, UsageError
from tui import describe, theme
from tui.clean import clean
from tui.dialogs.dialog import Choice, Dialog, choice_lines
from tui.dialogs.resume_marks import Marks
from tui.dialogs.resume_work import Answer, Question, Read, answer, reading_line, start
from tui.format import count
from tui.i18n import _, render
from tui.widgets.checkpoint_detail import address
from tui.widgets.checkpoint_verify import Cancelled
from tui.widgets.lines import Lines, wrapped
from tui.widgets.overrides_line import OverridesLine
from tui.widgets.plan_rows import plan_lines
from tui.widgets.preflight_report import BadOverrides, split_overrides

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from tui.app import HeadnodeApp
    from tui.store.runs import RunView

_FRAME = 4  # lines of the window's border and padding


class ResumePlanDialog(Dialog[None]):
    """For the newest valid checkpoint, or the one of `step`; with `branch` for a new run from it. It does
    what it is about by itself: nothing is handed back."""

    DEFAULT_CSS = """
    ResumePlanDialog #dialog { width: 90%; max-width: 132; }
    ResumePlanDialog #plan { height: auto; max-height: 100%; scrollbar-gutter: stable; }
    ResumePlanDialog #plan Lines { width: 1fr; }
    ResumePlanDialog #says { width: 1fr; }
    ResumePlanDialog OverridesLine { padding: 0; }
    ResumePlanDialog OverridesLine Input { background: $panel; }
    """
    AUTO_FOCUS = "#plan"

    def __init__(self, view: RunView, step: int | None = None, *, branch: bool = False) -> None:
        super().__init__()
        self._view = view
        self._question = Question(step, (), branch)
        self._answer: Answer | None = None
        self._reading: Read | None = None
        self._marks = Marks()
        self._error: str | None = None
        self._starting = False

    @property
    def headnode(self) -> HeadnodeApp:
        """The app, with its own type."""
        return self.app  # type: ignore[return-value]

    # -- what is shown

    def title_text(self) -> str:
        run = describe.short_id(self._view.run_id)
        step = self._question.step
        if self._answer is not None and self._answer.plan is not None and self._answer.plan.checkpoint:
            step = self._answer.plan.step
        if self._question.branch or (self._answer is not None and self._answer.branch):
            return _("Branch from {address}").format(address=address(run, step or 0))
        if step is None:
            return _("Resume {run}").format(run=run)
        return _("Resume {run} from {step}").format(run=run, step=count(step))

    def content(self) -> ComposeResult:
        yield Lines(id="says")
        with VerticalScroll(id="plan"):
            yield Lines(id="rows")
        yield OverridesLine(id="overrides")

    def choices(self) -> list[Choice[None]]:
        if self._starting or self._typing:
            return []
        plan = self._answer.plan if self._answer is not None else None
        shown: list[Choice[None]] = []
        if plan is not None and self._needed:
            words = _("acknowledge {key}").format(key=clean(self._marks.selected or ""))
            shown.append(Choice("a", words, _("results will differ from then"), None))
            if self._marks.many:
                shown.append(Choice("down", _("the next one that is marked !"), "", None))
        elif self._ready:
            words = _("start the branch") if self._answer and self._answer.branch else _("resume")
            shown.append(Choice("enter", words, "", None))
        return [*shown, Choice("escape", _("leave it as it is"), "", None)]

    @property
    def _typing(self) -> bool:
        return any(line.is_open for line in self.query(OverridesLine))

    @property
    def _needed(self) -> bool:
        """Whether something has to be acknowledged first."""
        return self._marks.needed

    @property
    def _ready(self) -> bool:
        """Whether enter starts it."""
        plan = self._answer.plan if self._answer is not None else None
        return plan is not None and not plan.refusals and not self._needed and not self._starting

    def on_mount(self) -> None:
        self._plan()
        self._show()

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    def _show(self) -> None:
        if not self.is_mounted or not self.query("#rows"):
            return
        width = max(30, self.query_one("#plan").size.width - 2)
        self.query_one("#dialog").border_title = self.title_text()
        says = [*self._says(width), Text()]
        self.query_one("#says", Lines).show(says)
        plan = self._answer.plan if self._answer is not None else None
        rows = (
            plan_lines(plan, self._marks.acknowledged, width, self._marks.selected)
            if plan is not None
            else []
        )
        self.query_one("#rows", Lines).show([*rows, Text()] if rows else [])
        choices = choice_lines(self.choices())
        self.query_one("#choices", Lines).show(choices)
        # what decides stays to be seen, and what it is about scrolls
        room = self.size.height * 9 // 10 - _FRAME - len(says) - len(choices) - self._overrides_height
        self.query_one("#plan").styles.max_height = max(3, room)
        at = next((number for number, line in enumerate(rows) if line.plain.startswith("▸")), None)
        if at is not None:
            self.query_one("#plan").scroll_to(y=max(0, at - 1), animate=False)

    @property
    def _overrides_height(self) -> int:
        return max(2, self.query_one(OverridesLine).outer_size.height + 1)

    def _says(self, width: int) -> list[Text]:
        if self._error is not None:
            return wrapped(f"✗ {self._error}", theme.style("failed"), width)
        if self._starting:
            if self._reading is not None:
                return self._waiting(width)
            words = _("reading every byte of the checkpoint once more, then starting …")
            return [Text(words, theme.style("accent"))]
        if self._answer is None:
            return self._waiting(width)
        if self._answer.problem is not None:
            return wrapped(f"✗ {render(self._answer.problem.message)}", theme.style("failed"), width)
        lines = []
        if self._answer.instead is not None:
            words = _(
                "The run has gone on past this checkpoint, and keeps one line of history. A branch is a new"
                " run with the full state of this step; the run that it comes from stays as it is."
            )
            lines = wrapped(words, theme.style("text"), width)
        return [*lines, *self._verdict(width)]

    def _verdict(self, width: int) -> list[Text]:
        plan = self._answer.plan if self._answer is not None else None
        assert plan is not None
        if plan.refusals:
            words = _("It can't go on like this: see what is marked ✗.")
            return wrapped(words, theme.style("bold failed"), width)
        if self._needed:
            words = _(
                "It would not go on as before: results will differ from those of a run that never stopped."
            )
            return wrapped(words, theme.style("warning"), width)
        if plan.checkpoint is None:
            if plan.profile.job in ("command", "prepare"):
                return wrapped(_("It keeps no checkpoints: it begins again."), theme.style("text"), width)
            words = _("There is no checkpoint to go on from: it begins again at step 0, as its next attempt.")
            return wrapped(words, theme.style("warning"), width)
        differs = any(not row.same for row in plan.rows)
        if differs:
            words = _("It goes on from step {step}, with what is marked ≠ as it is now.")
        else:
            words = _("It goes on from step {step}, bit for bit as if it had never stopped.")
        return wrapped("✓ " + words.format(step=count(plan.step)), theme.style("done"), width)

    def _waiting(self, width: int) -> list[Text]:
        if self._reading is None:
            return [Text(_("looking at what differs from then …"), theme.style("muted"))]
        return [reading_line(self._reading, width)]

    # -- planning and starting

    def _plan(self) -> None:
        self._answer, self._reading, self._error = None, None, None
        question, directory = self._question, self._view.directory

        def show(read: Read) -> None:
            self.app.call_from_thread(self._has_read, read)

        def work() -> None:
            try:
                found = answer(directory, question, show)
            except Cancelled:
                return
            except (HeadnodeError, OSError) as error:
                problem = error if isinstance(error, UsageError) else UsageError(_text(error))
                found = Answer(question, problem=problem)
            if not get_current_worker().is_cancelled:
                self.app.call_from_thread(self._answered, found)

        self.run_worker(work, thread=True, exclusive=True, group="plan")

    def _has_read(self, read: Read) -> None:
        self._reading = read
        self._show()

    def _answered(self, found: Answer) -> None:
        if not self.is_mounted:
            return
        self._answer = found
        self._marks.begin(found.plan)
        line = self.query_one(OverridesLine)
        if line.is_open:
            problems = getattr(found.problem, "problems", None)
            if problems is not None:
                line.show_problems(problems)
            else:
                line.show_error(render(found.problem.message) if found.problem is not None else None)
        self._show()

    def _start(self) -> None:
        answered, directory, acknowledged = self._answer, self._view.directory, self._marks.acknowledged
        assert answered is not None
        self._starting, self._reading = True, None
        self._show()

        def show(read: Read) -> None:
            self.app.call_from_thread(self._has_read, read)

        def work() -> None:
            try:
                run: RunDirectory | None = start(directory, answered, acknowledged, show)
                error = None
            except (HeadnodeError, OSError) as problem:
                run, error = None, _text(problem)
            self.app.call_from_thread(self._started, run, error)

        self.run_worker(work, thread=True, group="start")

    def _started(self, run: RunDirectory | None, error: str | None) -> None:
        self._starting = False
        if run is None:
            self._error = error
            self._show()
            return
        self.dismiss()
        self.headnode.store.wake()
        self.headnode.open_new_run(run)

    # -- keys

    def on_overrides_line_changed(self, message: OverridesLine.Changed) -> None:
        try:
            overrides = split_overrides(message.text)
        except BadOverrides as error:
            self.query_one(OverridesLine).show_error(render(error.message))
            return
        self._question = Question(self._question.step, overrides, self._question.branch)
        self._plan()

    def on_overrides_line_closed(self) -> None:
        self.query_one("#plan").focus()
        self._show()

    def on_key(self, event: events.Key) -> None:
        if self._typing or self._starting:
            return
        if event.key == "enter" and self._ready:
            event.stop()
            self._start()
        elif event.key == "a" and self._needed:
            event.stop()
            self._marks.acknowledge()
            self._show()
        elif event.key in ("up", "down") and self._marks.many:
            event.stop()
            event.prevent_default()
            self._marks.move(1 if event.key == "down" else -1)
            self._show()
        elif event.key == "o" and self._answer is not None:
            event.stop()
            self.query_one(OverridesLine).open()
            self._show()

    def action_close(self) -> None:
        if not self._starting:
            self.dismiss()


def _text(error: Exception) -> str:
    return render(error.message) if isinstance(error, HeadnodeError) else clean(str(error))
