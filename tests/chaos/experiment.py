"""One experiment: a run, a fault thrown at it, its end, and what is held against it."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runtime.launch import operations
from runtime.messages import HeadnodeError
from runtime.run.checkpoints import list_checkpoints, verify
from runtime.run.events import read_events
from runtime.run.layout import RunDirectory
from runtime.run.record import RunRecord, read_record
from tests.chaos.world import STEPS, Sections, Twin, World, ended, left_over, until

Truth = tuple[str, str | None]
"""A reason code and the finer cause that the evidence names, if any."""


@dataclass
class Stage:
    """What a fault may use: the world, the run, and a random draw of this experiment's own."""

    world: World
    run: RunDirectory
    draw: random.Random
    notes: dict[str, Any] = field(default_factory=dict)
    faults: int = 0
    wrong: list[str] = field(default_factory=list)
    """In words, what a fault that was thrown has seen and that must not be."""
    place: Path | None = None
    """The directory that the setting has made for this experiment."""

    def count(self) -> None:
        """One fault has been injected."""
        self.faults += 1


@dataclass(frozen=True)
class Setting:
    """Where an experiment happens: another workspace's root, what the launched process calls at its start,
    variables that it gets, what puts everything back, and a directory that it shares with the fault."""

    within: Path | None = None
    start: Callable[[], None] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    undo: Callable[[], None] = lambda: None
    place: Path | None = None


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    `throw` does it to a running run (None: `env` makes the run do it to itself, `HEADNODE_FAULT`). `truths`:
    what the trouble may be called, a reason code and a cause (`*`: any); empty where there is no trouble that
    ends an attempt. `events`: what must have been told. `state`: how the run ends at last, after it was
    resumed once where it ended in trouble. `twin_env`: what the undisturbed twin gets; None: the two can't be
    compared. `keeps`: whether every checkpoint that was complete must still be there.
    """

    name: str
    throw: Callable[[Stage], None] | None = None
    truths: frozenset[Truth] = frozenset()
    processes: int = 1
    sections: Sections = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    twin_env: Mapping[str, str] | None = field(default_factory=dict)
    events: frozenset[str] = frozenset()
    state: str = "completed"
    keeps: bool = True
    setting: Callable[[World], Setting] = lambda world: Setting()


@dataclass(frozen=True)
class Outcome:
    """What became of one experiment; `wrong` lists, in words, everything that does not hold."""

    fault: str
    seed: int
    injected: int
    truths: tuple[Truth, ...]
    misnamed: tuple[Truth, ...]
    wrong: tuple[str, ...]
    attempts: int
    seconds: float

    @property
    def survived(self) -> bool:
        """Nothing is wrong but, at most, a name."""
        return not self.wrong


def perform(fault: Fault, world: World, seed: int) -> Outcome:
    """Throws the fault at a run of its own and looks at everything that must hold afterwards. That a run is
    not over in time, say, is an outcome as well: the others go on and are counted."""
    begun = time.monotonic()
    try:
        return _perform(fault, world, seed)
    except Exception as error:  # noqa: BLE001 (told as what is wrong, in the report and by the exit code)
        took, told = time.monotonic() - begun, "".join(traceback.format_exception(error)[-2:])
        return Outcome(fault.name, seed, 1, (), (), (told,), 0, took)


def _perform(fault: Fault, world: World, seed: int) -> Outcome:
    begun = time.monotonic()
    setting = fault.setting(world)
    wrong: list[str] = []
    try:
        run = world.launch(
            _sections(fault), {**fault.env, **setting.env}, within=setting.within, start=setting.start
        )
        stage = Stage(world, run, random.Random(seed), place=setting.place)
        watch = _Checkpoints(run)
        with watch:
            record = _carry_through(fault, stage, wrong)
        if fault.keeps:
            wrong.extend(watch.lost())
        truths = troubles(run)
        wrong.extend(_hold(fault, world, run, record))
    finally:
        setting.undo()
    misnamed = tuple(truth for truth in truths if not _named_right(truth, fault))
    if fault.truths and not truths:
        wrong.append("no trouble was recorded, though there was some")
    took = time.monotonic() - begun
    return Outcome(fault.name, seed, stage.faults or 1, truths, misnamed, tuple(wrong), record.attempt, took)


def _sections(fault: Fault) -> Sections:
    launch = {
        "max_restarts": 2,
        "restart_delay": 0.1,
        "processes": fault.processes,
        "stop_grace": 5,
        "kill_grace": 1,
    }
    return {**fault.sections, "launch": {**launch, **fault.sections.get("launch", {})}}


def _named_right(truth: Truth, fault: Fault) -> bool:
    return truth in fault.truths or (truth[0], "*") in fault.truths


def _carry_through(fault: Fault, stage: Stage, wrong: list[str]) -> RunRecord:
    if fault.throw is not None:
        fault.throw(stage)
        wrong.extend(stage.wrong)
    record = ended(stage.run)
    trouble = record.state in ("failed", "lost") or record.reason == "preempted"
    if trouble and record.state != fault.state:
        with suppress(TimeoutError):
            until(lambda: not left_over(stage.run), patience=20)
        try:
            operations.resume(stage.run)
        except HeadnodeError as error:
            wrong.append(f"could not be resumed: {error}")
            return record
        record = ended(stage.run)
    return record


def troubles(run: RunDirectory) -> tuple[Truth, ...]:
    """Every trouble that the run's events tell of: of each restart, and of the end where it wasn't a good
    one."""
    found = []
    for event in read_events(run):
        if event.event == "restart":
            found.append((event.reason or "", _cause(event.detail.get("evidence") or {})))
        elif event.event in ("failed", "lost") or (event.event == "stopped" and event.reason == "preempted"):
            found.append((event.reason or "", _cause(event.detail)))
    return tuple(found)


def _cause(evidence: Mapping[str, Any]) -> str | None:
    cause = evidence.get("cause")
    return cause if isinstance(cause, str) else None


def _hold(fault: Fault, world: World, run: RunDirectory, record: RunRecord) -> list[str]:
    wrong = []
    if record.state != fault.state:
        wrong.append(f"ended {record.state} ({record.reason}), not {fault.state}: {dict(record.evidence)}")
    if read_record(run) != record:
        wrong.append("the record changed after its end")
    try:
        until(lambda: not left_over(run), patience=20)
    except TimeoutError:
        wrong.append(f"processes are left: {left_over(run)}")
    told = {event.event for event in read_events(run)}
    wrong.extend(f"no event {name}" for name in sorted(fault.events - told))
    if fault.twin_env is not None and record.state == "completed":
        wrong.extend(_differences(Twin.of(run), world.twin(fault.processes, fault.sections, fault.twin_env)))
    return wrong


def _differences(found: Twin, twin: Twin) -> list[str]:
    wrong = []
    for name, curve in twin.curves.items():
        # As text, which tells every number apart, and in which NaN equals NaN.
        ours, theirs = ({s: repr(v) for s, v in values.items()} for values in (found.curves[name], curve))
        steps = sorted(step for step in ours.keys() | theirs.keys() if ours.get(step) != theirs.get(step))
        if steps:
            wrong.append(f"{name} differs from the undisturbed twin's at steps {steps}")
    if dict(found.tensors) != dict(twin.tensors):
        wrong.append(f"the tensors of step {STEPS} differ from the undisturbed twin's")
    return wrong


class _Checkpoints:
    """Notes while a run goes on which checkpoints were complete; afterwards tells which of them are lost."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._seen: set[int] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            # A directory may be renamed or removed between two looks.
            with suppress(FileNotFoundError):
                self._seen |= {c.step for c in list_checkpoints(self._run) if c.state == "complete"}

    def lost(self) -> list[str]:
        """A sentence for each checkpoint that is no longer there or no longer holds."""
        there = {c.step: c for c in list_checkpoints(self._run) if c.state == "complete"}
        gone = [step for step in sorted(self._seen) if step not in there]
        bad = [step for step, c in there.items() if step in self._seen and not verify(c).ok]
        return [f"checkpoint {step} is lost" for step in gone] + [f"checkpoint {s} is damaged" for s in bad]
