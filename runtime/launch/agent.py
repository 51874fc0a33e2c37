"""The agent: `python -m runtime.launch.agent`, one small process a node that is the parent of the ranks.

It spawns them with their output straight into rank-<r>.log, says who they are, and reports their true exit
codes, which only a parent learns. It is a child subreaper: whatever a rank starts, however it daemonises,
stays its descendant until it ends, and the agent ends when nothing is left below it. It decides nothing and
survives its supervisor; it is deaf to SIGTERM, SIGINT and SIGHUP so that nobody misses how the ranks end.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runtime.launch.memory import OomCounts, control_group, judge_kill, oom_counts
from runtime.launch.processes import children_of
from runtime.launch.rank_environment import Command, free_port, rank_environment
from runtime.run.arrivals import ArrivalWriter
from runtime.run.files import JsonlAppender, read_json, write_json_atomic
from runtime.run.identity import Identity, host_name
from runtime.run.layout import RunDirectory

PERIOD = 1.0
"""Seconds between two looks at orphans and the kernel's counters; a rank's end wakes the agent at once."""

PR_SET_CHILD_SUBREAPER = 36
GIVE_UP = 600.0  # seconds after the last child's end that a full disk may keep the agent from reporting it


def become_subreaper() -> None:
    """Makes orphaned descendants of this process its children, instead of init's (prctl(2),
    PR_SET_CHILD_SUBREAPER)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl(PR_SET_CHILD_SUBREAPER): {os.strerror(code)}")


class Agent:
    """One attempt's agent on this node."""

    def __init__(self, run: RunDirectory, attempt: int) -> None:
        self._run = run
        self._attempt = attempt
        self._files = run.attempt(attempt)
        self._node = host_name()
        self._command = Command.from_json(read_json(self._files.command) or {})
        self._journal = JsonlAppender(self._files.agent_log(self._node))
        self._unwritten: list[dict[str, Any]] = []
        self._ranks: dict[int, int] = {}  # pid → rank
        self._identities: dict[int, Identity] = {}  # rank → identity
        self._arrivals: list[ArrivalWriter] = []
        self._orphans: dict[int, Identity] = {}
        self._port = free_port() if self._command.job == "command" and self._command.world_size > 1 else None
        self._group = control_group()
        self._counts = [oom_counts(self._group)] * 2  # the reading before the last, the last

    def run(self) -> None:
        """Spawns the ranks and stays until every process below has ended and its end is reported."""
        self._describe()
        for rank in range(self._command.world_size):
            if not self._spawn(rank):
                break
        self._describe()
        wakeup = _wake_on_child()
        childless_since: float | None = None
        while True:
            left = self._reap()
            self._note_arrivals(last=not left)
            self._write()
            if left:
                childless_since = None
            elif not self._unwritten:
                return
            else:
                childless_since = childless_since or time.monotonic()
                if time.monotonic() - childless_since > GIVE_UP or not self._files.path.exists():
                    raise OSError(f"the ends of the ranks could not be written to {self._files.path}")
            wakeup.poll(PERIOD * 1000)
            _drain()
            self._counts = [self._counts[1], oom_counts(self._group)]
            self._notice_orphans()

    def _spawn(self, rank: int) -> bool:
        """Starts one rank; a failure is reported as such, and the ranks after it are not begun."""
        command = self._command
        environment = rank_environment(os.environ, self._run, self._attempt, command, rank, self._port)
        try:
            log = os.open(self._files.log(rank), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                child = subprocess.Popen(
                    command.argv,
                    cwd=command.directory,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    close_fds=True,
                )
            finally:
                os.close(log)
        except (OSError, ValueError) as error:
            for missed in range(rank, command.world_size):
                reason = str(error) if missed == rank else f"not started, since rank {rank} could not be"
                self._report("spawn_failed", missed, error=reason)
            return False
        self._arrivals.append(ArrivalWriter(self._files.log(rank), self._files.times(rank)))
        child.returncode = 0  # reaped by us: Popen is not to wait for it, nor to warn that it runs
        self._ranks[child.pid] = rank
        identity = Identity.of(child.pid)
        if identity is not None:
            self._identities[rank] = identity
        self._report("spawned", rank, pid=child.pid, identity=identity.to_json() if identity else None)
        return True

    def _reap(self) -> bool:
        """Takes the exit status of every child that has ended; returns whether any child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            rank = self._ranks.pop(pid, None)
            if rank is not None:
                self._note_arrivals(last=True)
                self._report("exited", rank, **self._ending(pid, status))

    def _ending(self, pid: int, status: int) -> dict[str, Any]:
        if not os.WIFSIGNALED(status):
            ended: dict[str, Any] = {"pid": pid, "code": os.WEXITSTATUS(status), "signal": None}
            # A shell tells by its code that its program was killed; a program may fail for a child that was.
            return ended | self._memory(pid) if ended["code"] else ended
        number = os.WTERMSIG(status)
        ending: dict[str, Any] = {"pid": pid, "code": None, "signal": number, "core": os.WCOREDUMP(status)}
        return ending | self._memory(pid) if number == signal.SIGKILL else ending

    def _memory(self, pid: int) -> dict[str, Any]:
        """Whether the kernel killed it, or what it had started, for want of memory."""
        finding = judge_kill(pid, self._counts[0], self._recount())
        return {"oom": finding.killed, "oom_detail": dict(finding.detail)}

    def _note_arrivals(self, *, last: bool = False) -> None:
        """Of all ranks at the same moment, so that their lines can be put in order."""
        now = time.time()
        for arrivals in self._arrivals:
            arrivals.note(now, last)

    def _recount(self) -> OomCounts:
        return oom_counts(self._group)

    def _notice_orphans(self) -> None:
        """Records who was orphaned below a rank: should the agent be killed, they can still be told from
        strangers."""
        found = set(children_of(os.getpid())) - set(self._ranks)
        if found == set(self._orphans):
            return
        known = {pid: self._orphans.get(pid) or Identity.of(pid) for pid in found}
        self._orphans = {pid: identity for pid, identity in known.items() if identity is not None}
        self._describe()

    def _describe(self) -> None:
        value = {
            "identity": Identity.current().to_json(),
            "ranks": [
                {"rank": rank, "identity": identity.to_json()}
                for rank, identity in sorted(self._identities.items())
            ],
            "orphans": [identity.to_json() for identity in self._orphans.values()],
        }
        try:
            write_json_atomic(self._files.agent(self._node), value, durable=False)
        except OSError as error:  # a full disk: the journal, the scan and the exit records still tell
            _say(f"{self._files.agent(self._node)} could not be written: {error}")

    def _report(self, event: str, rank: int, **detail: Any) -> None:
        self._unwritten.append({"time": time.time(), "event": event, "rank": rank, **detail})
        self._write()

    def _write(self) -> None:
        while self._unwritten:
            try:
                self._journal.append(self._unwritten[0])
            except OSError as error:
                _say(f"{self._journal.path} could not be written, trying again: {error}")
                return
            del self._unwritten[0]


_wakeup_reader = -1


def _wake_on_child() -> select.poll:
    """A poll object that wakes at the end of a child (and at a signal that the agent is deaf to)."""
    global _wakeup_reader
    _wakeup_reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    poller = select.poll()
    poller.register(_wakeup_reader, select.POLLIN)
    return poller


def _drain() -> None:
    try:
        while os.read(_wakeup_reader, 4096):
            pass
    except BlockingIOError:
        pass


def _say(text: str) -> None:
    print(time.strftime("%H:%M:%S"), "agent:", text, file=sys.stderr, flush=True)


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Runs the agent that the environment describes."""
    # Handlers, since a signal that is ignored would be ignored by the ranks as well; but for SIGHUP that is
    # what is wanted: a terminal that closes somewhere is no reason to end a training.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    become_subreaper()
    run = RunDirectory(Path(environment["HEADNODE_RUN_DIR"]))
    try:
        Agent(run, int(environment["HEADNODE_ATTEMPT"])).run()
    except (OSError, KeyError, ValueError) as error:
        _say(f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
