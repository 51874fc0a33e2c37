"""Training runs whose ranks are forked from the test process: real ones, without importing torch anew."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any, cast

import torch

import runtime.jobs.pretrain
import runtime.train.loop
import runtime.train.restoring  # noqa: F401 - imported here once, not in each child
from runtime.jobs.__main__ import main
from tests.runtime.train.small import small_model
from tests.runtime.train.training_runs import TrainingRun

small_model("gpt2")  # transformers imports an architecture when it is first used


class ForkedProcess:
    """A forked child, with what `TrainingRun` uses of a Popen."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


class ForkedRun(TrainingRun):
    """As `TrainingRun`; ranks begin where the test process is, with torch loaded."""

    def _spawn(self, rank: int, world_size: int, env: Mapping[str, str]) -> Any:
        torch.set_num_threads(1)
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child:
            return ForkedProcess(child)
        code = 70
        try:
            os.environ.update(self.environment(rank, world_size, env))
            log = os.open(self.files.log(rank), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
            os.dup2(log, 1)
            os.dup2(log, 2)
            sys.stdout = cast("Any", os.fdopen(1, "w", buffering=1))
            sys.stderr = cast("Any", os.fdopen(2, "w", buffering=1))
            code = main()
        except BaseException:  # noqa: BLE001 - the child must not go on as the test process
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
