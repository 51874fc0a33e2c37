"""What the resume dialog has done in a thread: verifying, planning, starting."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime.messages import Message, UsageError
from tui.widgets.checkpoint_verify import watched

if TYPE_CHECKING:
    from runtime.launch.plan import ResumePlan
    from runtime.run.checkpoints import Checkpoint
    from runtime.run.layout import RunDirectory

Show = Callable[[int, float], None]
"""Called with the step of the checkpoint that is being verified and the share done."""


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

    _verify_first(run, question, show)
    try:
        plan = resume_plan(run, question.step, question.overrides, branch=question.branch)
        return Answer(question, plan)
    except ProfileError as error:
        return Answer(question, problem=error)
    except UsageError as error:
        if question.step is None or question.branch:
            return Answer(question, problem=error)
        refused = error
    try:  # an older checkpoint than the newest: a branch can begin there
        plan = resume_plan(run, question.step, question.overrides, branch=True)
    except UsageError:
        return Answer(question, problem=refused)
    return Answer(question, plan, instead=refused.message)


def _verify_first(run: RunDirectory, question: Question, show: Show) -> None:
    """Verifies with progress what the plan will rely on, so that planning finds it remembered."""
    from runtime.run.checkpoints import list_checkpoints, verify

    for checkpoint in reversed(list_checkpoints(run)):
        if checkpoint.state != "complete" or _not_asked_for(checkpoint, question):
            continue
        step = checkpoint.step
        sound = (
            checkpoint.verified is not None
            or verify(checkpoint, watched(lambda share, step=step: show(step, share))).ok  # type: ignore[misc]
        )
        if question.step == step or (question.step is None and sound):
            return


def _not_asked_for(checkpoint: Checkpoint, question: Question) -> bool:
    return question.step is not None and (
        checkpoint.step < question.step or (question.branch and checkpoint.step != question.step)
    )


def start(run: RunDirectory, answered: Answer, acknowledged: Collection[str]) -> RunDirectory:
    """Resumes or branches; the run that goes on. Raises HeadnodeError and OSError."""
    from runtime.launch import operations

    plan, question = answered.plan, answered.question
    assert plan is not None
    overrides: Sequence[str] = question.overrides
    if answered.branch:
        return operations.branch(run, plan.step, overrides, acknowledged, by="panel")
    return operations.resume(run, question.step, overrides, acknowledged, by="panel")
