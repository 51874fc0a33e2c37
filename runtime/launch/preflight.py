"""Checks before a launch: what would fail, and how to mend it, before anything has been created."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runtime.launch.check import Check
from runtime.messages import N_, UsageError
from runtime.run.layout import RunDirectory
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile


class PreflightFailed(UsageError):
    """A launch that can't succeed. `checks`: those that failed."""

    def __init__(self, checks: list[Check]) -> None:
        self.checks = tuple(checks)
        reasons = "; ".join(
            f"{check.message} ({check.fix})" if check.fix else str(check.message) for check in checks
        )
        super().__init__(N_("{reasons}"), reasons=reasons)


def preflight(profile: Profile, workspace: Workspace, resume: RunDirectory | None = None) -> list[Check]:
    """All checks for launching this profile here (or for going on with the run `resume`). Creates nothing;
    takes some 10 ms."""
    from runtime.launch.checks_machine import machine_checks
    from runtime.launch.checks_profile import profile_checks

    return [*profile_checks(profile, workspace, resume), *machine_checks(profile, workspace, resume)]


def require(profile: Profile, workspace: Workspace, resume: RunDirectory | None = None) -> None:
    """Raises PreflightFailed where a check fails."""
    failed = [check for check in preflight(profile, workspace, resume) if check.status == "fail"]
    if failed:
        raise PreflightFailed(failed)
