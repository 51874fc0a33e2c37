"""Real training runs for tests: run directories, and worker processes as the agent starts them."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from runtime.profile import dump, loads
from runtime.run.exits import ExitRecord, read_exit
from runtime.run.layout import AttemptDirectory, RunDirectory
from runtime.run.tail import read_jsonl

WORDS = (
    "the cat sat on a mat and saw no dog while rain fell over old grey stones by every sea".split()  # noqa: SIM905
)
PATIENCE = 300.0  # seconds until a process that should have ended is called hung


def write_text(directory: Path, documents: int = 60) -> Path:
    """A small corpus with some structure to learn, always the same."""
    draw = random.Random(7)
    directory.mkdir(parents=True, exist_ok=True)
    for number in range(documents):
        sentences = (" ".join(draw.choices(WORDS, k=draw.randint(4, 9))) + "." for _ in range(20))
        (directory / f"{number:03d}.txt").write_text(f"{number}: " + "\n".join(sentences))
    return directory


def profile_text(source: Path, **sections: Mapping[str, Any]) -> str:
    """A tiny pretraining profile as JSON (which is YAML), with sections changed or added."""
    profile: dict[str, Any] = {
        "name": "tiny",
        "job": "pretrain",
        "model": {
            "architecture": "gpt2",
            "layers": 2,
            "width": 32,
            "heads": 2,
            "mlp_width": 64,
            "context_length": 32,
            "dropout": 0.1,
        },
        "data": {
            "sources": [{"path": str(source)}],
            "tokenizer": {"train": {"vocabulary_size": 320}},
            "holdout": 0.1,
            "sequence_length": 32,
        },
        "train": {
            "steps": 12,
            "batch": 12,
            "micro_batch": 2,
            "optimizer": {"learning_rate": 1e-2},
            "schedule": {"warmup_steps": 3},
            "threads": 1,
        },
        "evaluate": {"every_steps": 4, "batches": 2},
        "launch": {"device": "cpu"},
    }
    for name, section in sections.items():
        profile[name] = {**profile.get(name, {}), **section}
    return json.dumps(profile)


@dataclass
class TrainingRun:
    """A run directory and what happened in it."""

    directory: RunDirectory
    text: str
    attempt: int = 0
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @classmethod
    def create(cls, workspace: Path, text: str, name: str = "run") -> TrainingRun:
        directory = RunDirectory(workspace / "logs" / name)
        for folder in ("checkpoints", "artifacts", "attempts"):
            (directory.path / folder).mkdir(parents=True, exist_ok=True)
        return cls(directory, text)

    @property
    def files(self) -> AttemptDirectory:
        return self.directory.attempt(self.attempt)

    def start(
        self, world_size: int = 1, resume: str | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        """Start the ranks of a new attempt."""
        self.attempt += 1
        self.files.path.mkdir(parents=True)
        value = json.loads(self.text)
        value["launch"] = {**value.get("launch", {}), "processes": world_size}
        self.files.profile.write_text(dump(loads(json.dumps(value))))
        step = None if resume is None else {"step": int(resume.removeprefix("step-")), "checkpoint": resume}
        self.files.command.write_text(json.dumps({"schema": 1, "resume": step, "threads": 1}))
        self.processes = [self._spawn(rank, world_size, env or {}) for rank in range(world_size)]

    def _spawn(self, rank: int, world_size: int, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
        environment = os.environ | self.environment(rank, world_size, env)
        with self.files.log(rank).open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "runtime.jobs"], env=environment, stdout=log, stderr=log
            )

    def environment(self, rank: int, world_size: int, env: Mapping[str, str]) -> dict[str, str]:
        """What the agent gives a rank, and `env`."""
        return {
            "HEADNODE_RUN": self.directory.run_id,
            "HEADNODE_RUN_DIR": str(self.directory.path),
            "HEADNODE_ATTEMPT": str(self.attempt),
            "HEADNODE_RENDEZVOUS": f"file://{self.files.rendezvous}",
            "HEADNODE_RECORD_SAMPLES": "1",
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(world_size),
            "LOCAL_WORLD_SIZE": str(world_size),
            "MASTER_ADDR": "127.0.0.1",
            "GLOO_SOCKET_IFNAME": "lo",
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
            **env,
        }

    def wait(self) -> list[int]:
        """The ranks' exit codes; when one was killed the others are, as the agent would."""
        deadline = time.monotonic() + PATIENCE
        while any(process.poll() is None for process in self.processes):
            if any(process.poll() not in (None, 0, 10, 22, 23) for process in self.processes):
                self.kill()
            if time.monotonic() > deadline:
                self.kill()
                raise TimeoutError(self.log())
            time.sleep(0.02)
        codes = [process.returncode for process in self.processes]
        if 1 in codes:
            print(self.log(codes.index(1)))  # shown by pytest if the test then fails
        return codes

    def train(
        self, world_size: int = 1, resume: str | None = None, env: Mapping[str, str] | None = None
    ) -> list[int]:
        self.start(world_size, resume, env)
        return self.wait()

    def kill(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
        for process in self.processes:
            process.wait()

    def wait_for(self, what: Callable[[], bool]) -> None:
        """Wait until `what` is true, while the ranks live."""
        deadline = time.monotonic() + PATIENCE
        while not what():
            if all(process.poll() is not None for process in self.processes):
                raise AssertionError(f"the run ended first:\n{self.log()}")
            if time.monotonic() > deadline:
                raise TimeoutError(self.log())
            time.sleep(0.005)

    def log(self, rank: int = 0) -> str:
        return self.files.log(rank).read_text(errors="replace")

    def exit(self, rank: int = 0) -> ExitRecord | None:
        return read_exit(self.files.exit(rank))

    def rows(self, attempt: int | None = None) -> list[dict[str, Any]]:
        """All metric lines, or those of one attempt."""
        lines = read_jsonl(self.directory.metrics)
        return [line for line in lines if attempt in (None, line["attempt"])]

    def last_step(self) -> int:
        return max((row["step"] for row in self.rows(self.attempt)), default=0)

    def curve(self, name: str) -> dict[int, float]:
        """The live line of a metric by step: a later attempt replaces it from its own first step on."""
        curve: dict[int, float] = {}
        attempt = None
        for row in self.rows():
            if row["attempt"] != attempt:
                attempt = row["attempt"]
                curve = {step: value for step, value in curve.items() if step < row["step"]}
            if name in row:
                curve[row["step"]] = row[name]
        return curve

    def reports(self, event: str, rank: int = 0) -> list[dict[str, Any]]:
        return [report for report in read_jsonl(self.files.report(rank)) if report["event"] == event]

    def samples(self, attempt: int, world_size: int) -> dict[int, list[tuple[int, int]]]:
        """(sample number, sequence) of each step over all ranks, in order of number."""
        steps: dict[int, list[tuple[int, int]]] = {}
        for rank in range(world_size):
            path = self.directory.artifacts / f"samples-{attempt}-{rank}.jsonl"
            for line in path.read_text().splitlines():
                record = json.loads(line)
                pairs = zip(record["numbers"], record["sequences"], strict=True)
                steps.setdefault(record["step"], []).extend(pairs)
        return {step: sorted(pairs) for step, pairs in steps.items()}

    def tensors(self, step: int) -> dict[str, torch.Tensor]:
        return load_tensors(self.directory.checkpoint(step))


def load_tensors(checkpoint: Path) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint by name (each whole in one file, as replicated ones are)."""
    tensors: dict[str, torch.Tensor] = {}
    for path in sorted(checkpoint.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            tensors |= {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    return tensors


def share_data(run: TrainingRun, other: TrainingRun) -> None:
    """Let `other` find the data that `run` prepared, as a resume of the run would."""
    shutil.copytree(run.directory.artifacts / "data", other.directory.artifacts / "data")


def orders(run: TrainingRun, **order: Any) -> None:
    """Write order.json as the supervisor does."""
    temporary = run.files.path / "order.tmp"
    temporary.write_text(json.dumps({"schema": 1, "seq": 1, "requests": [], **order}))
    temporary.replace(run.files.order)


def steps_of(rows: list[dict[str, Any]], name: str) -> Iterator[int]:
    return (row["step"] for row in rows if name in row)
