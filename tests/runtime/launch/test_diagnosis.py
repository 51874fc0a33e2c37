"""From recorded texts to causes: what torch, NCCL, gloo, CUDA, Python and shells really print, and what only
looks
like it."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.launch.diagnosis.causes import CAUSES
from runtime.launch.diagnosis.logs import last_error, lines_of
from runtime.launch.diagnosis.remains import Remains
from runtime.launch.diagnosis.rules import by_exit_code, by_signal
from runtime.launch.evidence import RankEvidence
from runtime.launch.verdict import judge
from tests.runtime.launch import recorded_logs as logs
from tests.runtime.launch.tables import ended, later, over


def remains(**texts: str) -> Remains:
    """`r0=…`: the log of rank 0."""
    return Remains(
        {int(name[1:]): lines_of(int(name[1:]), text.encode(), 1) for name, text in texts.items()},
        1000,
        10,
        20,
    )


def judged(*ranks: RankEvidence, job: str = "command", **texts: str) -> Any:
    return judge(later(over(*ranks, job=job), remains=remains(**texts)))


# One rank: exit code or signal, log → reason and cause

ENDS: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("CUDA out of memory", {"code": 1}, logs.CUDA_OOM, "oom_device", "device_memory"),
    ("the same of torch 1.13", {"code": 1}, logs.CUDA_OOM_OLD, "oom_device", "device_memory"),
    ("cuBLAS without memory", {"code": 1}, logs.CUBLAS_ALLOC, "oom_device", "device_memory"),
    ("a refused allocation of the host", {"code": 1}, logs.CPU_ALLOCATOR, "oom_host", "memory_limit"),
    ("MemoryError", {"code": 1}, logs.MEMORY_ERROR, "oom_host", "memory_limit"),
    ("numpy's", {"code": 1}, logs.NUMPY_MEMORY, "oom_host", "memory_limit"),
    ("the kernel's kill", {"signal": 9, "oom": True, "oom_detail": {"source": "kernel log"}}, "", "oom_host",
     "kernel_oom"),
    ("a control group's kill", {"signal": 9, "oom": True, "oom_detail": {"source": "memory.oom_control"}}, "",
     "oom_host", "cgroup_oom"),
    ("Slurm's word on it", {"signal": 9, "oom": False}, logs.SLURM_OOM, "oom_host", "cgroup_oom"),
    ("the shell's word on it", {"code": 137, "oom": True, "oom_detail": {"source": "/proc/vmstat"}}, "",
     "oom_host", "kernel_oom"),
    ("an operator's kill", {"signal": 9, "oom": False}, "step 10", "crash", "killed"),
    ("the same below a shell", {"code": 137, "oom": False}, logs.SHELL_KILLED, "crash", "killed"),
    ("a full disk", {"code": 1}, logs.DISK_FULL, "disk_full", "disk_full"),
    ("a full disk behind a failed save", {"code": 1}, logs.DISK_FULL_WRAPPED, "disk_full", "disk_full"),
    ("a module that is missing", {"code": 1}, logs.NO_MODULE, "crash", "missing_module"),
    ("a name that can't be imported", {"code": 1}, logs.IMPORT_ERROR, "crash", "import_error"),
    ("a library of another torch", {"code": 1}, logs.UNDEFINED_SYMBOL, "crash", "import_error"),
    ("an old driver", {"code": 1}, logs.OLD_DRIVER, "crash", "cuda_mismatch"),
    ("a torch without CUDA", {"code": 1}, logs.NO_CUDA_BUILD, "crash", "cuda_mismatch"),
    ("no GPU to be seen", {"code": 1}, logs.NO_GPU, "crash", "no_device"),
    ("an assertion on the device", {"code": 1}, logs.DEVICE_ASSERT, "crash", "device_assert"),
    ("a port in use", {"code": 1}, logs.PORT_IN_USE, "crash", "port_in_use"),
    ("a rendezvous in vain", {"code": 1}, logs.STORE_TIMEOUT, "crash", "rendezvous_timeout"),
    ("no such program", {"code": 127}, logs.NO_COMMAND, "crash", "missing_program"),
    ("no such script", {"code": 2}, logs.NO_SCRIPT, "crash", "missing_program"),
    ("arguments refused", {"code": 2}, logs.BAD_ARGUMENTS, "crash", "bad_arguments"),
    ("a syntax error", {"code": 1}, logs.SYNTAX_ERROR, "crash", "syntax_error"),
    ("a program that stops at nan", {"code": 1}, "epoch 3\nLoss is nan, stopping training\n", "non_finite",
     "non_finite"),
    ("a bus error in a data worker", {"code": 1}, logs.SHARED_MEMORY, "crash", "shared_memory"),
    ("a data worker that was killed", {"code": 1}, logs.WORKER_KILLED, "crash", "worker_killed"),
    ("the same, the kernel says by it", {"code": 1, "oom": True, "oom_detail": {"source": "/proc/vmstat"}},
     logs.WORKER_KILLED, "oom_host", "kernel_oom"),
    ("an error when the kernel killed another", {"code": 1, "oom": True}, logs.VALUE_ERROR, "crash",
     "exception"),
    ("a bus error", {"signal": 7}, "", "crash", "bus_error"),
    ("a segmentation fault", {"signal": 11}, logs.SEGFAULT, "crash", "segfault"),
    ("NCCL's watchdog", {"signal": 6}, logs.NCCL_WATCHDOG, "crash", "communication_timeout"),
    ("gloo's time-out", {"code": 1}, logs.GLOO_TIMEOUT, "crash", "communication_timeout"),
    ("a peer that is gone, and none that failed", {"code": 1}, logs.GLOO_CLOSED, "crash", "connection_lost"),
    ("NCCL's word for it", {"code": 1}, logs.NCCL_REMOTE, "crash", "connection_lost"),
    ("one that C++ was refused", {"signal": 6}, logs.CPP_MEMORY, "oom_host", "memory_limit"),
    ("an allocation that Rust was refused", {"signal": 6}, logs.RUST_MEMORY, "oom_host", "memory_limit"),
    ("any error of Python's", {"code": 1}, logs.VALUE_ERROR, "crash", "exception"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "text", "reason", "cause"), [row[1:] for row in ENDS], ids=[r[0] for r in ENDS]
)
def test_an_end_is_named(fields: dict[str, Any], text: str, reason: str, cause: str) -> None:
    verdict = judged(ended(phase=None, step=None, **fields), r0=text)
    assert (verdict.reason, verdict.evidence.get("cause")) == (reason, cause)
    assert cause in CAUSES


STOPPED: list[tuple[str, str, str]] = [
    ("Slurm preempts", logs.SLURM_PREEMPTED, "slurm_preempted"),
    ("Slurm's time is up", logs.SLURM_TIME, "slurm_time_limit"),
    ("somebody's SIGTERM", "step 3\n", "sigterm"),
]


@pytest.mark.parametrize(("text", "cause"), [row[1:] for row in STOPPED], ids=[row[0] for row in STOPPED])
def test_a_preemption_is_named(text: str, cause: str) -> None:
    verdict = judged(ended(signal=15, phase=None, step=None), r0=text)
    assert (verdict.state, verdict.reason, verdict.evidence["cause"]) == ("stopped", "preempted", cause)


# What must not be named

LOOKALIKES: list[tuple[str, dict[str, Any], str]] = [
    (
        "an error that was survived",
        {"code": 3},
        logs.CUDA_OOM + "".join(f"step {n} loss 1.0\n" for n in range(40)),
    ),
    ("words of a log, no error", {"code": 1}, "retrying after CUDA error in the docs\nbye\n"),
    ("a kill after an error that was survived", {"signal": 9, "oom": False}, logs.CUDA_OOM),
    ("a connection of somebody's own", {"code": 1}, logs.HTTP_RESET),
    ("a missing file", {"code": 2}, "ls: cannot access 'x': No such file or directory\n"),
    ("nothing printed", {"code": 1}, ""),
]


@pytest.mark.parametrize(
    ("fields", "text"), [row[1:] for row in LOOKALIKES], ids=[row[0] for row in LOOKALIKES]
)
def test_what_only_looks_like_a_cause_is_none(fields: dict[str, Any], text: str) -> None:
    verdict = judged(ended(phase=None, step=None, **fields), r0=text)
    assert verdict.reason == "crash"
    assert verdict.evidence.get("cause") in (None, "exception", "killed")


def test_a_kill_that_may_have_been_the_kernels_is_not_called_an_operators() -> None:
    verdict = judged(ended(signal=9, oom=None, phase=None, step=None), r0="step 1\n")
    assert (verdict.reason, verdict.evidence.get("cause")) == ("unknown", None)
    assert verdict.evidence["oom_check"] == "unavailable"


# Which rank it was


def test_a_rank_whose_peer_died_is_not_the_root() -> None:
    ranks = (ended(0, code=1, ended_at=1.0), ended(1, signal=9, oom=False, ended_at=1.2))
    verdict = judged(*ranks, r0=logs.GLOO_CLOSED)
    assert (verdict.evidence["rank"], verdict.evidence["cause"]) == (1, "killed")
    assert verdict.evidence["others"]["0"]["cause"] == "connection_lost"


def test_an_error_counts_more_than_the_connection_that_it_broke() -> None:
    ranks = (ended(0, code=1, ended_at=1.0), ended(1, code=1, ended_at=1.2))
    verdict = judged(*ranks, r0=logs.GLOO_CLOSED, r1=logs.VALUE_ERROR)
    assert (verdict.evidence["rank"], verdict.evidence["cause"]) == (1, "exception")
    assert verdict.evidence["error"] == "ValueError: bad batch"


def test_what_kills_a_rank_in_the_middle_of_leaving_is_no_cause() -> None:
    """A worker that has written why it fails, and whose libraries abort it while it leaves."""
    raised = {
        "code": None,
        "signal": 6,
        "outcome": "failed",
        "reason": "crash",
        "error": "ValueError: bad batch",
    }
    lost = {
        **raised,
        "error": "RuntimeError: [gloo/transport/tcp/pair.cc:553] Connection closed by peer [::1]:1",
    }
    facts = judged(ended(0, ended_at=1.0, **lost), ended(1, ended_at=1.1, **raised), job="pretrain").evidence
    assert (facts["rank"], facts["cause"], facts["error"]) == (1, "exception", "ValueError: bad batch")


def test_a_rank_that_left_with_code_0_is_named_and_not_those_that_waited() -> None:
    ranks = (ended(0, code=1, ended_at=2.0), ended(1, code=0, ended_at=1.0))
    verdict = judged(*ranks, r0=logs.GLOO_CLOSED)
    facts = verdict.evidence
    assert (facts["cause"], facts["rank"], facts["code"], facts["waiting"]) == ("exited_early", 1, 0, [0])


def test_of_a_time_out_the_rank_that_did_not_come_is_behind() -> None:
    ranks = (ended(0, code=1, ended_at=1.0), ended(1, code=1, ended_at=1.1, phase="checkpoint"))
    facts = judged(*ranks, r0=logs.GLOO_TIMEOUT, r1=logs.GLOO_CLOSED).evidence
    assert facts["cause"] == "communication_timeout"
    assert facts["behind"] == {"rank": 1, "ranks": [1], "phase": "checkpoint", "step": 7}
    assert facts["waited"] == 6.0


def test_a_barrier_names_the_rank_itself() -> None:
    ranks = (ended(0, code=1, ended_at=1.0), ended(1, code=1, ended_at=1.1))
    facts = judged(*ranks, r0=logs.MONITORED_BARRIER, r1=logs.GLOO_CLOSED).evidence
    assert (facts["rank"], facts["behind"]["rank"], facts["waited"]) == (0, 1, 4.0)


def test_nccls_watchdogs_tell_by_their_counts_who_is_behind() -> None:
    ahead, late = logs.NCCL_WATCHDOG, logs.NCCL_WATCHDOG.replace("enqueued work: 81", "enqueued work: 80")
    facts = judged(
        ended(0, signal=6), ended(1, signal=6), ended(2, signal=6), r0=ahead, r1=late, r2=ahead
    ).evidence
    assert facts["behind"]["ranks"] == [1]
    assert facts["operation"] == "ALLREDUCE"


# Evidence


def test_the_telling_line_is_kept_with_its_place_and_its_numbers() -> None:
    text = "".join(f"step {number}\n" for number in range(100)) + logs.CUDA_OOM
    facts = judged(ended(code=1, phase=None, step=None), r0=text).evidence
    log = facts["log"]
    assert log["line"] == next(n for n, line in enumerate(text.split("\n"), 1) if "OutOfMemoryError" in line)
    assert text.encode()[log["offset"] :].startswith(b"[rank0]: torch.OutOfMemoryError: CUDA out")
    assert facts["oom"]["wanted"] == 2 << 30
    assert facts["oom"]["device"] == 0
    assert facts["oom"]["others"] == [{"pid": 4711, "bytes": 12 << 30}]
    assert round(facts["oom"]["capacity"] / 2**30, 2) == 79.25


def test_progress_bars_escapes_and_huge_lines_hide_nothing() -> None:
    noise = "\r".join(f"\x1b[32m{n}%|████\x1b[0m" for n in range(200)) + "\n" + "x" * 300_000 + "\n"
    lines = lines_of(0, (noise + "\x1b[31m" + logs.VALUE_ERROR).encode() + b"\xff\xfe\n", 1)
    error = last_error(lines)
    assert error is not None
    assert (error.text, error.at.line) == ("ValueError: bad batch", 6)
    assert max(len(line.text) for line in lines) <= 2000


def test_an_error_is_known_by_what_it_was_raised_from() -> None:
    error = last_error(lines_of(0, logs.DISK_FULL_WRAPPED.encode(), 1))
    assert error is not None
    assert [cause.name for cause in error.causes] == ["OSError"]
    assert error.name == "CheckpointFailed"


def test_a_workers_own_word_counts_where_the_log_is_gone() -> None:
    finding = by_exit_code(1, (), "ModuleNotFoundError: No module named 'flash_attn'")
    assert finding is not None
    assert (finding.cause, finding.detail["module"]) == ("missing_module", "flash_attn")


def test_a_workers_named_reason_stands_whatever_its_log_says() -> None:
    verdict = judged(
        ended(code=22, outcome="failed", reason="non_finite"), job="pretrain", r0=logs.GLOO_CLOSED
    )
    assert (verdict.reason, verdict.evidence["cause"]) == ("non_finite", "non_finite")


def test_every_cause_that_rules_can_find_is_listed() -> None:
    from runtime.launch.diagnosis.patterns import ERRORS, OTHER_LINES
    from tui.describe_causes import CAUSE_WORDS

    found = {rule.cause for rule in (*ERRORS, *OTHER_LINES)} | {
        by_signal(n, ()).cause for n in (4, 6, 7, 9, 11, 15)
    }
    assert found <= set(CAUSES)
    assert set(CAUSES) - set(CAUSE_WORDS) == {"exception"}
