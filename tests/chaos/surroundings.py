"""Faults of what a run lies in and is started by: a logs directory that can't be written, a launcher that is
killed, a grandchild that doesn't want to go."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from runtime.launch import operations
from runtime.launch.processes import run_processes
from runtime.run.identity import Identity
from runtime.run.layout import RunDirectory
from runtime.run.record import read_record
from runtime.run.workspace import init_workspace
from tests.chaos.experiment import Setting, Stage
from tests.chaos.moments import at_some_step, over
from tests.chaos.world import EVERY, STEPS, World, ended, kill, left_over, step_of, supervisors, until

LAUNCHES = 5
_PROGRAM = '{"job": "command", "command": {"argv": ["sh", "-c", "sleep 0.2"]}}'
_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 24, 1, 2


def command_line(root: Path, *arguments: str, start: Callable[[], None] | None = None) -> list[str]:
    """`headnode` in a workspace, as a command to be started."""
    return [sys.executable, "-m", "tui.cli", "--workspace", str(root), *arguments]


def bound_by_modes() -> None:
    """For a process that is about to become another program: the modes of files hold for it, even as root."""
    if os.geteuid() == 0:
        libc = ctypes.CDLL(None)
        for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def launch_into_read_only_logs(place: Path) -> list[str]:
    """Launches where logs/ can't be written. Returns in words what is not as it must be: refused as a mistake
    of the person's, naming the directory, and nothing created."""
    workspace = init_workspace(place)
    (workspace.root / "profiles" / "program.yaml").write_text(_PROGRAM)
    before = sorted(workspace.logs.iterdir())
    workspace.logs.chmod(0o555)
    try:
        command = command_line(workspace.root, "launch", "program")
        done = subprocess.run(command, preexec_fn=bound_by_modes, capture_output=True, text=True, check=False)
    finally:
        workspace.logs.chmod(0o755)
    wrong = []
    if done.returncode != 2 or str(workspace.logs) not in done.stderr or "Traceback" in done.stderr:
        wrong.append(f"not refused as it should be: {done.returncode} {done.stdout} {done.stderr}")
    if sorted(workspace.logs.iterdir()) != before:
        wrong.append(f"something was created: {sorted(workspace.logs.iterdir())}")
    return wrong


def kill_launchers(
    place: Path, uniform: Callable[[float, float], float], launches: int = LAUNCHES
) -> list[str]:
    """SIGKILL for launchers at drawn moments of launching. Returns in words what is not as it must be: no
    run, or a whole one, which is carried out by whoever comes by."""
    workspace = init_workspace(place)
    (workspace.root / "profiles" / "program.yaml").write_text(_PROGRAM)
    for _ in range(launches):
        launcher = subprocess.Popen(
            command_line(workspace.root, "launch", "program"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        created = len(workspace.runs())
        # Half of them when there is something of the run already.
        if uniform(0, 1) < 0.5:
            until(lambda: len(workspace.runs()) > created or launcher.poll() is not None, pause=0.001)  # noqa: B023
            time.sleep(uniform(0.0, 0.3))
        else:
            time.sleep(uniform(0.0, 1.0))
        launcher.kill()
        launcher.wait()
    wrong = [problem for run in workspace.runs() if (problem := _carried_out(run))]
    return wrong + [f"{path.name} is left" for path in workspace.logs.iterdir() if path.name.startswith(".")]


def _carried_out(run: RunDirectory) -> str | None:
    record = ended(run)
    until(lambda: not left_over(run), patience=20)
    return None if record.state == "completed" else f"{run.run_id} is {record.state}: {record}"


def stop_with_grandchild(stage: Stage) -> None:
    """`stop --wait` for a run that has left a stubborn grandchild; then it is resumed."""
    assert stage.place is not None
    told = stage.place / "grandchild-1"
    pid = int(until(lambda: told.exists() and told.read_text()))
    grandchild = Identity.of(pid)
    at_some_step(stage, high=STEPS // 4)
    stage.count()
    command = command_line(stage.run.path.parent.parent, "stop", stage.run.run_id, "--wait")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    record = read_record(stage.run)
    if grandchild is None or grandchild.status() != "gone":
        stage.wrong.append(f"the grandchild {grandchild} lives after stop --wait: {done.stdout}")
    if record is None or (record.state, record.reason) != ("stopped", "user"):
        stage.wrong.append(f"stop --wait has returned, and the run is {record}")
        return
    until(lambda: not left_over(stage.run), patience=20)
    operations.resume(stage.run)


def stubborn_grandchild(world: World) -> Setting:
    """Rank 0 leaves one behind."""
    return customized(world, "stubborn_grandchild.py")


def jumping_clock(world: World) -> Setting:
    """Every Python process of the run has a wall clock that jumps an hour ahead and two back."""
    return customized(world, "jumping_clock.py")


def customized(world: World, module: str) -> Setting:
    """Every Python process of the run begins with this module of ours, as its `sitecustomize`."""
    place = world.root / f"{module.removesuffix('.py')}-{time.monotonic_ns()}"
    place.mkdir()
    shutil.copyfile(Path(__file__).with_name(module), place / "sitecustomize.py")
    path = os.pathsep.join(filter(None, [str(place), os.environ.get("PYTHONPATH", "")]))
    return Setting(env={"PYTHONPATH": path}, place=place)


def read_only_logs(stage: Stage) -> None:
    """Nothing new can be made in the directory of the run for some steps, nor in a logs directory that
    something is launched into meanwhile."""
    at_some_step(stage, high=STEPS // 2)
    stage.run.path.chmod(0o555)
    stage.count()
    begun = step_of(stage.run)
    try:
        stage.wrong += launch_into_read_only_logs(stage.world.root / f"read-only-{time.monotonic_ns()}")
        stage.count()
        until(lambda: step_of(stage.run) >= min(begun + 2 * EVERY, STEPS - 6) or over(stage))
    finally:
        stage.run.path.chmod(0o755)


def kill_launchers_beside(stage: Stage) -> None:
    """Launchers are killed while this run goes on undisturbed."""
    place = stage.world.root / f"launchers-{time.monotonic_ns()}"
    stage.wrong += kill_launchers(place, stage.draw.uniform)
    stage.faults += LAUNCHES


def kill_everything(stage: Stage) -> None:
    """SIGKILL for the supervisor, and at once for everything below it."""
    at_some_step(stage, low=EVERY + 2)
    for identity in (*supervisors(stage.run), *run_processes(stage.run.run_id)):
        kill(identity)
    stage.count()
