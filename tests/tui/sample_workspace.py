# ruff: noqa: E501 (tables)
"""A workspace with a run in each state, written through the run directory's own writers.

`python tests/tui/sample_workspace.py DIR` makes one to look at, with ages counted from now; `--live` goes on
logging to the first
run as a training would.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.run.events import EventWriter
from runtime.run.layout import RunDirectory, create_run_directory
from runtime.run.metrics import MetricsWriter
from runtime.run.record import RunRecord, Summary, write_record
from runtime.run.workspace import Workspace, init_workspace

NOW = 1795530720.0  # 2026-11-24 14:32:00 UTC
GIB = 1024**3
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True)
class Plan:
    """One run of the sample: ages in seconds before `now`."""

    name: str
    suffix: str
    state: str
    age: float
    step: int | None = None
    total: int | None = None
    loss: float | None = None
    reason: str | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    ended: float | None = None
    speed: float | None = None
    job: str = "pretrain"
    world_size: int = 1
    restarts: int = 0
    attempt: int = 1
    checkpoint: tuple[int, float, float] | None = None  # step, age, bytes
    phase: str | None = "step"


PLANS = (
    Plan("olmo-1b", "9c1e", "running", 2 * DAY, 451_002, 739_328, 2.413, speed=371_200, world_size=4, restarts=1,
         attempt=2, checkpoint=(450_000, 4 * MINUTE, 13.1 * GIB)),
    Plan("adgen-script", "77aa", "running", 3 * HOUR, 1_760, 2_000, 1.884, speed=12_900, job="command"),
    Plan("gpt2-124m", "51d0", "starting", 20, phase="load", world_size=2),
    Plan("demo", "1f00", "completed", 20 * MINUTE, 400, 400, 3.927, "finished", ended=3 * MINUTE, speed=5_800,
         checkpoint=(400, 3 * MINUTE, 41e6)),
    Plan("olmo-1b", "3f2a", "failed", 19 * HOUR, 140_500, 739_328, 2.601, "oom_device", ended=7 * HOUR, speed=368_000,
         world_size=4, evidence={"rank": 2, "code": 21, "phase": "step", "step": 140_500,
                                 "error": "CUDA out of memory. Tried to allocate 2.00 GiB"},
         checkpoint=(140_000, 7 * HOUR, 13.1 * GIB)),
    Plan("bert-base", "08be", "stopped", 26 * HOUR, 12_000, 25_500, 2.155, "user", ended=25 * HOUR, speed=88_100,
         checkpoint=(12_000, 25 * HOUR, 1.3 * GIB)),
    Plan("llama-wide", "c4d2", "failed", 3 * DAY, 3_018, 20_000, float("nan"), "non_finite", ended=2.9 * DAY,
         speed=44_000, evidence={"rank": 0, "step": 3_018, "code": 22}, checkpoint=(3_000, 2.9 * DAY, 2.2 * GIB)),
    Plan("probe", "e0e0", "lost", 5 * DAY, 77, 400, 5.01, "supervisor_lost", ended=4.9 * DAY,
         evidence={"rebooted": True}),
)  # fmt: skip


def make_workspace(directory: Path, now: float = NOW, plans: tuple[Plan, ...] = PLANS) -> Workspace:
    """The workspace, with all its runs."""
    workspace = init_workspace(directory)
    for plan in plans:
        make_run(workspace, plan, now)
    return workspace


def make_run(workspace: Workspace, plan: Plan, now: float = NOW) -> RunDirectory:
    """One run with record, events, metrics and a log."""
    created = now - plan.age
    run_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(created))}-{plan.name}-{plan.suffix}"
    run = create_run_directory(workspace, run_id, {"profile.yaml": f"name: {plan.name}\njob: {plan.job}\n"})
    write_record(run, record(run, plan, now))
    attempt = run.attempt(plan.attempt).path
    attempt.mkdir(parents=True)
    _write_events(run, plan, now)
    _write_metrics(run, plan, now)
    return run


def record(run: RunDirectory, plan: Plan, now: float) -> RunRecord:
    ended = None if plan.ended is None else now - plan.ended
    progress = plan.step / plan.total if plan.step is not None and plan.total else None
    rng = random.Random(plan.suffix)
    curve = [(plan.loss or 3) * (1 + 1.2 * math.exp(-i / 6)) + rng.uniform(-0.02, 0.02) for i in range(32)]
    metrics = {} if plan.loss is None else {
        "train/loss": plan.loss, "optim/learning_rate": 2.1e-4, "optim/grad_norm": 0.31, "throughput/mfu": 0.461,
        "throughput/tokens_per_second": plan.speed or 0.0, "throughput/data_wait": 0.002,
    }  # fmt: skip
    checkpoint = plan.checkpoint
    eta = None
    if plan.state == "running" and plan.step and plan.total and plan.speed:
        eta = {"9c1e": 2 * DAY + 4 * HOUR, "77aa": 41.0}.get(plan.suffix, 600.0)
    return RunRecord(
        run_id=run.run_id, path=str(run.path), name=plan.name, job=plan.job, state=plan.state, reason=plan.reason,
        evidence=plan.evidence, attempt=plan.attempt, restarts=plan.restarts, created=now - plan.age,
        started=now - plan.age + 2, ended=ended, by="launch", nodes=("node-1",), world_size=plan.world_size,
        strategy="ddp" if plan.world_size > 1 else "single",
        summary=Summary(
            updated=now, step=plan.step, total_steps=plan.total,
            tokens=None if plan.step is None or plan.job == "command" else plan.step * 4_194_304,
            total_tokens=None if plan.total is None or plan.job == "command" else plan.total * 4_194_304,
            progress=progress, metrics=metrics, sparkline=tuple(curve) if plan.loss is not None else (),
            tokens_per_second=plan.speed, eta_seconds=eta,
            checkpoint=None if checkpoint is None else
            {"step": checkpoint[0], "time": now - checkpoint[1], "bytes": int(checkpoint[2])},
            phase=plan.phase,
        ),
    )  # fmt: skip


def _write_events(run: RunDirectory, plan: Plan, now: float) -> None:
    moment = [now - plan.age]
    writer = EventWriter(run, clock=lambda: moment[0])
    writer.write("created", 0, by="launch")
    moment[0] += 2
    writer.write("started", 1)
    if plan.step is not None:
        moment[0] += 20
        writer.write("running", 1)
    if plan.attempt > 1:
        moment[0] = now - 9 * HOUR
        writer.write(
            "hang", 1, "hang", rank=3, behind=[3], phase="step", step=402_150, quiet=182.0, limit=180.0
        )
        resume = {"step": 402_000, "checkpoint": "step-00402000"}
        writer.write("restart", 1, "hang", next_attempt=2, resume=resume, evidence={})
        moment[0] += 60
        writer.write("started", 2, world_size=4, resume=resume)
    if plan.checkpoint is not None:
        moment[0] = now - plan.checkpoint[1]
        writer.write(
            "checkpoint_saved",
            plan.attempt,
            step=plan.checkpoint[0],
            seconds=6.1,
            bytes=int(plan.checkpoint[2]),
        )
    if plan.ended is not None:
        moment[0] = now - plan.ended
        writer.write(plan.state, plan.attempt, plan.reason, **plan.evidence)
    writer.close()


def _write_metrics(run: RunDirectory, plan: Plan, now: float) -> None:
    if plan.step is None or plan.total is None:
        return
    writer, rng = MetricsWriter(run.metrics, plan.attempt), random.Random(plan.suffix)
    points = min(plan.step, 400)
    log = run.attempt(plan.attempt).log(0).open("w", encoding="utf-8")
    for index in range(points):
        step = plan.step * (index + 1) // points
        writer.write(step, values(step, plan.total, rng), now - plan.age * (1 - (index + 1) / points))
        log.write(line(step, plan.total, rng))
    log.close()
    writer.close()


def values(step: int, total: int, rng: random.Random) -> dict[str, float]:
    """What a training logs at a step."""
    done = step / total
    loss = 2.3 + 8.0 * math.exp(-done * 14) + rng.uniform(-0.03, 0.03)
    warm = min(1.0, done / 0.02)
    return {
        "train/loss": loss,
        "train/perplexity": math.exp(loss),
        "optim/learning_rate": 4e-4 * warm * (0.55 + 0.45 * math.cos(math.pi * done)),
        "optim/grad_norm": 0.3 + 3 * math.exp(-done * 60) + rng.uniform(0, 0.02),
        "throughput/tokens_per_second": 371_000 + rng.uniform(-900, 900),
        "throughput/mfu": 0.46 + rng.uniform(-0.003, 0.003),
    }


def line(step: int, total: int, rng: random.Random) -> str:
    """One line of a training's log."""
    now = values(step, total, rng)
    return (
        f"step {step} loss {now['train/loss']:.4f} gn {now['optim/grad_norm']:.2f} "
        f"lr {now['optim/learning_rate']:.1e} {now['throughput/tokens_per_second'] / 1000:.1f}k tok/s\n"
    )


def live(
    workspace: Workspace, run: RunDirectory, plan: Plan, per_second: float = 2.0, seconds: float = 1e9
) -> None:
    """Goes on logging to a run as its ranks and supervisor would."""
    writer, rng = MetricsWriter(run.metrics, plan.attempt), random.Random(1)
    step, total, end = plan.step or 0, plan.total or 1, time.time() + seconds
    log = run.attempt(plan.attempt).log(0).open("a", encoding="utf-8")
    while time.time() < end:
        step += 1
        now = values(step, total, rng)
        writer.write(step, now)
        log.write(line(step, total, rng))
        log.flush()
        current = record(run, plan, time.time())
        summary = current.summary
        changed = {**summary.__dict__, "step": step, "progress": step / total}
        changed["metrics"] = {**summary.metrics, **now}
        write_record(run, RunRecord(**{**current.__dict__, "summary": Summary(**changed)}))
        time.sleep(1 / per_second)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--live", action="store_true")
    options = parser.parse_args()
    made = make_workspace(options.directory, time.time())
    if options.live:
        live(made, next(run for run in made.runs() if run.run_id.endswith("9c1e")), PLANS[0])
