"""Job `pretrain`: a causal language model, from random weights or from where a run of it left off."""

from __future__ import annotations

import os
import platform
import time
from typing import TYPE_CHECKING, Any

from runtime.data.batches import TrainingBatches
from runtime.data.prepare import wait_for_prepared
from runtime.data.prepared import ARTIFACT, PreparedData, locate_prepared, open_prepared
from runtime.data.progress import Stopped
from runtime.jobs.failures import reason_of
from runtime.jobs.guarding import disk_watch, guards_of
from runtime.jobs.origin import Origin, build_model
from runtime.jobs.prepare import prepare_here
from runtime.jobs.worker import WorkerContext
from runtime.messages import N_, UsageError
from runtime.train.faults import fault_point

if TYPE_CHECKING:
    import torch

    from runtime.profile import Profile
    from runtime.profile.schema import Train
    from runtime.train.disk import DiskWatch
    from runtime.train.evaluation import Evaluator
    from runtime.train.loop import Ending, Parts
    from runtime.train.orders import LocalBits
    from runtime.train.recorder import Recorder
    from runtime.train.restoring import Restored
    from runtime.train.strategies import Strategy


def main(context: WorkerContext) -> int:
    """Train to the end, a stop or a fault; the exit code says which."""
    try:
        data = _data(context)
    except Stopped:
        return context.finish("stopped", "user")
    ending = _train(context, data)
    if ending.outcome == "failed" and context.rank and ending.error:
        context.say(ending.error)  # rank 0 has told it as it came; the others have a log of their own
    return context.finish(ending.outcome, ending.reason, ending.step, ending.error)


def _data(context: WorkerContext) -> PreparedData:
    """The prepared data of the profile; rank 0 prepares it first where the profile names sources."""
    data = context.profile.data
    assert data is not None, "the schema demands data for this job"
    workspace = context.run_dir.path.parent.parent
    if data.prepared is not None:
        return open_prepared(locate_prepared(data.prepared, workspace, context.run_dir.path.parent))
    if context.rank == 0:
        return prepare_here(context)
    return wait_for_prepared(
        data,
        context.run_dir.path / ARTIFACT,
        lambda: context.heartbeat("load", context.step + 1),
        lambda: context.should_stop,
    )


def _train(context: WorkerContext, data: PreparedData) -> Ending:
    profile = context.profile
    train = profile.train
    assert train is not None, "the schema demands train for this job"
    device = _device(context, train)
    from runtime.train.loop import Loop, Settings
    from runtime.train.strategies import open_strategy

    strategy = open_strategy(
        profile.parallel.strategy,
        rank=context.rank,
        world_size=context.world_size,
        device=device,
        rendezvous=os.environ.get("HEADNODE_RENDEZVOUS", ""),
    )
    batches = _batches(context, data)
    total_steps = _total_steps(profile, batches)
    settings = Settings(
        total_steps=total_steps,
        clip=train.clip,
        precision=train.precision,
        evaluate_every=profile.evaluate.every_steps,
        checkpoint_every=profile.checkpoint.every_steps,
        checkpoint_at_end=profile.checkpoint.at_end,
    )
    context.heartbeat("load", 0)
    fault_point("load", 0)
    parts, begun = _parts(context, data, batches, strategy, total_steps)
    ending = Loop(settings, parts, begun).run()
    parts.saving.close()
    parts.recorder.close()
    if parts.samples is not None:
        parts.samples.close()
    strategy.close()
    return ending


def _device(context: WorkerContext, train: Train) -> torch.device:
    from runtime.train.torch_setup import set_up_torch

    try:
        return set_up_torch(
            deterministic=train.deterministic,
            threads=context.threads or train.threads,
            device=context.profile.launch.device,
            local_rank=context.local_rank,
        )
    except ValueError as error:
        raise UsageError(N_("{error}"), error=str(error)) from error


def _batches(context: WorkerContext, data: PreparedData) -> TrainingBatches:
    from runtime.profile import geometry

    shape, train = geometry(context.profile), context.profile.train
    assert train is not None
    return TrainingBatches(
        data.train,
        data.manifest.fingerprint,
        seed=train.seed,
        sequence_length=shape.sequence_length,
        batch=shape.batch,
        micro_batch=shape.micro_batch,
        rank=context.rank,
        world_size=context.world_size,
    )


def _total_steps(profile: Profile, batches: TrainingBatches) -> int:
    from runtime.profile import geometry, total_steps

    steps = total_steps(profile, batches.sequences * geometry(profile).sequence_length)
    assert steps is not None, "with the data at hand every way to say how long gives a number"
    return steps


def _parts(
    context: WorkerContext,
    data: PreparedData,
    batches: TrainingBatches,
    strategy: Strategy,
    total_steps: int,
) -> tuple[Parts, Restored]:
    """Everything that the loop drives, and where it starts from."""
    from runtime.model.build import parameter_count
    from runtime.profile import geometry
    from runtime.train.loop import Parts
    from runtime.train.objective import CausalObjective
    from runtime.train.optimizer import build_adamw
    from runtime.train.orders import OrderExchange
    from runtime.train.recorder import RECORD_SAMPLES, SampleRecorder
    from runtime.train.saving import Saving
    from runtime.train.schedule import schedule_of

    profile, train, shape = context.profile, context.profile.train, geometry(context.profile)
    assert train is not None
    model = build_model(context, data)
    origin = Origin(context, data, model, strategy)
    objective = CausalObjective(model.to(strategy.device), train.z_loss)
    origin.seed()
    module = strategy.prepare(objective)
    optimizer = build_adamw(model, train.optimizer)
    begun = origin.begin(optimizer)
    guards = guards_of(profile)
    guards.restore(begun.guards)
    parameters = parameter_count(model)
    _announce(context, strategy, parameters, total_steps, shape.tokens_per_step)
    recorder = _recorder(context, strategy, begun)
    disk = disk_watch(context, parameters)
    record_samples = os.environ.get(RECORD_SAMPLES) == "1"
    samples = context.run_dir.artifacts / f"samples-{context.attempt}-{context.rank}.jsonl"
    parts = Parts(
        strategy=strategy,
        objective=objective,
        module=module,
        optimizer=optimizer,
        schedule=schedule_of(train, total_steps, shape.tokens_per_step),
        batches=batches,
        orders=OrderExchange(strategy, _Bits(context, disk)),
        saving=Saving(
            _saver(context, strategy, data),
            strategy,
            disk,
            report=context.report,
            heartbeat=context.heartbeat,
            pause=recorder.pause,
            saved_step=begun.step or None,
        ),
        guards=guards,
        rewind=lambda step: origin.rewind(optimizer, step),
        recorder=recorder,
        evaluator=_evaluator(profile, data, shape),
        samples=SampleRecorder(samples) if record_samples else None,
        heartbeat=context.heartbeat,
        report=context.report,
    )
    return parts, begun


def _recorder(context: WorkerContext, strategy: Strategy, begun: Restored) -> Recorder:
    from runtime.run.journal import PatientAppender
    from runtime.run.metrics import MetricsWriter
    from runtime.train.recorder import Recorder

    assert context.profile.train is not None
    path, writer = context.run_dir.metrics, None
    if context.rank == 0:
        patient = PatientAppender(path, before=lambda row: fault_point("metrics", int(row["step"])))
        writer = MetricsWriter(path, context.attempt, patient)
    recorder = Recorder(writer, context.profile.train.log_every, strategy.device)
    recorder.rewound(begun.metrics)
    return recorder


def _announce(
    context: WorkerContext, strategy: Strategy, parameters: int, total_steps: int, tokens_per_step: int
) -> None:
    if context.rank != 0:
        return
    context.report(
        "totals",
        total_steps=total_steps,
        total_tokens=total_steps * tokens_per_step,
        parameters=parameters,
        tokens_per_step=tokens_per_step,
    )
    context.say(
        f"{parameters:,} parameters, {strategy.name} on {strategy.world_size} × {strategy.device.type}, "
        f"{total_steps:,} steps of {tokens_per_step:,} tokens"
    )


def _evaluator(profile: Profile, data: PreparedData, shape: Any) -> Evaluator | None:
    if profile.evaluate.every_steps is None:
        return None
    from runtime.train.evaluation import Evaluator

    if not data.holdout.sequences(shape.sequence_length):
        raise UsageError(
            N_("There is nothing to evaluate on: {tokens} tokens are held out, less than one sequence."),
            tokens=data.holdout.tokens,
        )
    sequences = profile.evaluate.batches * shape.batch
    return Evaluator("holdout", data.holdout, sequences, shape.sequence_length, shape.micro_batch)


def _saver(context: WorkerContext, strategy: Strategy, data: PreparedData) -> Any:
    import torch
    import transformers

    from runtime.run.checkpoints import CheckpointInfo
    from runtime.train.checkpointing import CheckpointSaver
    from runtime.train.retention import Retention, prune

    rules = context.profile.checkpoint
    retention = Retention(rules.keep_last, rules.keep_every, rules.keep_best)
    versions = {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    info = CheckpointInfo(
        step=0,
        tokens=0,
        loss=None,
        world_size=strategy.world_size,
        strategy=strategy.name,
        data_fingerprint=data.manifest.fingerprint,
        versions=versions,
        time=0.0,
        attempt=context.attempt,
        run_id=context.run_dir.run_id,
    )
    return CheckpointSaver(
        context.run_dir,
        strategy,
        info=info,
        classify=reason_of,
        after_publishing=lambda step: prune(context.run_dir, retention, context.report),
    )


class _Bits:
    """This rank's bits for the order exchange: SIGTERM; on rank 0 the supervisor's orders, the clock, and
    the disk that has room again."""

    def __init__(self, context: WorkerContext, disk: DiskWatch | None) -> None:
        self._disk = disk if context.rank == 0 else None
        minutes = context.profile.checkpoint.every_minutes
        self._context = context
        self._interval = minutes * 60 if minutes is not None and context.rank == 0 else None
        self._began = time.monotonic()

    def __call__(self) -> LocalBits:
        from runtime.train.orders import LocalBits

        orders = self._context.orders
        by_clock = 0 if self._interval is None else int((time.monotonic() - self._began) // self._interval)
        return LocalBits(
            stop=self._context.terminate or (orders.stop and orders.save),
            stop_without_saving=orders.stop and not orders.save,
            save=orders.checkpoint + by_clock + self._room_again(),
        )

    def _room_again(self) -> int:
        return self._disk.look(self._context.step) if self._disk is not None else 0
