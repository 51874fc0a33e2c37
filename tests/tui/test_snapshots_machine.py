"""Pictures of the pages GPUs and Doctor. `pytest --snapshot-update` after looking at them."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from runtime.run.workspace import Workspace
from tests.tui.scene_sampler import playing
from tests.tui.settling import settle
from tests.tui.test_doctor_page import check, group


async def _gpus(pilot: Pilot[Any]) -> None:
    await settle(pilot)
    await pilot.press("3")
    await settle(pilot)


async def _doctor(pilot: Pilot[Any]) -> None:
    await settle(pilot)
    await pilot.press("9")
    await settle(pilot)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
def test_gpus_page(snap_compare: Any, panel: Any, sample: Workspace, size: tuple[int, int]) -> None:
    app = panel(sample, sampler=playing("8", "9c1e", "77aa"))
    assert snap_compare(app, terminal_size=size, run_before=_gpus)


def test_gpus_page_of_a_machine_without_any_in_chinese(
    snap_compare: Any, panel: Any, sample: Workspace
) -> None:
    app = panel(sample, sampler=playing(None), language="zh")
    assert snap_compare(app, terminal_size=(80, 24), run_before=_gpus)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_doctor_page(snap_compare: Any, panel: Any, sample: Workspace, language: str) -> None:
    groups = [
        group(
            "software", check("Python", "ok", "3.12.3"), check("torch", "ok", "2.13.0, built for CUDA 13.0")
        ),
        group(
            "storage",
            check("disk space", "warn", "12.3 GiB of 900.0 GiB free in ~/train/logs", "free some space"),
            check("inodes", "ok", "16,064,128 of 16,777,216 files can still be made"),
        ),
        group("limits", check("after logout", "fail", "runs are killed", "loginctl enable-linger, once")),
    ]
    app = panel(sample, doctor=lambda: groups, language=language)
    assert snap_compare(app, terminal_size=(80, 24), run_before=_doctor)
