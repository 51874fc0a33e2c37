"""Training speed side by side: Headnode's loop, a bare PyTorch loop, and transformers' Trainer.

    python benchmarks/trainer.py [--rounds 7] [--steps 6] [--threads N]

All train the same OLMo-2 (8.4 million parameters) in float32 on the same batches of 8 × 256 tokens with
fused AdamW, clipping and a cosine schedule, and read the loss at each step. Contenders take turns, round
after round, so that a slow moment of the machine hits all of them; a round's figure is its median step, the
first one left out. Goals: at most 1 % more time than the bare loop, and no more than the Trainer.

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

Contender = Callable[[int], list[float]]
"""Makes this many steps and returns the seconds that each took."""


def new_model() -> Any:
    return build(Model.model_validate_json(json.dumps(MODEL)), VOCABULARY, seed=0)


def headnode(batches: TrainingBatches, directory: Path) -> Contender:
    """The whole loop as in a run: metrics, heartbeats, orders, progress lines, reading ahead."""
    strategy, ends = Single(CPU), list[float]()
    heart = HeartbeatWriter(directory / "heartbeat-0", Identity.current())
    model = new_model()

    def heartbeat(phase: str, step: int) -> None:
        heart.beat(phase, step)
        if phase == "step":
            ends.append(time.perf_counter())

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

    def run(steps: int) -> list[float]:
        nonlocal done
        ends.clear()
        settings = Settings(done + steps, 1.0, "float32", None, None, checkpoint_at_end=False)
        loop = Loop(settings, parts, done, 0)
        loop.run()
        done += steps
        return [later - earlier for earlier, later in pairwise(ends)]

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

    def run(steps: int) -> list[float]:
        nonlocal done
        seconds = []
        for _ in range(steps):
            began = time.perf_counter()
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
            seconds.append(time.perf_counter() - began)
        return seconds

    return run


def trainer(micro_batches: list[MicroBatch], directory: Path) -> Contender:
    """transformers' Trainer with the same optimizer, clipping and logging."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    rows = [{"input_ids": row, "labels": row} for batch in micro_batches for row in batch.inputs]
    model, ends = new_model(), list[float]()

    class Clock(TrainerCallback):
        def on_step_end(self, *args: Any, **options: Any) -> None:
            ends.append(time.perf_counter())

    def run(steps: int) -> list[float]:
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
        return [0.0, *(later - earlier for earlier, later in pairwise(ends))]

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
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    medians: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as directory:
        chosen = contenders(Path(directory), options.steps)
        for round_number in range(options.rounds + 1):
            for name, run in chosen.items():
                seconds = run(options.steps)
                if round_number:  # the first warms up
                    medians.setdefault(name, []).append(statistics.median(seconds[1:]))
    report(medians, options)
    return 0


def report(medians: dict[str, list[float]], options: argparse.Namespace) -> None:
    print(
        f"\n{parameter_count(new_model()):,} parameters, {BATCH} × {LENGTH} tokens, float32, "
        f"{options.threads} threads, "
        f"{options.rounds} rounds of {options.steps} steps, torch {torch.__version__}"
    )
    for name, seconds in medians.items():
        relative = [s / ours for s, ours in zip(seconds, medians["headnode"], strict=True)]
        print(
            f"{name:16} {BATCH * LENGTH / statistics.median(seconds):8,.0f} tokens/s   "
            f"time relative to headnode, median of rounds: {statistics.median(relative):.3f} "
            f"({min(relative):.3f} … {max(relative):.3f})"
        )
    if "Trainer" not in medians:
        print("Trainer          left out: the package accelerate is not installed")


if __name__ == "__main__":
    sys.exit(main())
