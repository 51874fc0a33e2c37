"""`demo` and `init`."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from runtime.messages import UsageError
from tui.clean import clean
from tui.cli import following
from tui.cli.parser import Parser, add_common, add_overrides, overrides_of
from tui.i18n import _, ngettext

if TYPE_CHECKING:
    from runtime.run.layout import RunDirectory
    from runtime.run.workspace import Workspace
    from tui.cli.context import Context

_PLAIN_SECONDS = 5.0


def demo_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Trains a small language model for real, on the text of this machine's own Python library: a "
            "tokenizer, then a model of a few million parameters. On two cores it takes a few minutes. "
            "Nothing is downloaded.\n\nIn a terminal the panel opens on the run, and q leaves it running. "
            "Without one the same run is followed in plain lines to its end."
        ),
        [
            ("headnode demo", _("launch it, or open the one that is under way")),
            ("headnode demo | cat", _("without the panel; exit code 0 only if it completed")),
            ("headnode demo train.steps=50", _("a shorter one")),
        ],
        _("It runs in the workspace here, or else in one that is made at ~/headnode-demo."),
    )
    parser.add_argument(
        "--simulate-gpus",
        action="store_true",
        help=_("let the panel show eight GPUs that aren't there, marked as simulated"),
    )
    add_overrides(parser)
    add_common(parser)


def demo(context: Context) -> int:
    workspace = _demo_workspace(context)
    in_panel = sys.stdin.isatty() and context.out.terminal and not context.out.dumb
    run = _running_demo(workspace)
    if run is None:
        run = _launch_demo(context, workspace)
        context.out.line(_("Launched {run}").format(run=run.run_id))
    else:
        context.out.line(_("{run} is under way already").format(run=run.run_id))
        if changes := overrides_of(context.options):
            text = _("it was launched as it is, without {changes}")
            context.out.line(text.format(changes=clean(" ".join(changes))))
    context.out.flush()
    if in_panel:
        from tui.app import run_panel

        if context.options.simulate_gpus:
            _simulate_gpus(run)
        return run_panel(workspace, open_run=run.run_id, language=context.options.lang)
    return following.exit_code(following.wait(context, run, context.out, plain_seconds=_PLAIN_SECONDS))


def _simulate_gpus(run: RunDirectory) -> None:
    """For the panel only, and so after the launch: the run itself must not be given such devices."""
    from runtime.telemetry.simulation import RUNS_VARIABLE, VARIABLE

    os.environ[VARIABLE] = "8"
    os.environ[RUNS_VARIABLE] = run.run_id


def _demo_workspace(context: Context) -> Workspace:
    """The workspace of this command, or a new one in the home directory where there is none."""
    from runtime.run.workspace import init_workspace

    try:
        return context.workspace
    except UsageError:
        if context.options.workspace is not None:
            raise
    workspace = init_workspace(Path.home() / "headnode-demo")
    copy_profiles(workspace)
    context.options.workspace = str(workspace.root)
    context.out.line(_("Made a workspace at {path}").format(path=workspace.name))
    return context.workspace


def _running_demo(workspace: Workspace) -> RunDirectory | None:
    """The newest demo that isn't over."""
    from runtime.run.record import read_record

    for run in workspace.runs():
        record = read_record(run)
        if record is not None and record.name == "demo" and record.active and not record.moved:
            return run
    return None


def _launch_demo(context: Context, workspace: Workspace) -> RunDirectory:
    from runtime.launch import operations
    from runtime.profile import load

    profile = load("demo", overrides_of(context.options), workspace=workspace.root)
    return operations.launch(workspace, profile, by="demo")


def init_arguments(parser: Parser) -> None:
    parser.teach(
        _(
            "Makes a workspace: a directory with profiles/, filled with the profiles that come with "
            "Headnode, and logs/, where runs will lie. What is there already stays as it is."
        ),
        [
            ("headnode init ~/train", _("make it there")),
            ("headnode init", _("make the current directory one")),
        ],
        _("Next: cd there, then headnode profiles, headnode launch PROFILE, or just headnode."),
    )
    parser.add_argument("directory", metavar="DIR", nargs="?", default=".", help=_("where; here unless said"))
    add_common(parser, json=_("print path and the profiles that were copied"))


def init(context: Context) -> int:
    from runtime.run.workspace import init_workspace

    workspace = init_workspace(Path(context.options.directory))
    copied = copy_profiles(workspace)
    workspace.remember()
    if context.options.json:
        context.out.json({"path": str(workspace.root), "profiles": copied})
        return 0
    context.out.line(_("{path} is a workspace now").format(path=workspace.name))
    if copied:
        text = ngettext("{count} profile copied to {path}", "{count} profiles copied to {path}", len(copied))
        context.out.line(text.format(count=len(copied), path=f"{workspace.name}/profiles"))
    context.out.line(
        _("Next: cd {path} · headnode profiles · headnode launch PROFILE").format(path=workspace.root)
    )
    return 0


def copy_profiles(workspace: Workspace) -> list[str]:
    """Copies the profiles that come with Headnode, and the scripts they call, where none of that name lies.

    Returns the names of the profiles that were copied.
    """
    from runtime.profile.find import SUFFIXES, shipped_directory

    shipped = shipped_directory()
    copied = []
    for source in sorted(shipped.rglob("*")):
        name = source.relative_to(shipped)
        target = workspace.profiles / name
        if not source.is_file() or any(part.startswith((".", "__")) for part in name.parts):
            continue
        if target.exists() or target.is_symlink():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        if source.suffix in SUFFIXES:
            copied.append(name.as_posix())
    return copied
