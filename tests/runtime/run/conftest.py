"""A workspace of its own, a run in it, and caches that are nobody else's."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runtime.run.layout import RunDirectory, create_run_directory, new_run_id
from runtime.run.record import RunRecord
from runtime.run.workspace import Workspace, init_workspace


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home" / "state"))
    for name in ("HEADNODE_WORKSPACE", "HEADNODE_RUN_DIR", "HEADNODE_RUN", "HEADNODE_ATTEMPT", "RANK"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "workspace")


MakeRun = Callable[..., RunDirectory]


@pytest.fixture
def make_run(workspace: Workspace) -> MakeRun:
    def make(
        name: str = "demo", job: str = "pretrain", state: str = "running", run_id: str | None = None
    ) -> RunDirectory:
        run_id = run_id or new_run_id(name)
        record = RunRecord(
            run_id=run_id,
            path=str(workspace.logs / run_id),
            name=name,
            job=job,
            state=state,
            attempt=1,
            created=time.time(),
        )
        files: dict[str, Any] = {
            "run.json": record.to_json(),
            "profile.yaml": f"name: {name}\n",
            "attempts/1/command.json": {},
        }
        return create_run_directory(workspace, run_id, files)

    return make


@pytest.fixture
def run(make_run: MakeRun) -> RunDirectory:
    return make_run()
