"""The kinds of faults, each with what it may rightly be called."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from runtime.run.record import read_record
from runtime.run.workspace import init_workspace
from tests.chaos.experiment import Fault, Setting, Stage
from tests.chaos.moments import at_some_step, over
from tests.chaos.surroundings import (
    bound_by_modes,
    command_line,
    jumping_clock,
    kill_everything,
    kill_launchers_beside,
    read_only_logs,
    stop_with_grandchild,
    stubborn_grandchild,
)
from tests.chaos.world import EVERY, STEPS, World, kill, rank_process, step_of, supervisors, until

HANG = {"step": 12.0, "checkpoint": 20.0, "evaluate": 20.0}


def kill_rank(stage: Stage) -> None:
    """SIGKILL for one rank."""
    at_some_step(stage)
    kill(rank_process(stage.run, stage.draw.randrange(2)))
    stage.count()


def kill_rank_0(stage: Stage) -> None:
    """SIGKILL for the only rank."""
    at_some_step(stage, low=18)
    kill(rank_process(stage.run, 0))
    stage.count()


def kill_every_rank_repeatedly(stage: Stage) -> None:
    """SIGKILL for a rank of each attempt in turn, two times."""
    for attempt in (1, 2):
        until(lambda attempt=attempt: _attempt(stage) >= attempt or over(stage))
        at_some_step(stage)
        kill(rank_process(stage.run, 0))
        stage.count()
        until(lambda attempt=attempt: _attempt(stage) > attempt or over(stage))


def _attempt(stage: Stage) -> int:
    record = read_record(stage.run)
    return record.attempt if record is not None else 0


def kill_supervisor(stage: Stage) -> None:
    """SIGKILL for the supervisor; the run must go on, and its next supervisor must not touch it."""
    at_some_step(stage, high=STEPS // 2)
    for identity in supervisors(stage.run):
        kill(identity)
        stage.count()


def kill_supervisor_and_rank(stage: Stage) -> None:
    """First the supervisor, then a rank that nobody watches any more."""
    kill_supervisor(stage)
    kill(rank_process(stage.run, 0))
    stage.count()


def kill_follower(stage: Stage) -> None:
    """SIGKILL for a command that waits for the run, as a closed terminal would end it."""
    command = command_line(stage.world.workspace.root, "logs", stage.run.run_id, "-f")
    follower = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        at_some_step(stage)
    finally:
        follower.kill()
        follower.wait()
    stage.count()


def stop_rank(stage: Stage) -> None:
    """SIGSTOP for one rank: it lives, and does nothing."""
    at_some_step(stage)
    kill(rank_process(stage.run, stage.draw.randrange(2)), signal.SIGSTOP)
    stage.count()


def remove_checkpoints(stage: Stage) -> None:
    """The whole directory of checkpoints vanishes, and then the rank is killed."""
    at_some_step(stage, low=8)
    shutil.rmtree(stage.run.checkpoints, ignore_errors=True)
    stage.count()
    kill(rank_process(stage.run, 0))
    stage.count()


def terminate_from_outside(stage: Stage) -> None:
    """SIGTERM for a rank, as a batch system sends it before it takes the node away."""
    at_some_step(stage)
    kill(rank_process(stage.run, 0), signal.SIGTERM)
    stage.count()


def fill_file_system(stage: Stage) -> None:
    """Everything that is free where the run lies is taken, and given back some saves later."""
    at_some_step(stage, high=10)
    ballast = stage.run.path.parent.parent / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"\0" * 65536)
    stage.count()
    begun = step_of(stage.run)
    until(lambda: step_of(stage.run) >= min(begun + 3 * EVERY, STEPS - 6) or over(stage))
    ballast.unlink()


def small_file_system(world: World) -> Setting:
    """A workspace on a tmpfs of its own."""
    place = world.root / f"small-{time.monotonic_ns()}"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "chaos", str(place)], check=True)
    init_workspace(place)

    def undo() -> None:
        subprocess.run(["umount", "-l", str(place)], check=True)

    return Setting(within=place, undo=undo)


def little_memory(world: World) -> Setting:
    """A memory cgroup of 1.5 GiB for everything that is launched."""
    group = memory_group()
    assert group is not None
    place = group / f"chaos-{time.monotonic_ns()}"
    place.mkdir()
    limits = [place / name for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "memory.max")]
    for limit in limits:
        if limit.exists():
            limit.write_text(str(3 << 29))

    def undo() -> None:
        until(lambda: not (place / "cgroup.procs").read_text(), patience=30)
        place.rmdir()

    def join() -> None:
        (place / "cgroup.procs").write_text("0")

    return Setting(start=join, undo=undo)


def little_address_space(world: World) -> Setting:
    """RLIMIT_AS of 8 GiB for everything that is launched."""
    return Setting(start=lambda: resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30)))


def memory_group() -> Path | None:
    """The memory cgroup of this process, where groups can be made in it."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, name = line.split(":", 2)
        root = Path("/sys/fs/cgroup/memory" if "memory" in controllers.split(",") else "/sys/fs/cgroup")
        place = root / name.strip("/")
        readable = (place / "memory.limit_in_bytes").exists() or (place / "memory.max").exists()
        if readable and os.access(place, os.W_OK):
            return place
    return None


def missing_privilege(fault: Fault) -> str | None:
    """Why a fault of `PRIVILEGED` can't be thrown here; None where it can."""
    if fault.setting is little_memory:
        return None if memory_group() is not None else "no memory cgroup can be made here"
    if os.geteuid() != 0:
        return "mounting a file system needs root"
    with tempfile.TemporaryDirectory() as place:
        tried = subprocess.run(
            ["mount", "-t", "tmpfs", "chaos", place], capture_output=True, text=True, check=False
        )
        if tried.returncode != 0:
            return tried.stderr.strip()
        subprocess.run(["umount", place], check=True)
    return None


KILLED = frozenset({("crash", "*"), ("crash", None), ("unknown", None), ("unknown", "*")})
"""A bare SIGKILL: somebody did it, or it can't be told who where the kernel's records can't be read."""

GONE = KILLED | {("supervisor_lost", "*"), ("supervisor_lost", None)}
"""All of a run at once: nobody has seen how it ended."""

FAULTS: tuple[Fault, ...] = (
    Fault("kill -9 of a rank", kill_rank, KILLED, processes=2),
    Fault("kill -9 again and again", kill_every_rank_repeatedly, KILLED),
    Fault("kill -9 of the supervisor", kill_supervisor),
    Fault("kill -9 of supervisor and rank", kill_supervisor_and_rank, KILLED),
    Fault("kill -9 of everything", kill_everything, GONE),
    Fault("kill -9 of a follower", kill_follower),
    Fault("kill -9 of launchers", kill_launchers_beside),
    Fault(
        "kill -9 in a save",
        truths=KILLED,
        env={"HEADNODE_FAULT": "kill:checkpoint:renamed@16,attempt=1"},
    ),
    Fault("SIGTERM from outside", terminate_from_outside, frozenset({("preempted", "*")})),
    Fault(
        "SIGSTOP of a rank",
        stop_rank,
        frozenset({("hang", "*")}),
        processes=2,
        sections={"launch": {"hang": HANG}},
        events=frozenset({"hang"}),
    ),
    Fault(
        "a rank hangs",
        truths=frozenset({("hang", "*")}),
        processes=2,
        sections={"launch": {"hang": HANG}},
        env={"HEADNODE_FAULT": "hang:step@13,rank=1,attempt=1"},
        events=frozenset({"hang"}),
    ),
    Fault(
        "a rank exits 0 early",
        truths=frozenset({("crash", "exited_early"), ("crash", "no_exit_record")}),
        processes=2,
        env={"HEADNODE_FAULT": "exit:step@15,rank=1,attempt=1"},
    ),
    Fault(
        "a rank raises",
        truths=frozenset({("crash", "*")}),
        processes=2,
        env={"HEADNODE_FAULT": "raise:step@11,rank=1,attempt=1"},
    ),
    Fault(
        "ENOSPC in a save",
        env={"HEADNODE_FAULT": "disk_full:checkpoint:tensors@12"},
        events=frozenset({"checkpoint_failed"}),
    ),
    Fault("ENOSPC in metrics", env={"HEADNODE_FAULT": "disk_full:metrics@12,times=1"}),
    Fault(
        "NaN, stop",
        truths=frozenset({("non_finite", "*")}),
        processes=2,
        sections={"guard": {"non_finite": "stop"}},
        env={"HEADNODE_FAULT": "nan:loss@14,rank=1,attempt=1"},
    ),
    Fault(
        "NaN, skip, and kill -9",
        kill_rank_0,
        KILLED,
        sections={"guard": {"non_finite": "skip"}},
        env={"HEADNODE_FAULT": "nan:loss@14"},
        twin_env={"HEADNODE_FAULT": "nan:loss@14"},
        events=frozenset({"non_finite"}),
    ),
    Fault(
        "NaN, rollback, and kill -9",
        kill_rank_0,
        KILLED,
        sections={"guard": {"non_finite": "rollback"}},
        env={"HEADNODE_FAULT": "nan:loss@14"},
        twin_env={"HEADNODE_FAULT": "nan:loss@14"},
        events=frozenset({"rolled_back"}),
    ),
    Fault(
        "a stubborn grandchild",
        stop_with_grandchild,
        env={"HEADNODE_FAULT": "slow:step,seconds=0.3"},
        setting=stubborn_grandchild,
    ),
    Fault(
        "read-only logs",
        read_only_logs,
        env={"HEADNODE_FAULT": "slow:step,seconds=0.2"},
        setting=lambda world: Setting(start=bound_by_modes),
    ),
    Fault("checkpoints vanish", remove_checkpoints, KILLED, keeps=False),
    Fault("clock jumps", kill_rank_0, KILLED, setting=jumping_clock),
    Fault(
        "out of address space",
        truths=frozenset({("oom_host", "*")}),
        env={"HEADNODE_FAULT": "memory:step@14,attempt=1"},
        setting=little_address_space,
    ),
)

PRIVILEGED: tuple[Fault, ...] = (
    Fault(
        "full file system",
        fill_file_system,
        env={"HEADNODE_FAULT": "slow:step,seconds=0.1"},
        setting=small_file_system,
    ),
    Fault(
        "out of memory in a cgroup",
        truths=frozenset({("oom_host", "*")}),
        env={"HEADNODE_FAULT": "memory:step@14,attempt=1"},
        setting=little_memory,
    ),
)
"""What needs mounts or cgroups of one's own."""
