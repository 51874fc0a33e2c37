"""The workspace: a directory with `profiles/` and `logs/`, and the runs that lie in it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.messages import N_, UsageError
from runtime.run.files import ForeignSchema, read_json, write_json_atomic
from runtime.run.layout import RUN_ID, RunDirectory

_SHOWN = 8
_LOGS_README = r"""\ Run directories. Each holds everything about one run; `headnode ls` lists them, and
deleting one deletes the run. """


def user_cache_directory() -> Path:
    """Where caches lie (never in a run): `~/.cache/headnode`, or as XDG_CACHE_HOME says."""
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("headnode"))


def user_state_directory() -> Path:
    """Where the workspace used last is remembered: `~/.local/state/headnode`, or as XDG_STATE_HOME says."""
    from platformdirs import user_state_dir

    return Path(user_state_dir("headnode"))


@dataclass(frozen=True)
class Workspace:
    """A directory with `profiles/` and `logs/`."""

    root: Path

    @property
    def name(self) -> str:
        """What the title shows: the path, from `~` where it lies in the home directory."""
        with suppress(ValueError, RuntimeError):
            return str(Path("~") / self.root.relative_to(Path.home()))
        return str(self.root)

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def profiles(self) -> Path:
        return self.root / "profiles"

    def runs(self) -> list[RunDirectory]:
        """All runs, newest first. One listing of `logs/`; no file is opened."""
        try:
            with os.scandir(self.logs) as entries:
                names = [entry.name for entry in entries if _is_run(entry)]
        except OSError:
            return []
        return [RunDirectory(self.logs / name) for name in sorted(names, reverse=True)]

    def resolve(self, reference: str) -> RunDirectory:
        """The run that a person means: `last`, an id, a unique prefix or a unique part of one, or a path to
        it.

        Raises UsageError, with the candidates where there are several.
        """
        runs = self.runs()
        if reference == "last" and runs:
            return runs[0]
        by_id = {run.run_id: run for run in runs}
        if reference in by_id:
            return by_id[reference]
        if "/" in reference and RunDirectory(Path(reference)).exists():
            return RunDirectory(Path(reference))
        if not runs:
            raise UsageError(N_("There are no runs in {workspace} yet"), workspace=str(self.root))
        prefixed = [run_id for run_id in by_id if run_id.startswith(reference)]
        found = prefixed or [run_id for run_id in by_id if reference in run_id]
        if not reference or not found:
            raise UsageError(
                N_("No run matches {reference}; the newest are {candidates}"),
                reference=repr(reference),
                candidates=_listed(by_id),
            )
        if len(found) > 1:
            raise UsageError(
                N_("{reference} matches {count} runs: {candidates}"),
                reference=repr(reference),
                count=len(found),
                candidates=_listed(found),
            )
        return by_id[found[0]]

    def remember(self) -> None:
        """Makes this the workspace that is taken where nothing else names one. A read-only home is no
        fault.
        """
        with suppress(OSError):
            state = user_state_directory()
            state.mkdir(parents=True, exist_ok=True)
            write_json_atomic(state / "workspace.json", {"path": str(self.root)}, durable=False)


def _is_run(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith("."):
        return False
    try:
        if RUN_ID.fullmatch(entry.name):
            return entry.is_dir()
        return entry.is_dir() and Path(entry.path, "run.json").exists()  # a copy under a name of its own
    except OSError:
        return False


def _listed(run_ids: Iterable[str]) -> str:
    ids = list(run_ids)
    return ", ".join(ids[:_SHOWN]) + (" …" if len(ids) > _SHOWN else "")


def is_workspace(path: Path) -> bool:
    """Whether `path` has both `profiles/` and `logs/`."""
    return (path / "profiles").is_dir() and (path / "logs").is_dir()


def find_workspace(explicit: Path | None = None) -> Workspace:
    """The workspace to use: `explicit`, HEADNODE_WORKSPACE, the nearest one upwards, or the one used last.

    Raises UsageError where there is none, or the one that was named isn't one.
    """
    named = explicit or (Path(value) if (value := os.environ.get("HEADNODE_WORKSPACE")) else None)
    if named is not None:
        root = Path(os.path.abspath(named.expanduser()))  # noqa: PTH100 (symlinks stay as given)
        if not is_workspace(root):
            raise UsageError(
                N_("{path} is no workspace (no profiles/ and logs/ in it); `headnode init {path}` makes one"),
                path=str(root),
            )
        return Workspace(root)
    here = Path.cwd()
    for candidate in (here, *here.parents):
        if is_workspace(candidate):
            return Workspace(candidate)
    last = _remembered()
    if last is not None:
        return last
    raise UsageError(
        N_(
            "No workspace here or above {path}; `headnode init` makes one here, `--workspace DIR` or"
            " HEADNODE_WORKSPACE names another"
        ),
        path=str(here),
    )


def _remembered() -> Workspace | None:
    try:
        state = read_json(user_state_directory() / "workspace.json")
    except (OSError, ForeignSchema):
        return None
    path = (state or {}).get("path")
    return Workspace(Path(path)) if isinstance(path, str) and is_workspace(Path(path)) else None


def init_workspace(directory: Path) -> Workspace:
    """Makes `directory` a workspace; what is there already stays. Raises UsageError where that can't be."""
    root = Path(os.path.abspath(directory.expanduser()))  # noqa: PTH100 (symlinks stay as given)
    workspace = Workspace(root)
    try:
        workspace.profiles.mkdir(parents=True, exist_ok=True)
        workspace.logs.mkdir(exist_ok=True)
        readme = workspace.logs / "README.md"
        if not readme.exists():
            readme.write_text(_LOGS_README)
    except OSError as error:
        raise UsageError(
            N_("Cannot make a workspace at {path}: {problem}"),
            path=str(root),
            problem=error.strerror or str(error),
        ) from error
    return workspace
