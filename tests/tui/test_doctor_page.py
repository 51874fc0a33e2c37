"""Page 9 by keys alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runtime.doctor import Check, Group, Surroundings
from runtime.doctor.disk_speed import PREFIX
from runtime.messages import Message
from runtime.run.workspace import Workspace
from tests.tui.settling import screen_text, settle
from tui.widgets.table import Table


def check(name: str, status: Any, message: str, fix: str | None = None) -> Check:
    return Check(name, Message(name), status, Message(message), Message(fix) if fix else None)


def group(name: str, *checks: Check, gate: threading.Event | None = None) -> Group:
    """A group with these results; with `gate` only once that is set."""

    def run(surroundings: Surroundings) -> Iterator[Check]:
        if gate is not None:
            gate.wait(60)
        yield from checks

    return Group(name, Message(name.capitalize()), run)


async def until(pilot: Any, condition: Callable[[], bool], seconds: float = 120.0) -> None:
    """Waits for what a thread brings about."""
    for _look in range(int(seconds / 0.05)):
        if condition():
            return
        await pilot.pause()
        await asyncio.sleep(0.05)
    raise AssertionError(screen_text(pilot.app))


def _select(app: Any, key: str) -> None:
    app.screen.query_one(Table).cursor = key


async def test_results_are_shown_as_they_come_and_nothing_waits_for_the_slow(
    panel: Any, sample: Workspace
) -> None:
    gate = threading.Event()
    slow = group("slow", check("late", "fail", "it is broken", "mend it"), gate=gate)
    fast = group("fast", check("early", "ok", "is fine"))
    app = panel(sample, doctor=lambda: [fast, slow])
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("9")
        await until(pilot, lambda: "is fine" in screen_text(app))
        assert "it is broken" not in screen_text(app)
        assert "checking" in screen_text(app)
        await pilot.press("1", "9")  # the panel goes on meanwhile
        gate.set()
        await until(pilot, lambda: "1 to be mended" in screen_text(app))
        assert "→ mend it" in screen_text(app)  # the cursor is on what is worst
        assert "checking" not in screen_text(app)


async def test_enter_does_the_checks_of_the_group_again(panel: Any, sample: Workspace) -> None:
    count = [0]

    def run(surroundings: Surroundings) -> Iterator[Check]:
        count[0] += 1
        yield check("counted", "ok", f"time {count[0]}")

    app = panel(sample, doctor=lambda: [Group("g", Message("G"), run)])
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("9")
        await until(pilot, lambda: "time 1" in screen_text(app))
        await pilot.press("enter")
        await until(pilot, lambda: "time 2" in screen_text(app))


async def test_a_check_that_breaks_is_shown_and_the_panel_goes_on(panel: Any, sample: Workspace) -> None:
    def run(surroundings: Surroundings) -> Iterator[Check]:
        yield check("first", "ok", "is fine")
        raise OSError("the machine is on fire")

    app = panel(sample, doctor=lambda: [Group("g", Message("G"), run)])
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("9")
        await until(pilot, lambda: "on fire" in screen_text(app))
        assert "is fine" in screen_text(app)


async def test_the_real_checks_look_at_this_terminal_and_workspace(panel: Any, sample: Workspace) -> None:
    from runtime.doctor import GROUPS

    wanted = [group for group in GROUPS if group.name in ("terminal", "installation")]
    app = panel(sample, doctor=lambda: wanted)
    async with app.run_test(size=(100, 40)) as pilot:
        await settle(pilot)
        await pilot.press("9")
        await until(pilot, lambda: "100×40" in screen_text(app))
        await until(pilot, lambda: "✓  workspace" in screen_text(app))


async def test_disk_speed_is_measured_on_request_and_leaves_nothing(
    panel: Any, sample: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.doctor.disk_speed._MOST_BYTES", 64 << 20)
    app = panel(sample, doctor=lambda: [])
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("9")
        await settle(pilot)
        assert "enter measures it" in screen_text(app)
        _select(app, "measure:disk_speed")
        await pilot.press("enter")
        await until(pilot, lambda: "MB/s" in screen_text(app))
    assert list(sample.logs.glob(f"{PREFIX}*")) == []


async def test_esc_ends_a_measurement_and_leaves_nothing(
    panel: Any, sample: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, gate = threading.Event(), threading.Event()

    def held(descriptor: int, data: bytes) -> int:
        started.set()
        gate.wait(60)
        return len(data)

    monkeypatch.setattr("runtime.doctor.disk_speed._whole", held)
    app = panel(sample, doctor=lambda: [])
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        await pilot.press("9")
        await settle(pilot)
        _select(app, "measure:disk_speed")
        await pilot.press("enter")
        await until(pilot, started.is_set)
        assert len(list(sample.logs.glob(f"{PREFIX}*"))) == 1
        assert "esc breaks it off" in screen_text(app)
        await pilot.press("escape")
        gate.set()
        await until(pilot, lambda: not list(sample.logs.glob(f"{PREFIX}*")))
        await until(pilot, lambda: "enter measures it" in screen_text(app))
        assert app.screen.NAME == "doctor"
