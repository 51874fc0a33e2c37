"""`Profile`: the sections together, and the rules between them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from runtime.messages import N_
from runtime.profile.schema.base import Listed, Section, Violation, available_later, enforce, violation
from runtime.profile.schema.data import Data
from runtime.profile.schema.gpus import count
from runtime.profile.schema.guard import Guard
from runtime.profile.schema.launch import Command, Launch, Plan
from runtime.profile.schema.model import Model
from runtime.profile.schema.notify import Notify
from runtime.profile.schema.train import Checkpoint, Evaluate, Parallel, Train

NAME_PATTERN = r"^[a-z0-9][a-z0-9.-]{0,47}$"

JOBS_LATER = (
    "finetune",
    "prefer",
    "reward",
    "tokenizer",
    "download",
    "evaluate",
    "predict",
    "export",
    "serve",
    "sweep",
)


class Profile(Section):
    """A job, fully described: what `load` returns and a run directory keeps. `extends` has been resolved by
    then."""

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    description: Annotated[str, Field(max_length=4096)] = ""
    job: Annotated[Literal["pretrain", "prepare", "command"], available_later(*JOBS_LATER)]
    model: Model | None = None
    data: Data | None = None
    train: Train | None = None
    parallel: Parallel = Parallel()
    checkpoint: Checkpoint = Checkpoint()
    guard: Guard = Guard()
    evaluate: Evaluate = Evaluate()
    command: Command | None = None
    launch: Launch = Launch()
    notify: Annotated[tuple[Notify, ...], Listed, Field(max_length=16)] = ()
    plan: Plan = Plan()

    @model_validator(mode="before")
    @classmethod
    def _whole_context_by_default(cls, data: Any) -> Any:
        """A missing `data.sequence_length` is the model's context length."""
        if not isinstance(data, dict):
            return data
        model, section = data.get("model"), data.get("data")
        if (
            not isinstance(model, dict)
            or not isinstance(section, dict)
            or section.get("sequence_length") is not None
        ):
            return data
        context = model.get("context_length")
        if not isinstance(context, int):
            return data
        return {**data, "data": {**section, "sequence_length": context}}

    @model_validator(mode="after")
    def _check_rules(self) -> Profile:
        enforce([*self._job_rules(), *self._length_rules(), *self._parallel_rules(), *self._batch_rules()])
        return self

    def _job_rules(self) -> list[Violation]:
        needed = {"pretrain": ("model", "data", "train"), "prepare": ("data",), "command": ("command",)}[
            self.job
        ]
        found = [
            violation(name, N_("a job of kind {job} needs this section"), job=self.job)
            for name in needed
            if getattr(self, name) is None
        ]
        if self.command is not None and self.job != "command":
            found.append(
                violation("command", N_("is only for a job of kind command, and this is {job}"), job=self.job)
            )
        if self.job == "prepare" and self.data is not None and self.data.prepared is not None:
            found.append(
                violation("data.prepared", N_("a job of kind prepare makes this; name data.sources instead"))
            )
        if self.job == "prepare" and self.launch.processes != 1:
            found.append(violation("launch.processes", N_("a job of kind prepare runs as one process")))
        return found + self._gpu_rules()

    def _gpu_rules(self) -> list[Violation]:
        """Somebody's own program may share GPUs among its processes, or have several for one."""
        gpus, processes = count(self.launch.gpus), self.launch.processes
        if gpus is None or gpus == 0 or gpus == processes or self.job == "command":
            return []
        return [
            violation(
                "launch.gpus",
                N_("each process has one GPU, and here are {gpus} for {processes} of them"),
                "launch.processes",
                gpus=gpus,
                processes=processes,
            )
        ]

    def _length_rules(self) -> list[Violation]:
        found: list[Violation] = []
        if self.model is None or self.data is None or self.job == "command":
            return found
        if self.data.sequence_length > self.model.context_length:
            found.append(
                violation(
                    "data.sequence_length",
                    N_("{length} tokens are more than the model's context_length of {context}"),
                    "model.context_length",
                    length=self.data.sequence_length,
                    context=self.model.context_length,
                )
            )
        training = self.data.tokenizer.train if self.data.tokenizer is not None else None
        vocabulary = self.model.vocabulary_size
        if training is not None and vocabulary is not None and training.vocabulary_size > vocabulary:
            found.append(
                violation(
                    "model.vocabulary_size",
                    N_("{size} is too small for the tokenizer's vocabulary of {tokens}"),
                    "data.tokenizer.train.vocabulary_size",
                    size=vocabulary,
                    tokens=training.vocabulary_size,
                )
            )
        return found

    def _parallel_rules(self) -> list[Violation]:
        if self.parallel.strategy == "single" and self.launch.processes > 1 and self.job == "pretrain":
            return [
                violation(
                    "parallel.strategy",
                    N_("single is one process, and launch.processes is {processes}; set auto or ddp"),
                    "launch.processes",
                    processes=self.launch.processes,
                )
            ]
        return []

    def _batch_rules(self) -> list[Violation]:
        if self.job != "pretrain" or self.train is None or self.data is None:
            return []
        return [
            *self._divisibility_rules(self.train, self.data),
            *self._evaluation_rules(self.data),
            *self._rollback_rules(),
        ]

    def _divisibility_rules(self, train: Train, data: Data) -> list[Violation]:
        if train.batch_tokens is not None:
            key, (batch, rest) = "train.batch_tokens", divmod(train.batch_tokens, data.sequence_length)
            if rest or not batch:
                return [
                    violation(
                        key,
                        N_("{tokens} tokens are no whole number of sequences of {length}"),
                        "data.sequence_length",
                        tokens=train.batch_tokens,
                        length=data.sequence_length,
                    )
                ]
        elif train.batch is not None:
            key, batch = "train.batch", train.batch
        else:
            return []
        world = self.launch.processes
        if batch % world:
            return [
                violation(
                    key,
                    N_("a batch of {batch} sequences can't be divided among {processes} processes"),
                    "launch.processes",
                    batch=batch,
                    processes=world,
                )
            ]
        if train.micro_batch is not None and batch % (train.micro_batch * world):
            return [
                violation(
                    "train.micro_batch",
                    N_("{micro_batch} sequences × {processes} processes don't divide the batch of {batch}"),
                    "launch.processes",
                    key,
                    micro_batch=train.micro_batch,
                    processes=world,
                    batch=batch,
                )
            ]
        return []

    def _evaluation_rules(self, data: Data) -> list[Violation]:
        found = []
        if self.evaluate.every_steps is not None and data.sources is not None and data.holdout == 0:
            found.append(
                violation(
                    "evaluate.every_steps",
                    N_("there is nothing to evaluate on: data.holdout is 0"),
                    "data.holdout",
                )
            )
        best = self.checkpoint.keep_best
        if best is not None and best.startswith("eval/") and self.evaluate.every_steps is None:
            found.append(
                violation(
                    "checkpoint.keep_best",
                    N_("nothing measures {metric}: set evaluate.every_steps"),
                    metric=best,
                )
            )
        return found

    def _rollback_rules(self) -> list[Violation]:
        spike = self.guard.spike
        key = "guard.non_finite" if self.guard.non_finite == "rollback" else "guard.spike.action"
        wanted = self.guard.non_finite == "rollback" or (spike is not None and spike.action == "rollback")
        if not wanted or self.checkpoint.every_steps is not None or self.checkpoint.every_minutes is not None:
            return []
        message = N_("there would be no checkpoint to roll back to: set checkpoint.every_steps")
        return [violation(key, message, "checkpoint.every_steps")]
