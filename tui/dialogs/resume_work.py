"""What the resume dialog has done in a thread: verifying, planning, starting."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual.worker import get_current_worker

from runtime.messages import Message, UsageError
from tui import theme
from tui.format import count, duration, percent, size
from tui.i18n import _
from tui.widgets import bars
from tui.widgets.checkpoint_verify import Cancelled

if TYPE_CHECKING:
    from runtime.launch.plan import ResumePlan
    from runtime.run.layout import RunDirectory


@dataclass(frozen=True)
class Read:
    """How far a checkpoint has been verified; `rate` in bytes a second, 0 for not known yet."""

    step: int
    done: int
    total: int
    rate: float


Show = Callable[[Read], None]
_SHOWN_EVERY = 0.25  # seconds
_SOON = 0.5  # seconds without a rate


def reading_line(read: Read, width: int) -> Text:
    """`verifying checkpoint 400  ▰▰▰▱▱ 42%   812 MiB/s   2s left`, as much as has room."""
    share = read.done / read.total if read.total else 1.0
    line = Text(_("verifying checkpoint {step}").format(step=count(read.step)) + "  ", theme.style("accent"))
    line.append_text(bars.progress(share, max(8, min(30, width - line.cell_len - 6))))
    line.append(f" {percent(share):>4}", theme.style("text"))
    facts = []
    if read.rate:
        facts = [f"{size(read.rate)}/s"]
        left = (read.total - read.done) / read.rate
        facts.append(_("{duration} left").format(duration=duration(left)))
    for fact in facts:
        if line.cell_len + 3 + cell_len(fact) <= width:
            line.append(f"   {fact}", theme.style("muted"))
    return line


def showing(show: Show) -> Callable[[int, int, int], None]:
    """A progress callback as `operations` takes it, which ends the reading when its worker is cancelled."""
    worker = get_current_worker()
    began: dict[int, float] = {}
    shown = [0.0]

    def progress(step: int, done: int, total: int) -> None:
        if worker.is_cancelled:
            raise Cancelled
        now = time.monotonic()
        seconds = now - began.setdefault(step, now)
        if now - shown[0] >= _SHOWN_EVERY:
            shown[0] = now
            show(Read(step, done, total, done / seconds if seconds > _SOON else 0.0))

    return progress


@dataclass(frozen=True)
class Question:
    """What is to be planned: a resume, or with `branch` a new run, from `step` (None: the newest valid)."""

    step: int | None
    overrides: tuple[str, ...]
    branch: bool


@dataclass(frozen=True)
class Answer:
    """A plan, or why there is none. `instead` says why a branch was planned where a resume was asked for."""

    question: Question
    plan: ResumePlan | None = None
    problem: UsageError | None = None
    instead: Message | None = None

    @property
    def branch(self) -> bool:
        """Whether carrying it out makes a new run."""
        return self.question.branch or self.instead is not None


def answer(run: RunDirectory, question: Question, show: Show) -> Answer:
    """Plans; what hasn't been verified is read first, which `show` hears of. Raises Cancelled and OSError."""
    from runtime.launch.operations import resume_plan
    from runtime.profile import ProfileError

    progress = showing(show)
    try:
        plan = resume_plan(run, question.step, question.overrides, branch=question.branch, progress=progress)
        return Answer(question, plan)
    except ProfileError as error:
        return Answer(question, problem=error)
    except UsageError as error:
        if question.step is None or question.branch:
            return Answer(question, problem=error)
        refused = error
    try:  # an older checkpoint than the newest: a branch can begin there
        plan = resume_plan(run, question.step, question.overrides, branch=True, progress=progress)
    except UsageError:
        return Answer(question, problem=refused)
    return Answer(question, plan, instead=refused.message)


def start(run: RunDirectory, answered: Answer, acknowledged: Collection[str], show: Show) -> RunDirectory:
    """Resumes or branches, reading every byte, which `show` hears of; the run that goes on. Raises
    HeadnodeError and OSError."""
    from runtime.launch import operations

    plan, question = answered.plan, answered.question
    assert plan is not None
    overrides: Sequence[str] = question.overrides
    progress = showing(show)
    if answered.branch:
        return operations.branch(run, plan.step, overrides, acknowledged, by="panel", progress=progress)
    return operations.resume(run, question.step, overrides, acknowledged, by="panel", progress=progress)
