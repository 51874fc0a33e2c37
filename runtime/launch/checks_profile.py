"""Checks of what a profile names: data, tokenizer, program, secrets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.launch.command import working_directory
from runtime.launch.data_paths import prepared_directory, source_exists, standard_library
from runtime.launch.preflight import Check
from runtime.messages import N_, Message
from runtime.run.layout import RunDirectory
from runtime.run.workspace import Workspace

if TYPE_CHECKING:
    from runtime.profile import Profile
    from runtime.profile.schema.data import Data


def profile_checks(profile: Profile, workspace: Workspace, resume: RunDirectory | None) -> Iterator[Check]:
    """What the profile names has to be there."""
    yield Check(
        "profile",
        "ok",
        Message(N_("{name} is a valid {job} profile"), {"name": profile.name, "job": profile.job}),
    )
    if profile.data is not None and profile.job != "command":
        yield from _data(profile.data, workspace, resume)
    if profile.command is not None:
        yield from _program(profile, workspace)
    yield from _secrets(profile)


def _data(data: Data, workspace: Workspace, resume: RunDirectory | None) -> Iterator[Check]:
    if (
        resume is not None
        and (resume.artifacts / "data" / "manifest.json").is_file()
        and data.prepared is None
    ):
        yield Check("data", "ok", Message(N_("the run has prepared its data already")))
        return
    missing = list(_missing(data, workspace))
    yield from missing
    if not missing:
        yield Check("data", "ok", Message(N_("the data is there")))


def _missing(data: Data, workspace: Workspace) -> Iterator[Check]:
    if data.prepared is not None and prepared_directory(data.prepared, workspace) is None:
        yield Check(
            "data",
            "fail",
            Message(N_("there is no prepared data in {path}"), {"path": data.prepared}),
            Message(
                N_("name a directory with a manifest.json or the id of a prepare run under data.prepared")
            ),
        )
    for source in data.sources or ():
        if source.path is not None and not source_exists(source.path, workspace):
            yield Check(
                "data",
                "fail",
                Message(N_("there is nothing at {path}"), {"path": source.path}),
                Message(N_("relative paths begin at the workspace, {root}"), {"root": str(workspace.root)}),
            )
        elif source.builtin is not None and standard_library() is None:
            yield Check(
                "data",
                "fail",
                Message(N_("this Python comes without the source text of its standard library")),
                Message(N_("name texts of your own under data.sources, or use a Python that ships it")),
            )
    tokenizer = data.tokenizer
    if tokenizer is not None and tokenizer.path is not None:
        path = workspace.root / Path(tokenizer.path).expanduser()
        if not (path.is_file() or (path / "tokenizer.json").is_file()):
            yield Check(
                "tokenizer",
                "fail",
                Message(N_("there is no tokenizer at {path}"), {"path": tokenizer.path}),
                Message(N_("name a tokenizer.json or a directory that has one under data.tokenizer.path")),
            )


def _program(profile: Profile, workspace: Workspace) -> Iterator[Check]:
    assert profile.command is not None
    directory = working_directory(profile, workspace)
    if not directory.is_dir():
        message = Message(N_("there is no directory {path}"), {"path": str(directory)})
        yield Check("program", "fail", message, Message(N_("correct command.directory")))
        return
    program = profile.command.argv[0]
    path = profile.launch.env.get("PATH", os.environ.get("PATH"))
    found = (
        (directory / program).is_file() and os.access(directory / program, os.X_OK)
        if "/" in program
        else None
    )
    if found is None:
        found = shutil.which(program, path=path) is not None
    if not found:
        yield Check(
            "program",
            "fail",
            Message(N_("there is no program {program} that can be executed"), {"program": program}),
            Message(N_("give its path under command.argv, or put it on PATH")),
        )
        return
    yield Check("program", "ok", Message(N_("{program} can be executed"), {"program": program}))


def _secrets(profile: Profile) -> Iterator[Check]:
    missing = [name for name in profile.launch.secrets if name not in os.environ]
    if missing:
        names = ", ".join(missing)
        yield Check(
            "secrets",
            "fail",
            Message(N_("the environment has no {names}, which launch.secrets passes on"), {"names": names}),
            Message(N_("export {name}=… before launching"), {"name": missing[0]}),
        )
    elif profile.launch.secrets:
        yield Check(
            "secrets", "ok", Message(N_("the secrets are in the environment; their values are never written"))
        )
