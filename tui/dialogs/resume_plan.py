"""What a resume or a branch would do, and doing it: what differs from then, what has to be acknowledged, what
makes it impossible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.worker import get_current_worker

from runtime.messages import HeadnodeError, UsageError
from tui import describe, theme
from tui.clean import clean
from tui.dialogs.dialog import Choice
from tui.dialogs.resume_marks import Marks
from tui.dialogs.resume_work import Answer, Question, answer, reading_line, start
from tui.dialogs.starting import StartingDialog, error_text
from tui.format import count
from tui.i18n import _, render
from tui.widgets.checkpoint_detail import address
from tui.widgets.checkpoint_verify import Cancelled
from tui.widgets.lines import wrapped
from tui.widgets.overrides_line import OverridesLine
from tui.widgets.plan_rows import plan_lines

if TYPE_CHECKING:
    from tui.store.runs import RunView


class ResumePlanDialog(StartingDialog):
    """For the newest valid checkpoint, or the one of `step`; with `branch` for a new run from it."""

    DEFAULT_CSS = "ResumePlanDialog #dialog { max-width: 132; }"

    def __init__(self, view: RunView, step: int | None = None, *, branch: bool = False) -> None:
        super().__init__()
        self._view = view
        self._question = Question(step, (), branch)
        self._answer: Answer | None = None
        self._marks = Marks()

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

    def choices(self) -> list[Choice[None]]:
        if self.starting or self.typing:
            return []
        plan = self._answer.plan if self._answer is not None else None
        shown: list[Choice[None]] = []
        if plan is not None and self._needed:
            words = _("acknowledge {key}").format(key=clean(self._marks.selected or ""))
            shown.append(Choice("a", words, _("results will differ from then"), None))
            if self._marks.many:
                shown.append(Choice("down", _("the next one that is marked !"), "", None))
        elif self.ready:
            words = _("start the branch") if self._answer and self._answer.branch else _("resume")
            shown.append(Choice("enter", words, "", None))
        return [*shown, Choice("escape", _("leave it as it is"), "", None)]

    @property
    def _needed(self) -> bool:
        """Whether something has to be acknowledged first."""
        return self._marks.needed

    @property
    def ready(self) -> bool:
        plan = self._answer.plan if self._answer is not None else None
        return plan is not None and not plan.refusals and not self._needed and not self.starting

    @property
    def known(self) -> bool:
        return self._answer is not None

    def rows(self, width: int) -> list[Text]:
        plan = self._answer.plan if self._answer is not None else None
        if plan is None:
            return []
        return plan_lines(plan, self._marks.acknowledged, width, self._marks.selected)

    def says(self, width: int) -> list[Text]:
        if self.starting:
            if self.reading is not None:
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
        if self.reading is None:
            return [Text(_("looking at what differs from then …"), theme.style("muted"))]
        return [reading_line(self.reading, width)]

    # -- planning and starting

    def inquire(self, words: Sequence[str]) -> None:
        self._question = Question(self._question.step, tuple(words), self._question.branch)
        self._answer, self.reading, self.error = None, None, None
        question, directory = self._question, self._view.directory

        def work() -> None:
            try:
                found = answer(directory, question, self.show_read)
            except Cancelled:
                return
            except (HeadnodeError, OSError) as error:
                problem = error if isinstance(error, UsageError) else UsageError(error_text(error))
                found = Answer(question, problem=problem)
            if not get_current_worker().is_cancelled:
                self.app.call_from_thread(self._answered, found)

        self.run_worker(work, thread=True, exclusive=True, group="plan")

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
        self.show()

    def start(self) -> None:
        answered, directory, acknowledged = self._answer, self._view.directory, self._marks.acknowledged
        assert answered is not None
        self.run_start(lambda: start(directory, answered, acknowledged, self.show_read))

    def take(self, key: str) -> bool:
        if key == "a" and self._needed:
            self._marks.acknowledge()
        elif key in ("up", "down") and self._marks.many:
            self._marks.move(1 if key == "down" else -1)
        else:
            return False
        return True
