"""The verbs: in which module each lies, and the one line that `headnode --help` says of it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from runtime.messages import N_

if TYPE_CHECKING:
    from collections.abc import Callable

    from tui.cli.context import Context
    from tui.cli.parser import Parser


@dataclass(frozen=True)
class Verb:
    """`module`, imported when the verb is used, has `<name>_arguments(parser)` and `<name>(context)`."""

    name: str
    module: str
    usage: str
    summary: str

    def load(self) -> tuple[Callable[[Parser], None], Callable[[Context], int]]:
        """What declares the verb's arguments, and what runs it and returns the exit code."""
        module = import_module(f"tui.cli.{self.module}")
        return getattr(module, f"{self.name}_arguments"), getattr(module, self.name)


GROUPS: tuple[tuple[str, tuple[Verb, ...]], ...] = (
    (
        N_("Begin"),
        (
            Verb("demo", "start", "", N_("a real small pretraining run on this machine's own text")),
            Verb("init", "start", "[DIR]", N_("make a workspace: a directory with profiles/ and logs/")),
            Verb("doctor", "doctor", "", N_("check this machine and terminal, and how to mend them")),
            Verb("settings", "settings", "", N_("your settings: where they are, what holds and why")),
            Verb("completion", "completion", "SHELL", N_("complete verbs, runs and profiles by tab")),
        ),
    ),
    (
        N_("Profiles"),
        (
            Verb("profiles", "profiles", "", N_("list the profiles of the workspace")),
            Verb("check", "profiles", "PROFILE", N_("validate a profile, and whether it could run here")),
            Verb("plan", "plan", "PROFILE", N_("parameters, memory, time, cost and the exact command")),
        ),
    ),
    (
        N_("Start and stop"),
        (
            Verb("launch", "launching", "PROFILE", N_("start a run")),
            Verb("stop", "control", "RUN", N_("save a checkpoint, then stop")),
            Verb("save", "control", "RUN", N_("save a checkpoint now, and go on")),
            Verb("resume", "resuming", "RUN", N_("continue a run from its newest valid checkpoint")),
            Verb("branch", "resuming", "RUN@STEP", N_("a new run with the full state of a checkpoint")),
            Verb("new", "weights", "RUN@STEP", N_("a new run with the weights of a checkpoint only")),
        ),
    ),
    (
        N_("Watch"),
        (
            Verb("ls", "runs", "", N_("list the runs, newest first")),
            Verb("show", "runs", "RUN", N_("one run: state and why, progress, latest metrics, checkpoints")),
            Verb("logs", "logs", "RUN", N_("what the run prints; -f follows")),
            Verb("metrics", "metrics", "RUN", N_("logged values: a table, CSV or JSON")),
            Verb("compare", "compare", "RUN RUN …", N_("values of several runs, and in what they differ")),
            Verb("events", "events", "RUN", N_("what happened to the run, and when")),
            Verb("gpus", "gpus", "", N_("the GPUs of this machine, and which runs are on them")),
            Verb("queue", "queue", "", N_("the runs that wait for devices, and who has them")),
            Verb("notify", "notify", "test", N_("try the notifications of starts, ends, faults and hangs")),
        ),
    ),
    (
        N_("Keep in order"),
        (
            Verb("tag", "annotating", "RUN +TAG -TAG", N_("put tags on runs, or take them off")),
            Verb("note", "annotating", "RUN TEXT", N_("add a note to a run")),
            Verb("archive", "annotating", "RUN …", N_("put runs away; lists leave them out")),
            Verb("unarchive", "annotating", "RUN …", N_("bring archived runs back")),
        ),
    ),
    (
        N_("Checkpoints"),
        (
            Verb("checkpoints", "checkpoints", "RUN", N_("list the checkpoints of a run")),
            Verb(
                "verify",
                "checkpoints",
                "RUN[@STEP]",
                N_("read every byte of checkpoints and compare checksums"),
            ),
            Verb("protect", "checkpoints", "RUN@STEP", N_("keep a checkpoint whatever the retention says")),
            Verb("leftovers", "leftovers", "", N_("processes that ended runs left behind; ends them")),
            Verb("rm", "removing", "RUN[@STEP]", N_("delete an ended run, or one of its checkpoints")),
        ),
    ),
)

VERBS = {verb.name: verb for _title, verbs in GROUPS for verb in verbs}
