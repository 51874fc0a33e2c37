"""Pictures of profiles, preflight, checkpoints and the resume dialog; update them after looking at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from runtime.launch.check import Check
from runtime.launch.plan import ResumePlan
from runtime.launch.plan_row import PlanRow
from runtime.messages import Message
from runtime.profile import find, loads
from runtime.run.checkpoints import find_checkpoint
from runtime.run.workspace import Workspace
from tests.tui.sample_checkpoints import fill, run_of
from tests.tui.sample_profiles import SMALL, write_profiles
from tests.tui.settling import settle
from tui.dialogs import resume_plan
from tui.dialogs.resume_work import Answer, Question
from tui.pages import preflight
from tui.widgets import preflight_report

CHECKS = (
    Check("profile", "ok", Message("{name} is a valid {job} profile", {"name": "small", "job": "pretrain"})),
    Check(
        "disk",
        "warn",
        Message(
            "{free} GiB free, but checkpoints and logs need about {needed} GiB",
            {"free": "0.1", "needed": "0.4"},
        ),
        Message("free some space, or lower checkpoint.keep_last"),
    ),
    Check("threads", "ok", Message("{processes} × {threads} threads on {cores} cores",
                                   {"processes": 1, "threads": 1, "cores": 2})),
)  # fmt: skip
ROWS = (
    PlanRow("step", 140_000, 140_000, True, "same"),
    PlanRow("train.micro_batch", "8 × 64", "8 × 128", False, "note",
            Message("the same global batch, summed in another order")),
    PlanRow("launch.processes", 4, 2, False, "note",
            Message("the order of samples is kept; results differ in the last digits, dropout draws anew")),
    PlanRow("versions.torch", "2.12.0", "2.13.0", False, "acknowledge",
            Message("another version may compute in another order; results can differ in the last digits")),
    PlanRow("data.fingerprint", "43366b4262871bf3", "43366b4262871bf3", True, "same"),
    PlanRow("train.seed", 0, 0, True, "same"),
)  # fmt: skip


@pytest.fixture
def profiles(empty: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setattr(find, "shipped_directory", lambda: tmp_path / "shipped")
    write_profiles(empty, tmp_path / "shipped")
    return empty


@pytest.fixture
def saved(sample: Workspace) -> Workspace:
    fill(sample)
    return sample


def _opening(page: str, arguments: dict[str, str], *keys: str) -> Callable[[Pilot[Any]], Any]:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        pilot.app.show_page(page, **arguments)  # type: ignore[attr-defined]
        await settle(pilot, rounds=3)
        for key in keys:
            await pilot.press(key)
            await settle(pilot, rounds=3)

    return before


@pytest.mark.parametrize(("name", "width", "height", "language"), [
    ("small", 120, 40, "en"), ("small", 200, 60, "zh"), ("wrong", 80, 24, "en"),
])  # fmt: skip
def test_profiles_page(
    snap_compare: Any, panel: Any, profiles: Workspace, name: str, width: int, height: int, language: str
) -> None:
    app = panel(profiles, language=language)
    before = _opening("profiles", {"profile": name})
    assert snap_compare(app, terminal_size=(width, height), run_before=before)


def test_profile_editor(snap_compare: Any, panel: Any, profiles: Workspace) -> None:
    before = _opening("profiles", {"profile": "wrong"}, "e", "down")
    assert snap_compare(panel(profiles), terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize(("width", "height", "language"), [(80, 24, "zh"), (120, 40, "en")])
def test_preflight_page(
    snap_compare: Any, panel: Any, profiles: Workspace, monkeypatch: pytest.MonkeyPatch,
    width: int, height: int, language: str,
) -> None:  # fmt: skip
    def inspect(path: Path, overrides: Any, workspace: Workspace) -> preflight_report.Report:
        report = preflight_report.inspect(path, overrides, workspace)
        return replace(
            report,
            checks=CHECKS,
            command="/opt/venv/bin/python -m runtime.jobs",
            directory="/srv/train",
            environment=("HEADNODE_RUN", "RANK", "WORLD_SIZE"),
        )

    monkeypatch.setattr(preflight, "inspect", inspect)
    monkeypatch.setattr(preflight.PreflightPage, "_shell_command", lambda *_: "headnode launch small")
    before = _opening("profiles", {"profile": "small"}, "enter")
    app = panel(profiles, language=language)
    assert snap_compare(app, terminal_size=(width, height), run_before=before)


@pytest.mark.parametrize(("width", "height", "language"), [
    (80, 24, "en"), (120, 40, "zh"), (200, 60, "en"),
])  # fmt: skip
def test_checkpoints_page(
    snap_compare: Any, panel: Any, saved: Workspace, width: int, height: int, language: str
) -> None:
    app = panel(saved, language=language)
    before = _opening("checkpoints", {"run_id": run_of(saved, "3f2a").run_id}, "down")
    assert snap_compare(app, terminal_size=(width, height), run_before=before)


@pytest.mark.parametrize(("width", "height", "language"), [(80, 24, "zh"), (120, 40, "en")])
def test_resume_dialog(
    snap_compare: Any, panel: Any, saved: Workspace, monkeypatch: pytest.MonkeyPatch,
    width: int, height: int, language: str,
) -> None:  # fmt: skip
    run = run_of(saved, "3f2a")
    plan = ResumePlan(
        run.run_id, 140_000, find_checkpoint(run, 140_000), (), ROWS, world_size=2, profile=loads(SMALL)
    )
    monkeypatch.setattr(resume_plan, "answer", lambda *_: Answer(Question(None, (), False), plan))
    app = panel(saved, language=language)
    before = _opening("checkpoints", {"run_id": run.run_id}, "r")
    assert snap_compare(app, terminal_size=(width, height), run_before=before)
