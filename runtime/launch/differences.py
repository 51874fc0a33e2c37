"""What differs between an attempt that wrote a checkpoint and the one that would go on from it, and what
follows from it.

The rule: what makes it impossible is refused. What would change results behind a person's back (other library
versions, other data under the same path, another thread count) has to be acknowledged, and so has what
changes the order of samples. What the person has just asked for by an override, and what keeps that order, is
told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from runtime.launch.attempts import versions
from runtime.launch.command import strategy, threads
from runtime.launch.plan_length import from_the_beginning, learning_rate
from runtime.launch.plan_row import PlanRow, Severity
from runtime.launch.plan_values import architecture, brief, data_fingerprint, same_version, short
from runtime.messages import N_, Message
from runtime.run.checkpoints import Checkpoint
from runtime.run.files import read_json
from runtime.run.layout import RunDirectory
from runtime.run.record import RunRecord
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile

_SHAPES = [
    "architecture",
    "layers",
    "width",
    "heads",
    "kv_heads",
    "mlp_width",
    "context_length",
    "vocabulary_size",
    "tie_embeddings",
]
_TRAIN_NOTES = ("optimizer", "schedule", "clip", "z_loss", "precision", "deterministic")
_VERSIONS = ("python", "torch", "transformers")


class Differ:
    """Compares. `then`: the profile of the attempt that wrote the checkpoint; `before`: that of the last
    attempt; `after`: with the overrides of now."""

    def __init__(
        self,
        run: RunDirectory,
        record: RunRecord,
        checkpoint: Checkpoint | None,
        then: Profile,
        before: Profile,
        after: Profile,
        workspace: Workspace,
    ) -> None:
        self._run = run
        self._record = record
        self._checkpoint = checkpoint
        self._complete = checkpoint.complete if checkpoint is not None else None
        self._then = then
        self._before = before
        self._after = after
        self._workspace = workspace

    def rows(self, *, branch: bool) -> Iterator[PlanRow]:
        """All rows in the order in which they are shown."""
        if self._then.job != self._after.job:
            message = Message(N_("a run keeps its kind of job; launch a new run for another"))
            yield PlanRow("job", self._then.job, self._after.job, False, "refuse", message)
            return
        if self._after.job == "pretrain":
            yield from self._origin(branch)
            yield from self._length(branch)
            yield from self._model()
            yield from self._data()
            yield from self._batch()
            yield from self._training()
        elif self._record.state == "completed" and self._before == self._after:
            message = Message(
                N_("it has finished; there is nothing left to do. To run it again: headnode launch")
            )
            yield PlanRow("state", "completed", "completed", True, "refuse", message)
        else:
            yield from self._again()
        yield from self._machine()

    def _again(self) -> Iterator[PlanRow]:
        then, now = self._plain(self._then, "command"), self._plain(self._after, "command")
        message = Message(N_("it is started again; what it did before is its own to find"))
        yield PlanRow(
            "command", short(then), short(now), then == now, "note" if then != now else "same", message
        )

    def _origin(self, branch: bool) -> Iterator[PlanRow]:
        if self._checkpoint is None:
            return
        parent = self._record.parent
        came_along = parent is not None and parent["step"] == self._checkpoint.step
        if (
            self._complete is not None
            and self._complete.run_id != self._run.run_id
            and not came_along
            and not branch
        ):
            message = Message(N_("another run wrote this checkpoint"))
            yield PlanRow("run", self._complete.run_id, self._run.run_id, False, "refuse", message)

    def _length(self, branch: bool) -> Iterator[PlanRow]:
        step = self._checkpoint.step if self._checkpoint is not None else 0
        if self._checkpoint is None:
            yield from_the_beginning(self._run, self._record)
        else:
            tokens = self._complete.tokens if self._complete is not None else None
            yield PlanRow("step", step, step, True, "same")
            yield PlanRow("tokens", tokens, tokens, True, "same")
        then, now = self._total(self._then), self._total(self._after)
        severity: Severity = "same" if then == now else "note"
        message = None if then == now else self._schedule_note()
        old = self._total(self._before)
        if now is not None and now <= step:
            severity = "refuse"
            message = Message(
                N_("step {step} is the last one already; -o train.steps=N with a larger N goes on"),
                {"step": step},
            )
        elif (
            self._record.state == "completed"
            and not branch
            and now is not None
            and old is not None
            and now <= old
        ):
            severity = "refuse"
            message = Message(
                N_("it has completed its {steps} steps; -o train.steps=N with a larger N goes on"),
                {"steps": old},
            )
        yield PlanRow("train.steps", then, now, then == now, severity, message)
        if then is not None and now is not None:
            yield learning_rate(step, (self._then, then), (self._after, now))

    def _schedule_note(self) -> Message | None:
        train = self._after.train
        if train is None or train.schedule.name == "constant" or train.schedule.decay_steps is not None:
            return None
        return Message(N_("the learning rate's decay is stretched to the new end"))

    def _total(self, profile: Profile) -> int | None:
        from runtime.profile import total_steps

        steps = total_steps(profile)
        if steps is None and profile.train is not None and self._before.train is not None:
            same = (profile.train.epochs, profile.data) == (self._before.train.epochs, self._before.data)
            return self._record.summary.total_steps if same else None
        return steps

    def _model(self) -> Iterator[PlanRow]:
        then, now = self._plain(self._then, "model"), self._plain(self._after, "model")
        changed = [key for key in sorted({*then, *now}) if then.get(key) != now.get(key)]
        if not changed:
            yield PlanRow("model", architecture(then), architecture(now), True, "same")
        for key in changed:
            fits = key not in (*_SHAPES, "weights")
            message = Message(N_("the same weights in a model that computes differently"))
            if key == "weights":
                message = Message(
                    N_("a run keeps what it began with; headnode new begins with other weights")
                )
            elif not fits:
                message = Message(N_("the checkpoint's tensors don't fit such a model; launch a new run"))
            yield PlanRow(
                f"model.{key}", then.get(key), now.get(key), False, "note" if fits else "refuse", message
            )

    def _data(self) -> Iterator[PlanRow]:
        then, now = self._plain(self._then, "data"), self._plain(self._after, "data")
        tokenizer = then.get("tokenizer"), now.get("tokenizer")
        if tokenizer[0] != tokenizer[1]:
            message = Message(N_("the weights know the tokens of the old one; launch a new run"))
            yield PlanRow(
                "data.tokenizer", short(tokenizer[0]), short(tokenizer[1]), False, "refuse", message
            )
        else:
            yield PlanRow("data.tokenizer", short(tokenizer[0]), short(tokenizer[1]), True, "same")
        order = Message(N_("the samples are others, or come in another order, from here on"))
        for key in ("sources", "prepared", "holdout", "sequence_length"):
            if then.get(key) != now.get(key):
                yield PlanRow(
                    f"data.{key}", short(then.get(key)), short(now.get(key)), False, "acknowledge", order
                )
        yield from self._fingerprint(order)

    def _fingerprint(self, order: Message) -> Iterator[PlanRow]:
        then = self._complete.data_fingerprint if self._complete is not None else None
        now = data_fingerprint(self._after, self._run, self._workspace)
        if now is None and self._checkpoint is None:
            return  # it was ended before its data was prepared
        if now is None:
            made = Message(N_("the prepared data isn't there any more; it is made again, and may differ"))
            yield PlanRow("data.fingerprint", brief(then), None, False, "acknowledge", made)
            return
        same = then is None or then == now
        yield PlanRow(
            "data.fingerprint",
            brief(then),
            brief(now),
            same,
            "same" if same else "acknowledge",
            None if same else order,
        )

    def _batch(self) -> Iterator[PlanRow]:
        from runtime.profile import geometry

        then, now = geometry(self._then), geometry(self._after)
        order = Message(N_("each step sees other samples than it would have"))
        yield self._row("train.batch", then.batch, now.batch, "acknowledge", order)
        cut = (f"{then.micro_batch} × {then.accumulation}", f"{now.micro_batch} × {now.accumulation}")
        message = (
            Message(N_("the same global batch, summed in another order")) if then.batch == now.batch else None
        )
        yield self._row("train.micro_batch", *cut, "note", message)
        world = self._complete.world_size if self._complete is not None else then.world_size
        message = Message(
            N_("the order of samples is kept; results differ in the last digits, dropout draws anew")
        )
        yield self._row("launch.processes", world, now.world_size, "note", message)
        known = self._complete.strategy if self._complete is not None else strategy(self._then)
        yield PlanRow(
            "parallel.strategy",
            known,
            strategy(self._after),
            known == strategy(self._after),
            "note" if known != strategy(self._after) else "same",
        )
        message = Message(N_("another kind of device computes otherwise in the last digits"))
        yield self._row("launch.device", self._then.launch.device, self._after.launch.device, "note", message)

    def _training(self) -> Iterator[PlanRow]:
        then, now = self._plain(self._then, "train"), self._plain(self._after, "train")
        order = Message(N_("the samples come in another order from here on"))
        yield self._row("train.seed", then.get("seed"), now.get("seed"), "acknowledge", order)
        otherwise = Message(N_("it goes on otherwise than it would have"))
        for key in _TRAIN_NOTES:
            old, new = then.get(key), now.get(key)
            if not isinstance(old, dict) or not isinstance(new, dict):
                yield self._row(f"train.{key}", short(old), short(new), "note", otherwise)
                continue
            for name in sorted({*old, *new}):
                if name == "learning_rate" or old.get(name) != new.get(name):
                    values = short(old.get(name)), short(new.get(name))
                    yield self._row(f"train.{key}.{name}", *values, "note", otherwise)

    def _machine(self) -> Iterator[PlanRow]:
        attempt = self._complete.attempt if self._complete is not None else self._record.attempt
        own = self._complete is None or self._complete.run_id == self._run.run_id
        files = self._run.attempt(attempt if own else 1)
        known = dict(self._complete.versions) if self._complete is not None else {}
        known = known or dict((read_json(files.environment) or {}).get("versions") or {})
        here = versions()
        for name in _VERSIONS:
            if name in known and self._after.job == "pretrain":
                message = Message(
                    N_("another version may compute in another order; results can differ in the last digits")
                )
                same = same_version(known[name], here.get(name))
                severity: Severity = "same" if same else "acknowledge"
                yield PlanRow(
                    f"versions.{name}", known[name], here.get(name), same, severity, None if same else message
                )
        count = (read_json(files.command) or {}).get("threads")
        if self._after.job == "pretrain" and isinstance(count, int):
            asked = self._overridden()
            message = Message(
                N_("sums are split otherwise among threads; results can differ in the last digits")
            )
            yield self._row(
                "threads", count, threads(self._after), "note" if asked else "acknowledge", message
            )

    def _overridden(self) -> bool:
        """Whether the number of threads follows from an override of now, so that it was asked for."""
        was, is_now = self._before, self._after
        trained = (
            was.train is not None and is_now.train is not None and was.train.threads != is_now.train.threads
        )
        return trained or was.launch.processes != is_now.launch.processes

    def _row(self, key: str, then: Any, now: Any, severity: Severity, message: Message | None) -> PlanRow:
        same = bool(then == now)
        return PlanRow(key, then, now, same, "same" if same else severity, None if same else message)

    @staticmethod
    def _plain(profile: Profile, section: str) -> dict[str, Any]:
        value = getattr(profile, section)
        plain: dict[str, Any] = value.model_dump(mode="json", by_alias=True) if value is not None else {}
        return plain
