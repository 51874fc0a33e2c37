"""The entry point of a worker process: `python -m runtime.jobs`, everything else from the environment.

Whatever happens, the process leaves an exit record and an exit code that say the same.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import traceback

from runtime.jobs.failures import describe, reason_of
from runtime.jobs.patience import be_patient
from runtime.jobs.worker import WorkerContext
from runtime.messages import N_, HeadnodeError, UsageError
from runtime.run.exits import exit_code
from runtime.train.faults import fault_point

JOBS = ("prepare", "pretrain")


def main() -> int:
    try:
        context = WorkerContext.from_environment()
    except UsageError as error:
        print(f"runtime.jobs: {error}", file=sys.stderr)
        return error.exit_code
    be_patient()
    return work(context)


def work(context: WorkerContext) -> int:
    """Runs the profile's job and turns its end, good or bad, into an exit record and code."""
    try:
        context.listen()
        context.heartbeat("import")
        fault_point("import", 0)
        kind = context.profile.job
        if kind not in JOBS:
            raise UsageError(N_("There is no job of the kind {kind} that a worker can run."), kind=kind)
        code = importlib.import_module(f"runtime.jobs.{kind}").main(context)
        if not context.finished:
            raise RuntimeError(f"the job {kind} returned without saying how it ended")
        return int(code)
    except BaseException as error:  # noqa: BLE001 - the one place where every failure becomes a record
        return _fail(context, error)


def _fail(context: WorkerContext, error: BaseException) -> int:
    with contextlib.suppress(OSError):  # the log of a full disk takes no more: record and code still tell
        if isinstance(error, HeadnodeError):
            print(f"error: {error}", file=sys.stderr, flush=True)
        else:
            traceback.print_exception(error)
            sys.stderr.flush()
    try:
        return context.finish("failed", reason_of(error), error=describe(error))
    except OSError as unwritten:  # a full disk: the exit code alone still tells
        with contextlib.suppress(OSError):
            print(f"error: the exit record can't be written: {unwritten}", file=sys.stderr, flush=True)
        return exit_code("failed", reason_of(error))


if __name__ == "__main__":
    sys.exit(main())
