"""Training speed side by side: Headnode's loop, a bare PyTorch loop, and transformers' Trainer.

    python benchmarks/trainer.py [--rounds 8] [--steps 6] [--threads N]

All train the same OLMo-2 (8.4 million parameters) in float32 on the same batches of 8 × 256 tokens with
fused AdamW, clipping and a cosine schedule, and read the loss at each step. Contenders take turns, round
after round and each time in another order, so that a slow moment of the machine hits all of them; a round's
figure is its median step, the first one left out. Beside the time on the clock stands the time that the
process had on the processors, which says more on a machine that is busy otherwise. Goals: at most 1 % more
time than the bare loop, and no more than the Trainer.

"bare, our loss" is the bare loop with Headnode's chunked loss: the difference to "headnode" is the loop
alone. The Trainer needs the package accelerate (`pip install accelerate`) and is left out, with a note,
where it is missing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from runtime.data.batches import MicroBatch, TrainingBatches
from runtime.data.prepare import prepare
from runtime.data.prepared import open_prepared
from runtime.model.build import build, parameter_count
from runtime.profile.schema import Data, Model, Optimizer
from runtime.run.checkpoints import CheckpointInfo
from runtime.run.heartbeat import HeartbeatWriter
from runtime.run.identity import Identity
from runtime.run.layout import RunDirectory
from runtime.run.metrics import MetricsWriter
from runtime.train.checkpointing import CheckpointSaver
from runtime.train.loop import Loop, Parts, Settings
from runtime.train.objective import CausalObjective
from runtime.train.optimizer import build_adamw
from runtime.train.orders import LocalBits, OrderExchange
from runtime.train.recorder import Recorder
from runtime.train.schedule import Schedule
from runtime.train.strategies.single import Single

BATCH, LENGTH, VOCABULARY = 8, 256, 4096
CPU = torch.device("cpu")
SCHEDULE = Schedule(peak=1e-3, warmup_steps=10, decay_steps=1000, minimum_ratio=0.1)
OPTIMIZER = Optimizer(learning_rate=1e-3)
MODEL = {
    "architecture": "olmo2",
    "layers": 6,
    "width": 256,
    "heads": 4,
    "mlp_width": 1024,
    "context_length": LENGTH,
}

Moment = tuple[float, float]
"""Seconds on the clock, and seconds that this process had on the processors."""

Contender = Callable[[int], list[Moment]]
"""Makes this many steps and returns the moments at which each ended."""


def moment() -> Moment:
    return time.perf_counter(), time.process_time()


def new_model() -> Any:
    return build(Model.model_validate_json(json.dumps(MODEL)), VOCABULARY, seed=0)


def headnode(batches: TrainingBatches, directory: Path) -> Contender:
    """The whole loop as in a run: metrics, heartbeats, orders, progress lines, reading ahead."""
    strategy, ends = Single(CPU), list[Moment]()
    heart = HeartbeatWriter(directory / "heartbeat-0", Identity.current())
    model = new_model()

    def heartbeat(phase: str, step: int) -> None:
        heart.beat(phase, step)
        if phase == "step":
            ends.append(moment())

    run_dir = RunDirectory(directory)
    info = CheckpointInfo(0, 0, None, 1, "single", "", {}, 0.0, 1, "benchmark")
    objective = CausalObjective(model)
    parts = Parts(
        strategy=strategy,
        objective=objective,
        module=strategy.prepare(objective),
        optimizer=build_adamw(model, OPTIMIZER),
        schedule=SCHEDULE,
        batches=batches,
        orders=OrderExchange(strategy, LocalBits),
        saver=CheckpointSaver(run_dir, strategy, info=info, classify=lambda error: "crash"),
        recorder=Recorder(MetricsWriter(run_dir.metrics, 1), 1, CPU),
        evaluator=None,
        samples=None,
        heartbeat=heartbeat,
        report=lambda event, **detail: None,
    )
    done = 0

    def run(steps: int) -> list[Moment]:
        nonlocal done
        ends.clear()
        settings = Settings(done + steps, 1.0, "float32", None, None, checkpoint_at_end=False)
        loop = Loop(settings, parts, done, 0)
        loop.run()
        done += steps
        return ends[1:]  # the first is the start

    return run


def bare(micro_batches: list[MicroBatch], *, our_loss: bool) -> Contender:
    """What a person writes who wants nothing but to train."""
    model = new_model()
    objective = CausalObjective(model) if our_loss else None
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True
    )
    tensors = [(torch.from_numpy(b.inputs), torch.from_numpy(b.labels)) for b in micro_batches]
    done = 0

    def run(steps: int) -> list[Moment]:
        nonlocal done
        ends = []
        for _ in range(steps):
            inputs, labels = tensors[done % len(tensors)]
            if objective is not None:
                loss = objective(inputs, labels, 1.0 / inputs.numel()).objective
            else:
                logits = model(input_ids=inputs, use_cache=False).logits
                loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            done += 1
            for group in optimizer.param_groups:
                group["lr"] = SCHEDULE.learning_rate(done)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            print(f"step {done} loss {loss.item():.4f}", flush=True)
            ends.append(moment())
        return ends

    return run


def trainer(micro_batches: list[MicroBatch], directory: Path) -> Contender:
    """transformers' Trainer with the same optimizer, clipping and logging."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    rows = [{"input_ids": row, "labels": row} for batch in micro_batches for row in batch.inputs]
    model, ends = new_model(), list[Moment]()

    class Clock(TrainerCallback):
        def on_step_end(self, *args: Any, **options: Any) -> None:
            ends.append(moment())

    def run(steps: int) -> list[Moment]:
        ends.clear()
        arguments = TrainingArguments(
            output_dir=str(directory / "trainer"),
            per_device_train_batch_size=BATCH,
            max_steps=steps,
            learning_rate=1e-3,
            adam_beta2=0.95,
            weight_decay=0.1,
            max_grad_norm=1.0,
            lr_scheduler_type="cosine",
            optim="adamw_torch_fused",
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            disable_tqdm=True,
        )
        Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[Clock()]).train()  # type: ignore[arg-type]
        return ends

    return run


def contenders(directory: Path, steps: int) -> dict[str, Contender]:
    texts = Data.model_validate_json(
        json.dumps(
            {
                "sources": [{"builtin": "python-stdlib"}],
                "tokenizer": {"train": {"vocabulary_size": VOCABULARY, "sample_bytes": 2_000_000}},
            }
        )
    )
    prepare(texts, directory / "data", base=directory)
    data = open_prepared(directory / "data")
    batches = TrainingBatches(
        data.train,
        data.manifest.fingerprint,
        seed=0,
        sequence_length=LENGTH,
        batch=BATCH,
        micro_batch=BATCH,
    )
    micro_batches = [batches.step(step)[0] for step in range(1, steps * 4 + 1)]
    made = {
        "headnode": headnode(batches, directory),
        "bare": bare(micro_batches, our_loss=False),
        "bare, our loss": bare(micro_batches, our_loss=True),
    }
    if importlib.util.find_spec("accelerate") is not None:
        made["Trainer"] = trainer(micro_batches, directory)
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    medians: dict[str, list[Moment]] = {}
    with tempfile.TemporaryDirectory() as directory:
        chosen = contenders(Path(directory), options.steps)
        for round_number in range(options.rounds + 1):
            shift = round_number % len(chosen)
            for name, run in [*chosen.items()][shift:] + [*chosen.items()][:shift]:
                median = median_step(run(options.steps))
                if round_number:  # the first warms up
                    medians.setdefault(name, []).append(median)
    report(medians, options)
    return 0


def median_step(ends: list[Moment]) -> Moment:
    """Median seconds of a step on the clock and on the processors; the first step only begins the clock."""
    steps = [(b[0] - a[0], b[1] - a[1]) for a, b in pairwise(ends)]
    return statistics.median(step[0] for step in steps), statistics.median(step[1] for step in steps)


def report(medians: dict[str, list[Moment]], options: argparse.Namespace) -> None:
    print(
        f"\n{parameter_count(new_model()):,} parameters, {BATCH} × {LENGTH} tokens, float32, "
        f"{options.threads} threads, "
        f"{options.rounds} rounds of {options.steps} steps, torch {torch.__version__}"
    )
    print(f"{'':16} {'tokens/s':>9} {'time / headnode':>16} {'processor time / headnode':>26}")
    for name in sorted(medians):
        clock = statistics.median(step[0] for step in medians[name])
        ratios = [
            statistics.median(mine[kind] / ours[kind] for mine, ours in pairs(medians, name))
            for kind in (0, 1)
        ]
        print(f"{name:16} {BATCH * LENGTH / clock:9,.0f} {ratios[0]:16.3f} {ratios[1]:26.3f}")
    if "Trainer" not in medians:
        print("Trainer          left out: the package accelerate is not installed")


def pairs(medians: dict[str, list[Moment]], name: str) -> list[tuple[Moment, Moment]]:
    """A contender's and Headnode's medians of the same rounds."""
    return list(zip(medians[name], medians["headnode"], strict=True))


if __name__ == "__main__":
    sys.exit(main())
