"""The life of a worker process: real processes, signals, orders and exits."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.jobs.failures import describe, reason_of
from runtime.jobs.worker import WorkerContext
from runtime.messages import HeadnodeError, UsageError
from runtime.run.exits import EXIT_CODES, read_exit
from runtime.run.files import write_json_atomic
from runtime.run.heartbeat import read_heartbeat
from runtime.run.identity import Identity
from runtime.run.layout import RunDirectory

from .workers import ROOT, environment, make_run, start, wait_until

PREPARE = """
job: prepare
data:
  sources: [{path: nowhere}]
  tokenizer: {train: {vocabulary_size: 300}}
"""

PROGRAM = """
import sys, time
import runtime.jobs.__main__ as entry
from runtime.jobs import prepare

def main(context):
    context.heartbeat("step", 7)
    {body}

prepare.main = main
sys.exit(entry.main())
"""


def run_job(tmp_path: Path, body: str, **settings: object) -> tuple[RunDirectory, subprocess.Popen[bytes]]:
    """A worker whose job is `body`, everything around it real."""
    run = make_run(tmp_path, PREPARE, **settings)
    return run, start(run, argv=[sys.executable, "-c", PROGRAM.format(body=body)])


def log_of(run: RunDirectory) -> str:
    return run.attempt(1).log(0).read_text(errors="replace")


def test_by_hand_it_says_in_one_line_what_it_is_and_what_to_do() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "runtime.jobs"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "headnode launch" in done.stderr


@pytest.mark.parametrize(
    "change", [{"RANK": "x"}, {"HEADNODE_RUN_DIR": "/nowhere/at/all"}, {"HEADNODE_ATTEMPT": ""}]
)
def test_an_environment_that_makes_no_sense_is_a_usage_error(tmp_path: Path, change: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        WorkerContext.from_environment(environment(make_run(tmp_path, PREPARE)) | change)


def test_the_first_heartbeat_comes_before_the_heavy_imports(tmp_path: Path) -> None:
    run, process = run_job(
        tmp_path, "print('torch' in sys.modules or 'transformers' in sys.modules); return 0"
    )
    assert process.wait() != 0  # returned without saying how it ended
    assert log_of(run).startswith("False\n")
    beat = read_heartbeat(run.attempt(1).heartbeat(0))
    assert beat is not None
    assert (beat.seq, beat.phase, beat.step) == (2, "step", 7)
    assert beat.identity is not None
    assert beat.identity.pid == process.pid


def test_importing_the_worker_loads_neither_torch_nor_pydantic() -> None:
    program = "import sys, runtime.jobs.worker, runtime.jobs.__main__; print(sorted({'torch','transformers','pydantic','numpy'} & sys.modules.keys()))"  # noqa: E501
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


ENDS = [
    ("return context.finish('finished')", "finished", "finished", 0, None),
    ("return context.finish('stopped')", "stopped", "user", 10, None),
    (
        "return context.finish('failed', 'non_finite', 9, 'loss is nan')",
        "failed",
        "non_finite",
        22,
        "loss is nan",
    ),
    (
        "from runtime.messages import UsageError; raise UsageError('no {x}', x='data')",
        "failed",
        "bad_profile",
        20,
        "no data",
    ),
    (
        "raise OSError(28, 'No space left on device')",
        "failed",
        "disk_full",
        23,
        "OSError: [Errno 28] No space left",
    ),
    ("raise KeyError('boom')", "failed", "crash", 1, "KeyError: 'boom'"),
    ("raise SystemExit(0)", "failed", "crash", 1, "SystemExit: 0"),
    ("return 0", "failed", "crash", 1, "without saying how it ended"),
    (
        "import torch; raise torch.OutOfMemoryError('CUDA out of memory')",
        "failed",
        "oom_device",
        21,
        "out of memory",
    ),
]


@pytest.mark.parametrize(
    ("body", "outcome", "reason", "code", "error"), ENDS, ids=[end[2] + end[0][:12] for end in ENDS]
)
def test_every_end_leaves_a_record_and_a_code_that_say_the_same(
    tmp_path: Path, body: str, outcome: str, reason: str, code: int, error: str | None
) -> None:
    run, process = run_job(tmp_path, body)
    assert process.wait() == code
    record = read_exit(run.attempt(1).exit(0))
    assert record is not None
    assert (record.outcome, record.reason) == (outcome, reason)
    assert record.step == (9 if reason == "non_finite" else 7)
    assert (record.error is None) if error is None else error in (record.error or "")
    assert EXIT_CODES.get(reason if outcome == "failed" else outcome, 1) == code
    assert ("Traceback" in log_of(run)) == (
        outcome == "failed" and reason not in ("non_finite", "bad_profile")
    )


def test_a_log_that_takes_no_more_hides_no_reason(tmp_path: Path) -> None:
    full = "import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 2); "
    run, process = run_job(tmp_path, full + "raise OSError(28, 'No space left on device')")
    assert process.wait() == 23
    record = read_exit(run.attempt(1).exit(0))
    assert record is not None
    assert record.reason == "disk_full"


@pytest.mark.parametrize("profile", ["raw:\x00", "raw: [", "raw: \njob: command"])
def test_a_frozen_profile_that_is_broken_is_recorded_as_one(tmp_path: Path, profile: str) -> None:
    run = make_run(tmp_path, profile)
    process = start(run)
    assert process.wait() == 20
    record = read_exit(run.attempt(1).exit(0))
    assert record is not None
    assert (record.outcome, record.reason) == ("failed", "bad_profile")
    assert "Traceback" not in log_of(run)


def test_a_missing_source_is_a_bad_profile_with_its_name(tmp_path: Path) -> None:
    run = make_run(tmp_path, PREPARE)
    assert start(run).wait() == 20
    record = read_exit(run.attempt(1).exit(0))
    assert record is not None
    assert "nowhere" in (record.error or "")


def test_sigterm_only_sets_a_flag(tmp_path: Path) -> None:
    body = """
    context.say("ready")
    while not context.terminate:
        time.sleep(0.01)
    assert context.should_stop and not context.orders.stop
    return context.finish("stopped", "user", 8)
    """
    run, process = run_job(tmp_path, body)
    wait_until(lambda: "ready" in log_of(run), "the job runs", process)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 10
    assert not list(run.attempt(1).path.glob(".*"))


def test_sigusr1_writes_the_stack_of_every_thread_and_the_work_goes_on(tmp_path: Path) -> None:
    body = """
    import threading
    def a_function_of_the_second_thread():
        time.sleep(60)
    threading.Thread(target=a_function_of_the_second_thread, daemon=True).start()
    context.say("ready")
    while not context.terminate:
        time.sleep(0.01)
    return context.finish("finished")
    """
    run, process = run_job(tmp_path, body)
    wait_until(lambda: "ready" in log_of(run), "the job runs", process)
    process.send_signal(signal.SIGUSR1)
    wait_until(lambda: "a_function_of_the_second_thread" in log_of(run), "the stacks are in the log", process)
    assert "Current thread" in log_of(run)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0


def test_orders_reach_rank_0_as_they_are_replaced_and_survive_a_torn_one(tmp_path: Path) -> None:
    body = """
    context.say("ready")
    seen = []
    while not context.orders.stop:
        if not seen or context.orders != seen[-1]:
            seen.append(context.orders)
            context.say(f"{context.orders.seq} {context.orders.checkpoint}")
        time.sleep(0.01)
    context.say(f"save {context.orders.save} {context.orders.requests}")
    return context.finish("stopped")
    """
    run, process = run_job(tmp_path, body)
    order = run.attempt(1).order
    wait_until(lambda: "ready" in log_of(run), "the job runs", process)
    write_json_atomic(order, {"seq": 1, "stop": False, "save": False, "checkpoint": 1, "requests": ["a"]})
    wait_until(lambda: "1 1\n" in log_of(run), "the first order is seen", process)
    for nonsense in ('{"seq": 2, "sto', '{"seq": "x"}', '{"schema": 99, "seq": 9}'):
        order.write_text(nonsense)
    write_json_atomic(
        order, {"seq": 2, "stop": False, "save": False, "checkpoint": 2, "requests": ["a", "b"]}
    )
    wait_until(lambda: "2 2\n" in log_of(run), "the second order is seen", process)
    write_json_atomic(
        order, {"seq": 3, "stop": True, "save": True, "checkpoint": 2, "requests": ["a", "b", "c"]}
    )
    assert process.wait() == 10
    assert "save True ('a', 'b', 'c')" in log_of(run)


def test_context_knows_its_place_and_what_it_resumes(tmp_path: Path) -> None:
    run = make_run(tmp_path, PREPARE, resume={"step": 40, "checkpoint": "step-00000040"}, threads=3)
    context = WorkerContext.from_environment(environment(run, rank=1, world_size=2))
    assert (context.rank, context.world_size, context.local_rank, context.attempt) == (1, 2, 1, 1)
    assert context.resume == {"step": 40, "checkpoint": "step-00000040"}
    assert context.threads == 3
    assert context.profile.job == "prepare"
    context.heartbeat("step", 41)
    context.heartbeat("evaluate")
    beat = read_heartbeat(run.attempt(1).heartbeat(1))
    assert beat is not None
    assert (beat.phase, beat.step, beat.identity) == ("evaluate", 41, Identity.current())


class Guarded(Exception):
    exit_reason = "non_finite"


def wrapped(cause: BaseException) -> Exception:
    try:
        try:
            raise cause
        except BaseException as inner:
            raise RuntimeError("saving failed") from inner
    except RuntimeError as error:
        return error


def collected(cause: BaseException) -> Exception:
    """What torch.distributed.checkpoint raises: the failures of ranks, by rank, each with its traceback."""
    error = RuntimeError("checkpoint failed")
    error.failures = {1: (cause, None)}  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Guarded(), "non_finite"),
        (wrapped(Guarded()), "non_finite"),
        (UsageError("x"), "bad_profile"),
        (HeadnodeError("x"), "crash"),
        (OSError(errno.EDQUOT, "quota"), "disk_full"),
        (wrapped(OSError(errno.ENOSPC, "full")), "disk_full"),
        (collected(wrapped(OSError(errno.ENOSPC, "full"))), "disk_full"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "disk_full"),
        (MemoryError(), "oom_host"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "oom_host"),
        (OSError(errno.EACCES, "no"), "crash"),
        (KeyboardInterrupt(), "crash"),
        (ExceptionGroup("two", [ValueError("a"), wrapped(Guarded())]), "non_finite"),
    ],
)
def test_an_exception_gets_the_reason_that_lies_behind_it(error: BaseException, reason: str) -> None:
    assert reason_of(error) == reason


def test_a_cycle_of_causes_ends() -> None:
    error = RuntimeError("a")
    error.__cause__ = error
    assert reason_of(error) == "crash"


def test_the_recorded_error_is_free_of_control_characters_and_bounded() -> None:
    text = describe(ValueError("\x1b[31mred\x1b[0m\x07\x9b2J bell\nsecond line " + "x" * 10_000))
    assert text.startswith("ValueError: red2J bell\nsecond line xxx")
    assert len(text) < 2_100
    assert describe(UsageError("plain {word}", word="words")) == "plain words"
