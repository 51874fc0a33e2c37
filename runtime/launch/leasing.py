"""A supervisor's dealings with the devices of its machine: it stands in line, holds leases, and gives them
back."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from runtime.launch import devices, leases, queueing_line
from runtime.launch.chronicle import say
from runtime.launch.evidence_devices import MemoryEvidence, QueueEvidence
from runtime.launch.lease_files import LeaseError, lease_directory
from runtime.launch.leases import Lease, LeaseHeld
from runtime.launch.queueing import Ticket, Wants, decide, wants_of
from runtime.launch.rank_environment import Command
from runtime.messages import Message
from runtime.run.identity import Identity
from runtime.run.layout import RunDirectory
from runtime.telemetry import DeviceReading

FRESH = 3.0
"""Seconds for which a look at the GPUs is good enough to take one."""
LOOK_AGAIN = 15.0
"""Seconds between two looks at GPUs that nobody has leased and something else is on."""
LINE = 2.0
"""Seconds after which the line is read again though the directory hasn't changed: holders die silently."""
ALIVE = 5.0
KEEP = 600.0
UNVERIFIABLE = 3
"""Failed looks after which it stays unverified that the memory of the GPUs is free."""


class _Looker:
    """Looks at the GPUs beside the supervisor's loop: a driver may take its time, or never answer."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._result: DeviceReading | None = None
        self.began = 0.0

    def start(self, now: float) -> None:
        """Begins a look unless one is under way; `now` in monotonic seconds."""
        if self._thread is None:
            self.began = now
            self._thread = threading.Thread(target=self._look, daemon=True, name="devices")
            self._thread.start()

    def take(self) -> DeviceReading | None:
        """The reading, once, when it is there."""
        if self._thread is None or self._thread.is_alive():
            return None
        self._thread, result, self._result = None, self._result, None
        return result if result is not None else DeviceReading([])

    def _look(self) -> None:
        self._result = devices.read_gpus()


class Leasing:
    """Of one run; the caller holds its epoch. `asked` in Unix seconds: since when it wants to run."""

    def __init__(self, run: RunDirectory, environment: Mapping[str, str], asked: float) -> None:
        self._run = run
        self._environment = environment
        self._asked = asked
        self._wants: Wants | None = None
        self._looker = _Looker()
        self._reading: DeviceReading | None = None
        self._read_at = 0.0
        self._line: tuple[tuple[Ticket, ...], dict[str, Lease]] = ((), {})
        self._line_stamp: int | None = None
        self._line_at = 0.0
        self._announced: Ticket | None = None
        self._alive_at = 0.0
        self._kept_at = 0.0
        self._problem: Message | None = None
        self._memory = MemoryEvidence()
        self._memory_at: float | None = None
        self._memory_tries = 0
        self.held: tuple[Lease, ...] = ()
        self.priority = 0

    def begin(self, command: Command, priority: int | None = None) -> None:
        """What the next attempt wants."""
        self.priority = command.priority if priority is None else priority
        self._wants = wants_of(
            job=command.job,
            processes=command.world_size,
            device=command.device,
            gpus=command.gpus,
            slots=command.slots,
            memory=command.gpu_memory,
            gpus_here=devices.gpu_count(),
            slots_here=devices.slot_count(),
        )

    def adopt(self, started: bool, known: Sequence[str] = ()) -> None:
        """Takes over the leases that a supervisor before this one left behind. An attempt that runs is on the
        devices `known` from its record, whatever became of their leases: each that can be had is taken."""
        keys = [lease.key for lease in leases.of_run(self._run.run_id, self._run.path)]
        for key in dict.fromkeys([*keys, *(known if started else ())]):
            try:
                self.held += (leases.take(key, self._run.run_id, self._run.path),)
            except (LeaseHeld, LeaseError, OSError) as error:
                say(f"the lease on {key} could not be taken over: {error}")
        if not started and len(self.held) < len(keys):
            self.give_back()  # all or none

    @property
    def keys(self) -> tuple[str, ...]:
        """The devices that the run has."""
        return tuple(lease.key for lease in self.held)

    # -- in the line

    def evidence(self, now: float, started: bool) -> QueueEvidence | None:
        """How it stands with the queue; None where the run wants no device, or runs already."""
        if started or self._wants is None:
            return None
        if self.held and not all(leases.mine(lease) for lease in self.held):
            say("a lease has been overtaken: standing in line again")
            self.give_back()
        me = self._ticket(self._wants)
        if self.held:
            return QueueEvidence(me, leased=True)
        others, held = self._look_at_line(now)
        machine = devices.machine(self._reading or DeviceReading([]), held, self._environment)
        found = QueueEvidence(me, others, machine.devices, problem=self._problem or machine.problem)
        return replace(found, known=self._fresh_enough(now, found))

    def _ticket(self, wants: Wants) -> Ticket:
        return Ticket(self._run.run_id, wants, self.priority, self._asked, str(self._run.path))

    def _look_at_line(self, now: float) -> tuple[tuple[Ticket, ...], dict[str, Lease]]:
        try:
            stamp = lease_directory().stat().st_mtime_ns
        except OSError:
            stamp = None
        if stamp is None or stamp != self._line_stamp or now - self._line_at >= LINE:
            self._line = tuple(queueing_line.waiting()), leases.held()
            self._line_stamp, self._line_at = stamp, now
        return self._line

    def _fresh_enough(self, now: float, found: QueueEvidence) -> bool:
        """Whether what is known of the GPUs suffices to decide; begins another look where it doesn't."""
        if found.me.wants.kind == "cpu":
            return True
        reading = self._looker.take()
        if reading is not None:
            self._reading, self._read_at = reading, now
            return False  # at the next look, with this reading
        age = now - self._read_at
        promising = decide(found.me, found.others, found.devices).choice is not None
        if self._reading is None or age > (FRESH if promising else LOOK_AGAIN):
            self._looker.start(now)
            return self._reading is not None and not promising
        return True

    def announce(self, now: float) -> None:
        """Says that it waits, and that it lives. A directory that can't be written is told, and tried
        again."""
        assert self._wants is not None
        ticket = self._ticket(self._wants)
        try:
            if ticket != self._announced:
                queueing_line.announce(ticket)
                self._announced, self._alive_at = ticket, now
            elif now - self._alive_at >= ALIVE:
                self._alive_at = now
                queueing_line.sign_of_life(ticket.run_id)
            self._problem = None
        except FileNotFoundError:
            self._announced = None
        except (LeaseError, OSError) as error:
            self._complain(error)

    def acquire(self, keys: Collection[str]) -> bool:
        """Takes these devices, all or none; False where somebody came first."""
        try:
            self.held = leases.take_all(keys, self._run.run_id, self._run.path)
        except LeaseHeld:
            self._line_stamp = None
            return False
        except (LeaseError, OSError) as error:
            self._complain(error)
            return False
        self._problem = None
        self.leave()
        return True

    def leave(self) -> None:
        """Leaves the line."""
        self._announced = None
        with suppress(OSError):
            queueing_line.leave(self._run.run_id)

    def _complain(self, error: LeaseError | OSError) -> None:
        if isinstance(error, LeaseError):
            message = error.message
        else:
            values = {"path": str(lease_directory()), "problem": error.strerror or str(error)}
            message = Message("{path}: {problem}", values)
        if message != self._problem:
            self._problem = message
            say(f"no device can be leased, trying again: {error}")

    # -- with the devices

    def keep(self, now: float, processes: Collection[Identity]) -> None:
        """To be called about once a second: the leases name the run's processes, and stay young."""
        try:
            known = self.held[0].processes if self.held else ()
            if new := [process for process in processes if process not in known]:
                noted = [process for process in known if process.status() != "gone"] + new
                self.held = tuple(leases.note_processes(lease, noted) for lease in self.held)
            if now - self._kept_at >= KEEP:
                self._kept_at = now
                for lease in self.held:
                    leases.keep(lease)
        except OSError as error:
            say(f"a lease could not be kept up: {error}")

    def memory(self, now: float, pids: Collection[int], over: bool) -> MemoryEvidence:
        """Whether the memory of the leased GPUs is free of the run, whose processes are gone: the driver may
        hold on to it beyond their end."""
        gpus = {lease.key for lease in self.held if not lease.key.startswith(leases.CPU)}
        if not over or not gpus:
            self._memory, self._memory_at, self._memory_tries = MemoryEvidence(), None, 0
            return self._memory
        if self._memory_at is None:
            self._memory_at, self._memory = now, MemoryEvidence("checking")
        since = now - self._memory_at
        reading = self._looker.take()
        if reading is not None and self._looker.began >= self._memory_at:  # an older look shows what has gone
            self._memory = self._judge_memory(reading, gpus, pids)
        if self._memory.status in ("checking", "held") and now - self._looker.began >= 1.0:
            self._looker.start(now)
        return replace(self._memory, since=since)

    def _judge_memory(
        self, reading: DeviceReading, gpus: Collection[str], pids: Collection[int]
    ) -> MemoryEvidence:
        there = [device for device in reading.devices if device.uuid in gpus and device.processes is not None]
        if not there:
            self._memory_tries += 1
            return MemoryEvidence("unverified" if self._memory_tries >= UNVERIFIABLE else "checking")
        left = {
            str(device.uuid): [process.pid for process in device.processes or () if process.pid in pids]
            for device in there
        }
        held = {key: found for key, found in left.items() if found}
        return MemoryEvidence("held" if held else "free", held)

    @property
    def memory_unverified(self) -> bool:
        """Whether the driver doesn't tell if the memory of the GPUs is free."""
        return self._memory.status == "unverified"

    def give_back(self) -> tuple[str, ...]:
        """Gives everything back and leaves the line; returns the devices that it had."""
        given, self.held = self.held, ()
        for lease in given:
            try:
                leases.release(lease)
            except OSError as error:  # it is over by itself when this process and the run's are gone
                say(f"the lease on {lease.key} could not be given back: {error}")
        self.leave()
        return tuple(lease.key for lease in given)
