"""Writing checkpoints beside the training, so that one is either complete and verified or not there.

A save, in stages (their names are the places for `runtime.train.faults`, each prefixed with `checkpoint:`):

    begin       on the loop's thread: the state is copied into host buffers and random states are taken
    staged      the loop goes on; from here on everything happens in the saver's own thread
    checked     the copy holds no NaN and no infinity, on any rank
    tensors     every rank's share of the tensors is on disk, in step-….tmp (safetensors, fsynced)
    random      so is its random-<rank>.json, and of rank 0 guard.json
    hashed      every rank knows size and sha256 of its files, and tells rank 0
    completed   rank 0 has written COMPLETE.json, which lists them all, and fsynced it and the directory
    renamed     step-….tmp is now step-…, and the parent directory is fsynced: it is a checkpoint
    published   all ranks know; retention comes next

A failure at any stage leaves no checkpoint and no half of one, and the previous ones as they were.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import warnings
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_saver import save

from runtime.run.checkpoints import (
    CheckpointInfo,
    finalize,
    invalidate,
    list_checkpoints,
    remove_partial,
    write_complete,
)
from runtime.run.layout import RunDirectory
from runtime.train import random_states
from runtime.train.exchange import share_json
from runtime.train.faults import fault_point
from runtime.train.stager import Stager
from runtime.train.state import State, non_finite_names
from runtime.train.strategies import Strategy

warnings.filterwarnings("ignore", message="torch.distributed is disabled, unavailable or uninitialized")

HASH_CHUNK = 1 << 20
GUARD = "guard.json"


@dataclass(frozen=True)
class Facts:
    """What a checkpoint says about itself beside its tensors."""

    step: int
    tokens: int
    loss: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    guards: Mapping[str, Any] = field(default_factory=dict)
    """What the guards must know to go on (`runtime.train.guards`); it becomes guard.json."""


@dataclass(frozen=True)
class SaveOutcome:
    """How a save ended, the same on every rank. `reason` None: it is published; else a reason code and
    `error`.
    """

    step: int
    seconds: float
    bytes: int = 0
    reason: str | None = None
    error: str | None = None


@dataclass
class _Problem:
    reason: str
    error: str


class CheckpointSaver:
    """Saves checkpoints one at a time from a thread of its own, over a gloo group of its own. All calls
    collective.

    `info` is what COMPLETE.json says of every checkpoint of this attempt (run id, attempt, world size,
    strategy, data fingerprint, versions); step and the rest are filled in at each save. `classify` gives the
    reason code of an exception. `after_publishing` runs on rank 0 in the saver's thread after each successful
    save: retention.
    """

    def __init__(
        self,
        run_dir: RunDirectory,
        strategy: Strategy,
        *,
        info: CheckpointInfo,
        classify: Callable[[BaseException], str],
        after_publishing: Callable[[int], None] = lambda step: None,
    ) -> None:
        self._run_dir, self._strategy = run_dir, strategy
        self._info, self._classify = info, classify
        self._after_publishing = after_publishing
        self._stager = Stager()
        self._executor = ThreadPoolExecutor(1, "checkpoint", _use_device, (strategy.device,))
        self._in_flight: Future[SaveOutcome] | None = None
        if strategy.rank == 0:
            run_dir.checkpoints.mkdir(exist_ok=True)
            remove_partial(run_dir)

    @property
    def busy(self) -> bool:
        """A save is under way or its outcome has not been taken."""
        return self._in_flight is not None

    def start(self, state: State, facts: Facts) -> None:
        """Copy `state`, then write it while the caller goes on. The save before must have been waited for."""
        assert self._in_flight is None, "a checkpoint is still being saved"
        began = time.monotonic()
        fault_point("checkpoint:begin", facts.step)
        staged = self._stager.stage(state)
        randoms = random_states.capture(self._strategy.device)
        self._in_flight = self._executor.submit(self._save, staged, randoms, facts, began)

    def poll(self) -> SaveOutcome | None:
        """The outcome of the save in flight if it has ended; each outcome is given once. Not collective."""
        return self.wait() if self._in_flight is not None and self._in_flight.done() else None

    def wait(self) -> SaveOutcome | None:
        """The outcome of the save in flight, after its end; None if there is none."""
        if self._in_flight is None:
            return None
        outcome = self._in_flight.result()
        self._in_flight = None
        return outcome

    def close(self) -> None:
        """End the thread, after the save in flight."""
        self._executor.shutdown(wait=True)

    def _save(self, staged: State, randoms: dict[str, Any], facts: Facts, began: float) -> SaveOutcome:
        fault_point("checkpoint:staged", facts.step)
        group, working = self._strategy.checkpoint_group, self._working(facts.step)
        files: list[dict[str, Any]] = []

        def write() -> list[dict[str, Any]]:
            self._write_tensors(staged, working)
            fault_point("checkpoint:tensors", facts.step)
            _write_json(randoms, working / random_name(self._strategy.rank))
            if facts.guards and self._strategy.rank == 0:
                _write_json(facts.guards, working / GUARD)
            fault_point("checkpoint:random", facts.step)
            return self._hash_own_files(working)

        def publish() -> list[dict[str, Any]]:
            if self._strategy.rank == 0:
                self._publish(working, facts, files)
            return []

        for stage in (lambda: self._check(staged, facts.step), write, publish):
            done, problem = self._on_all_ranks(stage)
            files += done
            if problem is not None:
                if self._strategy.rank == 0:
                    shutil.rmtree(working, ignore_errors=True)
                share_json(None, group)
                return SaveOutcome(facts.step, time.monotonic() - began, 0, problem.reason, problem.error)
        fault_point("checkpoint:published", facts.step)
        if self._strategy.rank == 0:
            self._look_after_the_others(facts.step)
        return SaveOutcome(facts.step, time.monotonic() - began, sum(int(file["bytes"]) for file in files))

    def _look_after_the_others(self, step: int) -> None:
        """Retention. What it can't do now (a directory that somebody took away) it does after the next
        save."""
        try:
            self._after_publishing(step)
        except OSError as error:
            print(f"older checkpoints can't be tidied up now: {brief(error)}", flush=True)

    def _on_all_ranks(
        self, stage: Callable[[], list[dict[str, Any]]]
    ) -> tuple[list[dict[str, Any]], _Problem | None]:
        """What all ranks' `stage` returned, joined, or the first problem of any."""
        done: list[dict[str, Any]] = []
        problem: _Problem | None = None
        try:
            done = stage()
        except (Exception, CheckpointException) as error:  # noqa: BLE001 - every failure is an outcome
            problem = _Problem(self._classify(error), brief(error))
        answers = share_json(
            {"done": done, "problem": asdict(problem) if problem else None}, self._strategy.checkpoint_group
        )
        problems = [_Problem(**answer["problem"]) for answer in answers if answer["problem"]]
        return [item for answer in answers for item in answer["done"]], problems[0] if problems else None

    def _check(self, staged: State, step: int) -> list[dict[str, Any]]:
        if names := non_finite_names(staged):
            raise NonFiniteState(names)
        fault_point("checkpoint:checked", step)
        return []

    def _write_tensors(self, staged: State, working: Path) -> None:
        save(
            dict(staged),
            storage_writer=HuggingFaceStorageWriter(str(working), save_distributed=True),
            process_group=self._strategy.checkpoint_group,
            no_dist=self._strategy.checkpoint_group is None,
        )

    def _hash_own_files(self, working: Path) -> list[dict[str, Any]]:
        rank = self._strategy.rank
        own = [*working.glob(f"shard-{rank + 1:05d}-*"), working / random_name(rank)]
        own += working.glob(GUARD) if rank == 0 else ()
        return [
            {"name": path.name, "bytes": path.stat().st_size, "sha256": sha256(path)} for path in sorted(own)
        ]

    def _publish(self, working: Path, facts: Facts, files: list[dict[str, Any]]) -> None:
        fault_point("checkpoint:hashed", facts.step)
        info = replace(
            self._info,
            step=facts.step,
            tokens=facts.tokens,
            loss=facts.loss,
            metrics=facts.metrics,
            time=time.time(),
        )
        write_complete(working, info, [(str(f["name"]), int(f["bytes"]), str(f["sha256"])) for f in files])
        fault_point("checkpoint:completed", facts.step)
        for other in list_checkpoints(self._run_dir):
            if other.path == self._run_dir.checkpoint(facts.step):
                invalidate(other)  # a resume passed it over, else this step would not be saved again
        finalize(working, self._run_dir.checkpoint(facts.step))
        fault_point("checkpoint:renamed", facts.step)

    def _working(self, step: int) -> Path:
        final = self._run_dir.checkpoint(step)
        return final.with_name(f"{final.name}.tmp")


class NonFiniteState(ArithmeticError):
    """The state to be saved holds a NaN or an infinity."""

    exit_reason = "non_finite"

    def __init__(self, names: list[str]) -> None:
        super().__init__(
            f"not saved: NaN or infinity in {', '.join(names[:3])} ({len(names)} tensors in all)"
        )


def _use_device(device: torch.device) -> None:
    """A new thread would otherwise open the first CUDA device, whichever this rank's is."""
    if device.type == "cuda":
        torch.cuda.set_device(device)


def _write_json(value: Mapping[str, Any], path: Path) -> None:
    with path.open("w", encoding="utf-8") as stream:
        json.dump(value, stream)
        stream.flush()
        os.fsync(stream.fileno())


def random_name(rank: int) -> str:
    """The name of the file with a rank's random states."""
    return f"random-{rank}.json"


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def brief(error: BaseException) -> str:
    """The error in one line. A failed save wraps that of each rank with its traceback; the first of them says
    what happened."""
    failures = getattr(error, "failures", None)
    if isinstance(failures, dict) and failures:
        error = next(iter(failures.values()))[0]
    return " ".join(f"{type(error).__name__}: {error}".split())[:500]
