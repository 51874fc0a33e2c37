"""Fault injection for the tests: die, hang or fail at a named place, as real machines do.

`HEADNODE_FAULT=<fault>[;<fault>…]`, and a fault is `<action>:<place>[@<steps>][,<option>=<value>…]`:

    kill:checkpoint:renamed@8                       nan:loss@7,rank=1
    hang:step@5,rank=1,attempt=1                    spike:loss@40-41,factor=30

| action    | what happens                                                                                |
| --------- | ------------------------------------------------------------------------------------------- |
| kill      | SIGKILL to this process                                                                     |
| freeze    | SIGSTOP to this process                                                                     |
| exit      | the process ends at once with code 0 and without an exit record                             |
| raise     | RuntimeError                                                                                |
| disk_full | OSError(ENOSPC)                                                                             |
| hang      | sleeps for ever (signals are still handled)                                                 |
| slow      | sleeps `seconds` (1)                                                                        |
| memory    | takes memory until it is refused or the process is killed. For processes under a limit of   |
|           | their own (cgroup, rlimit): RuntimeError when the machine has less than 10 % left           |
| nan       | places `loss` (and so the gradients) and `gradient` (alone) become NaN                      |
| spike     | the same two are multiplied by `factor` (100)                                               |

| place              | when                                                             | its step           |
| ------------------ | ---------------------------------------------------------------- | ------------------ |
| import             | a worker begins                                                  | 0                  |
| load               | before model and checkpoint are loaded                           | 0                  |
| data               | a batch is read, in the reading thread                           | the batch's number |
| step               | a step begins                                                    | the step           |
| update             | gradients are there, the optimizer's step comes next             | the step           |
| loss, gradient     | only for nan and spike                                           | the batch's number |
| metrics, report    | a line of metrics.jsonl or report-<r>.jsonl is written           | the step           |
| evaluate           | an evaluation begins                                             | the step           |
| checkpoint:<stage> | a save (stages: `runtime.train.checkpointing`)                   | the step           |
| finish             | the last save is done, the exit record comes next                | the step           |

`@<steps>` is one (`7`), a range (`7-9`) or open (`7-`); without it, every one. Batches are numbered like the
steps that train on them in an undisturbed run (from 1), so that what is wrong with a batch is skipped with
it. Options: `rank` and `attempt` (without them, every one), `times` (at most so often in a process), and
those named above. `checkpoint:<stage>` without an action means kill. Nothing happens without the variable,
and nothing sets it but a person or a test.
"""

from __future__ import annotations

import errno
import math
import os
import signal
import time
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

VARIABLE = "HEADNODE_FAULT"
_VALUES = ("nan", "spike")
_ACTIONS = ("kill", "freeze", "exit", "raise", "disk_full", "hang", "slow", "memory", *_VALUES)
_PLACES = ("import", "load", "data", "step", "update", "metrics", "report", "evaluate", "finish")
_OPTIONS = ("rank", "attempt", "times", "seconds", "factor")
_CHUNK = 64 << 20
_LEFT = 0.1


@dataclass
class Fault:
    """One fault that is wished for; `fired` counts how often it has come about in this process."""

    action: str
    place: str
    first: int = 0
    last: float = math.inf
    options: dict[str, float] = field(default_factory=dict)
    fired: int = 0

    def due(self, place: str, step: int) -> bool:
        """Whether it is to come about here and now; counted if so."""
        if place != self.place or not self.first <= step <= self.last or not self._mine():
            return False
        if self.fired >= self.options.get("times", math.inf):
            return False
        self.fired += 1
        return True

    def _mine(self) -> bool:
        here = {"rank": os.environ.get("RANK", "0"), "attempt": os.environ.get("HEADNODE_ATTEMPT", "1")}
        return all(int(here[name]) == self.options.get(name, int(here[name])) for name in here)


def fault_point(place: str, step: int) -> None:
    """Fail here if HEADNODE_FAULT names this place (and this step, where it names one)."""
    wished = os.environ.get(VARIABLE)
    if not wished:
        return
    for fault in faults(wished):
        if fault.action not in _VALUES and fault.due(place, step):
            _carry_out(fault, place, step)


def fault_factors(batch: int) -> tuple[float, float]:
    """What the loss, and what the gradients, of batch number `batch` are to be multiplied by: (1, 1) unless
    HEADNODE_FAULT says otherwise."""
    wished = os.environ.get(VARIABLE)
    loss = gradient = 1.0
    for fault in faults(wished) if wished else ():
        factor = math.nan if fault.action == "nan" else fault.options.get("factor", 100.0)
        if fault.action in _VALUES and fault.due("loss", batch):
            loss, gradient = loss * factor, gradient * factor
        elif fault.action in _VALUES and fault.due("gradient", batch):
            gradient *= factor
    return loss, gradient


@lru_cache(maxsize=4)
def faults(wished: str) -> tuple[Fault, ...]:
    """The faults that a value of HEADNODE_FAULT names. ValueError: it can't be understood."""
    return tuple(_parse(text.strip()) for text in wished.split(";") if text.strip())


def _parse(text: str) -> Fault:
    where, *options = text.split(",")
    where, _, steps = where.partition("@")
    action, _, place = where.partition(":")
    if action == "checkpoint":
        action, place = "kill", where
    places = ("loss", "gradient") if action in _VALUES else _PLACES
    if action not in _ACTIONS or not (place in places or (places is _PLACES and place[:11] == "checkpoint:")):
        raise ValueError(f"{VARIABLE}: {text!r} names no action and place that there are")
    first, open_ended, last = steps.partition("-")
    known = {}
    for option in options:
        name, _, value = option.strip().partition("=")
        if name not in _OPTIONS:
            raise ValueError(f"{VARIABLE}: {text!r} has an option that there isn't: {name!r}")
        known[name] = float(value)
    final = math.inf if not steps or (open_ended and not last) else int(last or first)
    return Fault(action, place, int(first or 0), final, known)


def _carry_out(fault: Fault, place: str, step: int) -> None:
    told = f"injected at {place}, step {step}"
    match fault.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "freeze":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "exit":
            os._exit(0)
        case "raise":
            raise RuntimeError(told)
        case "disk_full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), told)
        case "hang":
            while True:
                time.sleep(1.0)
        case "slow":
            time.sleep(fault.options.get("seconds", 1.0))
        case "memory":
            _take_memory()


def _take_memory() -> NoReturn:
    taken = []
    while True:
        taken.append(bytearray(b"\1") * _CHUNK)  # written, so that it is really taken
        total, available = _memory("MemTotal"), _memory("MemAvailable")
        if available < _LEFT * total:
            taken.clear()
            raise RuntimeError("injected: nothing limits this process's memory, and the machine's runs out")


def _memory(name: str) -> int:
    with Path("/proc/meminfo").open(encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
