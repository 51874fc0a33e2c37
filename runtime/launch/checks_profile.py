"""Checks of what a profile names: data, tokenizer, program, secrets."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from runtime.launch.check import Check
from runtime.messages import N_, Message
from runtime.run.layout import RunDirectory
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile


def profile_checks(profile: Profile, workspace: Workspace, resume: RunDirectory | None) -> Iterator[Check]:
    """What the profile names has to be there."""
    from runtime.launch.weights import weights_checks

    values = {"name": profile.name, "job": profile.job}
    yield Check("profile", "ok", Message(N_("{name} is a valid {job} profile"), values))
    yield from _files(profile, workspace, resume)
    yield from weights_checks(profile, workspace, resume)
    yield from _secrets(profile)


def _files(profile: Profile, workspace: Workspace, resume: RunDirectory | None) -> Iterator[Check]:
    from runtime.profile.files import check_files

    prepared = resume is not None and (resume.artifacts / "data" / "manifest.json").is_file()
    if prepared and profile.data is not None and profile.data.prepared is None:
        yield Check("files", "ok", Message(N_("the run has prepared its data already")))
        return
    problems = check_files(profile, workspace.root)
    for problem in problems:
        yield Check(problem.key or "files", "fail", problem.message, _fix(problem.key, workspace))
    if not problems:
        yield Check("files", "ok", Message(N_("the files and programs that the profile names are there")))


def _fix(key: str | None, workspace: Workspace) -> Message:
    values = {"key": key, "root": str(workspace.root)}
    if key == "command.argv.0":
        return Message(N_("put it on PATH, or name it by its path in {key}"), values)
    if key is not None and key.endswith("builtin"):
        return Message(
            N_("name texts of your own under data.sources, or use a Python that ships its sources")
        )
    return Message(N_("correct {key}; relative paths begin at the workspace, {root}"), values)


def _secrets(profile: Profile) -> Iterator[Check]:
    missing = [name for name in profile.launch.secrets if name not in os.environ]
    if missing:
        values = {"names": ", ".join(missing), "name": missing[0]}
        yield Check(
            "secrets",
            "fail",
            Message(N_("the environment has no {names}, which launch.secrets passes on"), values),
            Message(N_("export {name}=… before launching"), values),
        )
    elif profile.launch.secrets:
        message = Message(N_("the secrets are in the environment; their values are never written"))
        yield Check("secrets", "ok", message)
