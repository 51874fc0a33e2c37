"""A rank without torch that keeps every contract of one: heartbeats, orders, reports, checkpoints, record.

FAULT in the environment says what goes wrong, by attempt (and rank): "1/0:crash@5" raises at step 5 of
attempt 1. Kinds are crash, hang, stop (SIGSTOP to itself), deaf (hears neither orders nor SIGTERM), slow (in
its imports), segfault, oom_device.
"""

from __future__ import annotations

import faulthandler
import hashlib
import json
import os
import signal
import sys
import time
from pathlib import Path

from runtime.jobs.worker import WorkerContext
from runtime.run.checkpoints import CheckpointInfo, finalize, write_complete
from runtime.run.layout import RunDirectory
from runtime.run.metrics import MetricsWriter

STEP_SECONDS = float(os.environ.get("STEP_SECONDS", "0.02"))
EVERY = int(os.environ.get("CHECKPOINT_EVERY", "5"))


def fault_of(attempt: int, rank: int) -> tuple[str, int]:
    for text in os.environ.get("FAULT", "").split():
        where, _, what = text.partition(":")
        number, _, only = where.partition("/")
        if number in (str(attempt), "*") and only in ("", str(rank)):
            kind, _, step = what.partition("@")
            return kind, int(step or 0)
    return "", -1


def save(context: WorkerContext, run: RunDirectory, step: int) -> None:
    began = time.time()
    final = run.checkpoint(step)
    if context.rank != 0 or final.exists():
        return
    temporary = final.with_name(final.name + ".tmp")
    temporary.mkdir(parents=True)
    data = json.dumps({"step": step}).encode() * 100
    (temporary / "model.safetensors").write_bytes(data)
    versions = {"python": sys.version.split()[0]}
    info = CheckpointInfo(
        step=step,
        tokens=step * 128,
        loss=1.0,
        world_size=context.world_size,
        strategy="single" if context.world_size == 1 else "ddp",
        data_fingerprint="f" * 64,
        versions=versions,
        time=time.time(),
        attempt=context.attempt,
        run_id=run.run_id,
    )
    write_complete(temporary, info, [("model.safetensors", len(data), hashlib.sha256(data).hexdigest())])
    finalize(temporary)
    context.report("checkpoint_saved", step=step, seconds=time.time() - began, bytes=len(data))


def prepare(run: RunDirectory) -> None:
    data = run.artifacts / "data"
    data.mkdir(parents=True, exist_ok=True)
    if not (data / "manifest.json").exists():
        (data / "manifest.json").write_text(json.dumps({"schema": 1, "fingerprint": "f" * 64}))


def misbehave(kind: str) -> None:
    if kind == "crash":
        raise RuntimeError("told to fail")
    if kind == "hang":
        time.sleep(1000)
    elif kind == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif kind == "segfault":
        faulthandler._sigsegv()
    elif kind == "oom_device":
        raise MemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def main() -> int:
    context = WorkerContext.from_environment()
    kind, at = fault_of(context.attempt, context.rank)
    context.listen()
    context.heartbeat("import")
    if kind == "slow":
        time.sleep(1000)
    run = context.run_dir
    total = context.profile.train.steps
    step = int(context.resume["step"]) if context.resume else 0
    if context.rank == 0:
        prepare(run)
        context.report(
            "totals", total_steps=total, total_tokens=total * 128, parameters=1, tokens_per_step=128
        )
    metrics = MetricsWriter(run.metrics, context.attempt) if context.rank == 0 else None
    context.say(f"from step {step}")
    context.heartbeat("load", step)
    saves = 0
    if kind == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while step < total:
        time.sleep(STEP_SECONDS)
        step += 1
        if step == at:
            try:
                misbehave(kind)
            except MemoryError as error:
                context.say(str(error))
                return context.finish("failed", "oom_device", error=str(error))
        if metrics is not None:
            metrics.write(step, {"train/loss": 10.0 / step, "optim/learning_rate": 1e-3})
        context.heartbeat("step", step)
        stopping = context.should_stop or Path(run.path, "artifacts", f"stop-{context.attempt}").exists()
        if stopping and kind != "deaf":
            order = context.orders
            if context.rank == 0 and order.stop and (order.save or context.terminate):
                context.heartbeat("checkpoint", step)
                save(context, run, step)
            Path(run.path, "artifacts", f"stop-{context.attempt}").touch()
            return context.finish("stopped", "user", step)
        if step % EVERY == 0 or context.orders.checkpoint > saves:
            saves = context.orders.checkpoint
            save(context, run, step)
    save(context, run, step)
    context.heartbeat("finish", step)
    return context.finish("finished")


if __name__ == "__main__":
    sys.exit(main())
