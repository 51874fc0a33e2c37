"""What every experiment shares: a workspace, data prepared once, and the undisturbed twins."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.launch import operations
from runtime.launch.processes import all_pids, environment_of, run_processes
from runtime.profile import loads
from runtime.run.epochs import holder
from runtime.run.heartbeat import read_heartbeat
from runtime.run.identity import Identity
from runtime.run.layout import RunDirectory
from runtime.run.metrics_reader import MetricsReader
from runtime.run.record import RunRecord, read_record
from runtime.run.workspace import Workspace, init_workspace
from tests.runtime.train.training_runs import load_tensors, profile_text, write_text

STEPS = 40
EVERY = 4
PATIENCE = 240.0
CURVES = ("train/loss", "optim/grad_norm", "optim/learning_rate", "eval/holdout/loss")

Sections = Mapping[str, Mapping[str, Any]]


def until(what: Callable[[], Any], patience: float = PATIENCE, pause: float = 0.005) -> Any:
    """The first true value of `what`. Raises TimeoutError."""
    deadline = time.monotonic() + patience
    while not (value := what()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come true in {patience} s")
        time.sleep(pause)
    return value


@dataclass(frozen=True)
class Twin:
    """What a run gave: its curves, and the SHA-256 of each tensor of its last checkpoint (weights and
    optimizer)."""

    curves: Mapping[str, Mapping[int, float]]
    tensors: Mapping[str, str]

    @classmethod
    def of(cls, run: RunDirectory, step: int = STEPS) -> Twin:
        curves = {}
        with MetricsReader(run.metrics) as reader:
            reader.load()
            for name in CURVES:
                series = reader.series(name)
                curves[name] = dict(zip(series.step.tolist(), series.value.tolist(), strict=True))
        tensors = {
            name: hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()
            for name, tensor in load_tensors(run.checkpoint(step)).items()
        }
        return cls(curves, tensors)


@dataclass
class World:
    """`root` holds the workspace; `twins` are made when they are first asked for."""

    root: Path
    workspace: Workspace
    data: Path
    twins: dict[str, Twin] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def make(cls, root: Path) -> World:
        workspace = init_workspace(root / "workspace")
        source = write_text(root / "text")
        value = json.loads(profile_text(source))
        prepare = {"name": "text", "job": "prepare", "data": value["data"]}
        run = operations.launch(workspace, loads(json.dumps(prepare)))
        record = ended(run)
        if record.state != "completed":
            raise RuntimeError(f"the data could not be prepared: {record}")
        return cls(root, workspace, run.artifacts / "data")

    def text(self, sections: Sections | None = None) -> str:
        """The profile of an experiment, as YAML."""
        base = json.loads(
            profile_text(
                self.root / "text",
                train={"steps": STEPS, "batch": 4, "micro_batch": 2},
                checkpoint={"every_steps": EVERY, "keep_last": 100},
                evaluate={"every_steps": 10, "batches": 1},
            )
        )
        base["data"] = {"prepared": str(self.data), "sequence_length": 32}
        base["name"] = "chaos"
        for name, section in (sections or {}).items():
            base[name] = {**base.get(name, {}), **section}
        return json.dumps(base)

    def launch(
        self,
        sections: Sections | None = None,
        env: Mapping[str, str] | None = None,
        *,
        within: Path | None = None,
        start: Callable[[], None] | None = None,
    ) -> RunDirectory:
        """Launches a run with these changes of the profile and these variables, from the command line.

        `within` is another workspace's root; `start` is called in the new process before it becomes the
        command (to put it under a limit).
        """
        root = within or self.workspace.root
        profile = root / "profiles" / f"chaos-{time.monotonic_ns()}.yaml"
        profile.write_text(self.text(sections))
        answer = subprocess.run(
            [sys.executable, "-m", "tui.cli", "--workspace", str(root), "launch", str(profile)],
            env={**os.environ, **(env or {})},
            preexec_fn=start,
            capture_output=True,
            text=True,
        )
        if answer.returncode != 0:
            raise RuntimeError(f"the run could not be launched: {answer.stdout}{answer.stderr}")
        return RunDirectory(root / "logs" / answer.stdout.split()[0])

    def twin(
        self, processes: int = 1, sections: Sections | None = None, env: Mapping[str, str] | None = None
    ) -> Twin:
        """The undisturbed twin with so many ranks; made once."""
        sections = {name: section for name, section in (sections or {}).items() if name != "launch"}
        sections["launch"] = {"processes": processes}
        key = json.dumps([sections, env or {}], sort_keys=True)
        with self._lock:
            if key not in self.twins:
                run = self.launch(sections, env)
                record = ended(run)
                if record.state != "completed":
                    raise RuntimeError(f"the undisturbed twin did not complete: {record}")
                self.twins[key] = Twin.of(run)
            return self.twins[key]

    def close(self) -> None:
        """Kills whatever the experiments have left, by its identity."""
        for run in self.workspace.runs():
            for identity in (*supervisors(run), *run_processes(run.run_id)):
                kill(identity)


def ended(run: RunDirectory, patience: float = PATIENCE) -> RunRecord:
    """The record of a run that is over. Raises TimeoutError."""
    deadline = time.monotonic() + patience
    last: RunRecord | None = None

    def over(record: RunRecord) -> bool:
        nonlocal last
        last = record
        return not record.active or time.monotonic() > deadline

    for _ in operations.wait(run, poll=0.1, until=over):
        pass
    if last is None or last.active:
        raise TimeoutError(f"{run.run_id} is not over after {patience} s: {last}")
    return last


def step_of(run: RunDirectory, rank: int = 0) -> int:
    """The step at which a rank of the present attempt is, by its heartbeat; 0 before it steps."""
    record = read_record(run)
    beat = read_heartbeat(run.attempt(record.attempt).heartbeat(rank)) if record is not None else None
    stepping = beat is not None and beat.phase in ("step", "evaluate", "checkpoint")
    return (beat.step or 0) if beat is not None and stepping else 0


def rank_process(run: RunDirectory, rank: int) -> Identity:
    """The process of a rank of the present attempt."""
    record = read_record(run)
    assert record is not None
    beat = read_heartbeat(run.attempt(record.attempt).heartbeat(rank))
    assert beat is not None
    assert beat.identity is not None
    return beat.identity


def supervisors(run: RunDirectory) -> list[Identity]:
    """The process that holds the run, if it lives."""
    held = holder(run)
    if held is None or held.identity.pid == os.getpid() or held.identity.status() != "alive":
        return []
    return [held.identity]


def left_over(run: RunDirectory) -> list[int]:
    """Every process that knows the run by its environment, helpers of its supervisor included."""
    marks = {"HEADNODE_RUN": run.run_id, "HEADNODE_SUPERVISOR": run.run_id}
    found = []
    for pid in all_pids():
        known = environment_of(pid) or {}
        if pid != os.getpid() and any(known.get(name) == value for name, value in marks.items()):
            found.append(pid)
    return found


def kill(identity: Identity, number: int = signal.SIGKILL) -> None:
    """Sends a signal to a process that lives yet."""
    if identity.status() == "alive":
        with suppress(ProcessLookupError):
            os.kill(identity.pid, number)
