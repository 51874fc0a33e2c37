"""Job `prepare`: the sources of a profile become tokens in the run's artifacts/data."""

from __future__ import annotations

import time

from runtime.data.manifest import HOLDOUT, TRAIN, Manifest
from runtime.data.prepare import find_prepared, prepare
from runtime.data.prepared import ARTIFACT, PreparedData, open_prepared
from runtime.data.progress import Progress, ProgressCallback, Stopped
from runtime.jobs.worker import WorkerContext

PHASE = "load"
LINE_INTERVAL = 5.0  # seconds between two lines of one phase in the log


def main(context: WorkerContext) -> int:
    """Prepares and reports; one process is enough, others have nothing to do."""
    if context.rank != 0:
        return context.finish("finished")
    try:
        prepare_here(context)
    except Stopped:
        context.say("stopped on request; nothing half-made is left")
        return context.finish("stopped", "user")
    context.heartbeat("finish")
    return context.finish("finished")


def prepare_here(context: WorkerContext) -> PreparedData:
    """Prepares `profile.data.sources` into the run's own artifacts, with heartbeats, reports and log lines.

    Data that an earlier attempt completed is reused. For rank 0 of any job.

    Raises:
        Stopped: the run was asked to stop.
        UsageError: the sources or the tokenizer are unusable.
    """
    data = context.profile.data
    assert data is not None, "the schema demands data for this job"
    target = context.run_dir.artifacts / ARTIFACT.name
    context.heartbeat(PHASE)
    existing = find_prepared(data, target)
    if existing is not None:
        context.say(f"the data that an earlier attempt prepared is used: {existing.manifest.tokens:,} tokens")
        return existing
    manifest = prepare(
        data,
        target,
        progress_to(context),
        lambda: context.should_stop,
        base=context.run_dir.path.parent.parent,
    )
    _announce(context, manifest)
    return open_prepared(target)


def progress_to(context: WorkerContext) -> ProgressCallback:
    """A callback that beats the heart, reports to the supervisor and prints a line."""
    said = ("", 0.0)

    def tell(progress: Progress) -> None:
        nonlocal said
        context.heartbeat(PHASE)
        context.report(
            "progress",
            phase=progress.phase,
            done=progress.done,
            total=progress.total,
            unit=progress.unit,
            rate=progress.rate,
        )
        now = time.monotonic()
        if progress.phase != said[0] or progress.done == progress.total or now - said[1] >= LINE_INTERVAL:
            said = (progress.phase, now)
            context.say(_line(progress))

    return tell


def _line(progress: Progress) -> str:
    scale, unit = (1 << 20, "MiB") if progress.unit == "bytes" else (1, progress.unit)
    text = f"{progress.phase}: {progress.done / scale:,.1f}"
    if progress.total is not None:
        text += f" of {progress.total / scale:,.1f}"
    text += f" {unit}"
    if progress.rate:
        text += f", {progress.rate / scale:,.2f} {unit}/s"
    if progress.seconds_left:
        text += f", {progress.seconds_left:.0f} s left"
    return text


def _announce(context: WorkerContext, manifest: Manifest) -> None:
    train, holdout = manifest.splits[TRAIN], manifest.splits[HOLDOUT]
    context.report(
        "prepared",
        tokens=manifest.tokens,
        documents=manifest.documents,
        train_tokens=train.tokens,
        holdout_tokens=holdout.tokens,
        vocabulary_size=manifest.vocabulary_size,
        fingerprint=manifest.fingerprint,
        skipped={reason: entry["count"] for reason, entry in manifest.skipped.items()},
    )
    context.say(
        f"prepared: {manifest.documents:,} documents, {train.tokens:,} tokens to train on, "
        f"{holdout.tokens:,} held out ({holdout.documents:,} documents), "
        f"vocabulary {manifest.vocabulary_size:,}"
    )
    for reason, entry in manifest.skipped.items():
        context.say(f"skipped as {reason}: {entry['count']:,} (first: {', '.join(entry['examples'][:3])})")
