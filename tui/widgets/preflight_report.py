"""Everything that a preflight finds out about a profile. Reads the disk: not for the panel's thread."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.messages import Message, UsageError
from tui.clean import clean
from tui.i18n import N_

if TYPE_CHECKING:
    from runtime.launch.check import Check
    from runtime.launch.devices import Machine
    from runtime.launch.queueing import Decision, Wants
    from runtime.profile import Estimate, Problem, Profile
    from runtime.run.workspace import Workspace


@dataclass(frozen=True)
class Report:
    """`profile` is None where it can't be used; then `problems` says why. `silent` is why there is no
    estimate."""

    overrides: tuple[str, ...]
    profile: Profile | None
    problems: tuple[Problem, ...] = ()
    checks: tuple[Check, ...] = ()
    estimate: Estimate | None = None
    silent: Message | None = None
    command: str = ""
    directory: str = ""
    environment: tuple[str, ...] = ()
    machine: Machine | None = None
    wants: Wants | None = None
    decision: Decision | None = None
    """What the queue would do with it now; None where it wants no device."""

    @property
    def failed(self) -> list[Check]:
        """The checks that keep it from being launched."""
        return [check for check in self.checks if check.status == "fail"]

    @property
    def ready(self) -> bool:
        """Whether it can be launched."""
        return self.profile is not None and not self.failed


class BadOverrides(UsageError):
    """A line of overrides that can't be cut into words."""


def split_overrides(line: str) -> tuple[str, ...]:
    """The overrides in a line, quoted as in a shell. Raises BadOverrides for a quotation without an end."""
    try:
        return tuple(shlex.split(line))
    except ValueError:
        raise BadOverrides(N_("a quotation mark has no partner")) from None


def inspect(path: Path, overrides: Sequence[str], workspace: Workspace) -> Report:
    """Loads the profile with the overrides, runs all checks, and estimates."""
    from runtime.profile import ProfileError, load

    try:
        profile = load(path, tuple(overrides), workspace=workspace.root)
    except ProfileError as error:
        return Report(tuple(overrides), None, tuple(error.problems))
    from runtime.launch.command import environment_names_of, worker_command, working_directory
    from runtime.launch.preflight import preflight

    estimate, silent = _estimate(profile)
    names = environment_names_of(profile, workspace)
    machine, wants, decision = _devices(profile)
    own = {*profile.launch.env, *profile.launch.secrets}
    return Report(
        tuple(overrides),
        profile,
        checks=tuple(preflight(profile, workspace)),
        estimate=estimate,
        silent=silent,
        command=clean(shlex.join(worker_command(profile))),
        directory=clean(working_directory(profile, workspace)),
        environment=tuple(clean(name) for name in names if name in own or name not in os.environ),
        machine=machine,
        wants=wants,
        decision=decision,
    )


def _devices(profile: Profile) -> tuple[Machine, Wants | None, Decision | None]:
    from runtime.launch.devices import look
    from runtime.launch.queueing_view import forecast, wants_of_profile

    machine = look()
    wants = wants_of_profile(profile, len(machine.gpus))
    if wants is None:
        return machine, None, None
    return machine, wants, forecast(wants, profile.launch.priority, time.time(), machine)


def with_gpus(
    overrides: Sequence[str], gpus: Sequence[int | str], profile: Profile | None = None
) -> tuple[str, ...]:
    """The overrides for a launch on just these GPUs, with a process for each unless it is somebody's own
    program; none: without what was said of GPUs here before."""
    kept = [word for word in overrides if not word.startswith(("launch.gpus=", "launch.processes="))]
    if not gpus:
        return tuple(kept)
    named = ",".join(str(gpu) if isinstance(gpu, int) else json.dumps(gpu) for gpu in gpus)
    found = [*kept, f"launch.gpus=[{named}]"]
    if profile is None or profile.job != "command":
        found.append(f"launch.processes={len(gpus)}")
    return tuple(found)


def _estimate(profile: Profile) -> tuple[Estimate | None, Message | None]:
    from runtime.profile import estimate

    try:
        return estimate(profile), None
    except UsageError as error:
        return None, error.message
