"""The supervisor: `python -m runtime.launch.supervisor [--launched] RUN_DIRECTORY`, one small process a run.

It detaches itself from whoever started it: a session of its own without a terminal, deaf to SIGHUP, its
output in supervisor.log. Its starter learns by the exit code of the first process whether the run is in its
hands: 0 yes, 3 another has it, 1 no (said on standard error). The loop gathers evidence, asks `reconcile`,
and carries out the answer, some five times a second.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

from runtime.launch.agent import become_subreaper
from runtime.launch.attempts import read_command
from runtime.launch.chronicle import Chronicle, EpochLost, say
from runtime.launch.data_watch import DataWatch
from runtime.launch.evidence import Evidence
from runtime.launch.executor import Executor
from runtime.launch.exit_codes import FAILED, HELD, LAUNCHED
from runtime.launch.gather import Gatherer, Standing
from runtime.launch.handover import Handover
from runtime.launch.leasing import Leasing
from runtime.launch.local import LocalEngine
from runtime.launch.narrator import Narrator
from runtime.launch.notify import Notifier, receivers_of
from runtime.launch.pace import PaceWriter
from runtime.launch.processes import verify_gone
from runtime.launch.rebuilding import rebuilt_record
from runtime.launch.reconcile import reconcile
from runtime.launch.sampler import TelemetryChild
from runtime.launch.summary import SummaryKeeper
from runtime.run.epochs import EpochHeld, release_epoch, take_epoch
from runtime.run.files import number
from runtime.run.identity import Identity
from runtime.run.layout import RunDirectory
from runtime.run.record import ENDED, RunRecord, read_record, write_record

PERIOD = 0.25  # seconds between two looks
SUMMARY_PERIOD = 1.0
WAITING_PERIOD = 0.5  # while nothing of the run is there


class Supervisor:
    """Supervises one run until it has ended. The caller holds `epoch`. `launched`: the run was asked for just
    now, so that it is to start whatever the clock says; in one that is adopted that may be long ago."""

    def __init__(self, run: RunDirectory, epoch: int, launched: bool = False) -> None:
        record = read_record(run) or rebuilt_record(run)
        if record is None:
            raise ValueError(f"{run.record} is missing or damaged")
        self._chronicle = Chronicle(run, record, epoch)
        command = read_command(run, record.attempt)
        handover = Handover.read(run, record)
        self._engine = LocalEngine(run, handover.environment)
        self._standing = Standing(
            escalation=handover.escalation,
            start_at=time.monotonic() + _wait_left(record),
            adopted=handover.started,
            stale=handover.stale and not launched,
        )
        self._gatherer = Gatherer(run, self._engine)
        self._gatherer.begin(record.attempt, command, started=handover.started, agent=handover.agent)
        self._summary = SummaryKeeper(run, record.summary)
        self._leasing = Leasing(run, handover.environment, handover.asked)
        self._leasing.begin(command, handover.priority)
        if record.state not in ENDED:
            self._leasing.adopt(handover.started, record.devices)
        self._executor = Executor(
            self._chronicle,
            self._engine,
            self._gatherer,
            self._standing,
            self._summary,
            command,
            self._leasing,
        )
        self._narrator = Narrator(self._chronicle, self._gatherer, self._summary, self._executor)
        self._narrator.adopt(record.attempt, handover.events)
        self._telemetry = TelemetryChild(run, self._engine.node, os.environ)
        self._notifier = Notifier(
            self._chronicle,
            receivers_of(command.notify),
            {**handover.environment, **os.environ},
            handover.events,
        )
        self._chronicle.listener = self._notifier.heard
        self._pace = PaceWriter()
        self._data = DataWatch()
        self._next_summary = 0.0
        self._complaint = ""
        self._poller = select.poll()
        if record.state in ENDED:
            return
        if handover.started:
            self._summary.adopt(record.attempt, command.total_steps)
        else:
            self._summary.begin(record.attempt, command.resume, command.total_steps)
        if handover.adopted:
            self._chronicle.event("adopted", epoch=epoch, started=handover.started)
        for request, verb in handover.requests.items():
            self._executor.accepted_before(request, verb, record.summary.step or 0)

    def terminate(self) -> None:
        """Somebody wants this process to end: the run is stopped with a checkpoint first (reason
        preempted)."""
        self._standing.terminated = True

    def run(self, wakeup: int) -> None:
        """Supervises to the end. Raises EpochLost when another supervisor has taken over."""
        self._poller.register(wakeup, select.POLLIN)
        while self._chronicle.record.state not in ENDED and not self._executor.over:
            try:
                self._look()
            except OSError as error:
                # A file server that is away, a disk with faults: what was decided is decided again at the
                # next look.
                self._complain(error)
            if self._executor.over:
                break
            if self._executor.again:
                self._executor.again = False
                continue
            self._poller.poll((WAITING_PERIOD if self._standing.waiting else PERIOD) * 1000)
            _drain(wakeup)
        self._telemetry.stop()
        self._notifier.finish()
        while not self._chronicle.settled and self._chronicle.run.path.exists():
            time.sleep(PERIOD)  # the end is known; only the disk refuses it
            self._chronicle.flush()
        self._chronicle.close()

    def settle_notifications(self) -> None:
        """After the run was let go of: what a slow receiver of notifications still keeps us waiting for."""
        self._notifier.settle()

    def _complain(self, error: OSError) -> None:
        if str(error) != self._complaint:
            self._complaint = str(error)
            say(f"looking again in {PERIOD} s: {error}")

    def _with_devices(self, evidence: Evidence) -> Evidence:
        over = evidence.all_ended and evidence.agent.status == "gone" and evidence.left == 0
        pids = {rank.pid for rank in self._gatherer.known_ranks() if rank.pid is not None}
        return replace(
            evidence,
            queue=self._leasing.evidence(evidence.now, evidence.started),
            memory=self._leasing.memory(evidence.now, pids, evidence.started and over),
        )

    def _look(self) -> None:
        self._engine.spared = self._telemetry.pids | self._notifier.pids
        if not self._standing.waiting:
            self._telemetry.poll()
        evidence = self._with_devices(self._gatherer.gather(self._chronicle.record, self._standing))
        self._narrator.tell()
        decided = reconcile(self._chronicle.record, evidence)
        if decided:
            self._chronicle.check_epoch()  # what follows may signal processes: only the holder may
        for action in decided:
            self._executor.carry_out(action)
            if self._executor.over:
                return
        self._executor.orders.retry()
        self._notifier.poll()
        if evidence.now >= self._next_summary:
            self._next_summary = evidence.now + SUMMARY_PERIOD
            self._chronicle.check_epoch()
            record = self._chronicle.record
            self._pace.keep(self._chronicle.run.attempt(record.attempt), record.attempt, self._gatherer.pace)
            phase, step = self._gatherer.heartbeat_of(0)
            self._chronicle.change(summary=self._summary.poll(phase, step))
            self._note_starvation()
            agent = self._engine.agent_identity if evidence.started else None
            self._leasing.keep(
                evidence.now, [*self._gatherer.rank_identities().values(), *([agent] if agent else [])]
            )
            checkpoint = self._summary.summary.checkpoint
            self._executor.settle_saves(checkpoint["step"] if checkpoint is not None else None)
        self._chronicle.flush()

    def _note_starvation(self) -> None:
        record = self._chronicle.record
        share = self._data.look(record.summary)
        if record.state == "running" and record.evidence.get("data_wait") != share:
            rest = {name: value for name, value in record.evidence.items() if name != "data_wait"}
            self._chronicle.change(evidence=rest if share is None else {**rest, "data_wait": share})


def _wait_left(record: RunRecord) -> float:
    """Seconds that a restart still has to wait, which a supervisor before this one announced."""
    restart = record.evidence.get("restart")
    at, delay = (number(restart.get(name)) for name in ("at", "delay")) if restart else (None, None)
    return min(max(0.0, at - time.time()), delay) if at is not None and delay is not None else 0.0


def main(arguments: list[str] | None = None) -> int:
    """Detaches and supervises; see the module for exit codes."""
    words = sys.argv[1:] if arguments is None else arguments
    launched = words[:1] == [LAUNCHED]
    if len(words) != 1 + launched:
        print(f"usage: python -m runtime.launch.supervisor [{LAUNCHED}] RUN_DIRECTORY", file=sys.stderr)
        return 2
    run = RunDirectory(Path(words[-1]))
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(writer)
        return _await_word(reader)
    os.close(reader)
    code = FAILED
    try:
        _detach(run, keep=writer)
        code = _supervise(run, launched)
    except BaseException:  # noqa: BLE001 - the last frame of the process: what is not written down here is lost
        traceback.print_exc()
    os._exit(code)


def _await_word(reader: int) -> int:
    """In the first process: waits until the detached one holds the run, or has said why not."""
    with os.fdopen(reader, "rb") as stream:
        word = stream.read()
    if word[:1] in (b"0", b"3"):
        return int(word[:1])
    print(
        word[1:].decode(errors="replace") or "the supervisor died at its start; see supervisor.log",
        file=sys.stderr,
    )
    return FAILED


def _detach(run: RunDirectory, keep: int) -> None:
    os.setsid()
    if os.fork():
        os._exit(0)  # the one that stays leads no session, so that no terminal can ever become its own
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.chdir("/")
    os.umask(os.umask(0o077) & 0o077)  # the user's own, but never so that we couldn't read what we write
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(run.supervisor_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    for descriptor, target in ((null, 0), (null, 1), (log, 2)):
        os.dup2(descriptor, target)
    os.dup2(keep, 3) if keep != 3 else None
    os.set_inheritable(3, False)
    os.closerange(4, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") < 1 << 16 else 1 << 16)


def _supervise(run: RunDirectory, launched: bool) -> int:
    word = os.fdopen(3, "wb", buffering=0)
    try:
        epoch = take_epoch(run, Identity.current())
    except EpochHeld as error:
        word.write(b"3" + str(error).encode())
        return HELD
    except OSError as error:
        word.write(b"1" + str(error).encode())
        raise
    record = read_record(run)
    if record is not None and record.ended_state:
        release_epoch(run, epoch)  # it ended while we were on our way
        word.write(b"3")
        return HELD
    wakeup, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    become_subreaper()
    word.write(b"0")
    word.close()
    say(f"supervisor {os.getpid()} holds epoch {epoch} of {run.run_id}")
    try:
        supervisor = Supervisor(run, epoch, launched)
    except (OSError, ValueError, KeyError) as error:
        _give_up(run, error)
        release_epoch(run, epoch)
        raise
    try:
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: supervisor.terminate())
        supervisor.run(wakeup)
    except EpochLost as error:
        say(f"another supervisor has taken over: {error}")
        return HELD
    if run.path.exists():
        release_epoch(run, epoch)
        supervisor.settle_notifications()
    say(f"supervisor {os.getpid()} ends")
    return 0


def _give_up(run: RunDirectory, error: Exception) -> None:
    """A run whose record or command can't be read can't be supervised: if nothing of it is left, that is
    its end."""
    record = read_record(run)
    if record is not None and record.active and verify_gone(run.run_id):
        facts = {"error": f"{type(error).__name__}: {error}"}
        write_record(run, replace(record, state="lost", reason="unknown", evidence=facts, ended=time.time()))


def _drain(descriptor: int) -> None:
    try:
        while os.read(descriptor, 4096):
            pass
    except BlockingIOError:
        return


if __name__ == "__main__":
    sys.exit(main())
