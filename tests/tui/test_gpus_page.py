"""Page 3 by keys alone, over scripted machines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from runtime.launch import leases, leftovers
from runtime.run.workspace import Workspace
from runtime.telemetry.scenes import uuid
from tests.tui.scene_sampler import playing
from tests.tui.settling import screen_text, settle
from tui.pages.run import RunPage
from tui.store.device_history import DeviceHistory
from tui.store.telemetry import Sample, read_sample
from tui.widgets.gpu_rows import DeviceTable
from tui.widgets.table import Row


async def _opened(pilot: Any) -> None:
    await settle(pilot)
    await pilot.press("3")
    await settle(pilot)


def _line(app: Any, text: str) -> str:
    return next((line for line in screen_text(app).split("\n") if text in line), "")


def _device(app: Any, number: str) -> str:
    return next(
        (line for line in screen_text(app).split("\n") if line[1:].lstrip(" ▸").startswith(f"{number} ")), ""
    )


async def test_eight_devices_fit_at_80_by_24_with_who_is_on_them(panel: Any, sample: Workspace) -> None:
    app = panel(sample, sampler=playing("8", "9c1e", "77aa"))
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        text = screen_text(app)
        assert "simulated GPUs" in text
        assert "71.2 / 80.0" in _device(app, "0")
        assert "olmo-1b-9c1e" in _device(app, "0")
        assert "too hot" in _device(app, "3")
        assert "adgen-script-77aa" in _device(app, "4")
        assert "jupyter-lab of mlin" in _device(app, "6")
        assert "free" in _device(app, "7")
        assert "GPU 0 load %" in text  # the chart
        assert "pid 410200" in text  # who is on the selected one, in full


async def test_enter_opens_the_run_of_the_device_and_of_a_process(panel: Any, sample: Workspace) -> None:
    app = panel(sample, sampler=playing("8", "9c1e", "77aa"))
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, RunPage)
        assert app.screen.run_id.endswith("9c1e")
        await pilot.press("escape")
        await settle(pilot)
        assert app.screen.NAME == "gpus"
        assert app.focused.id == "devices"
        for key in ("down", "down", "down", "down", "tab", "tab"):
            await pilot.press(key)
            await pilot.pause()
        await settle(pilot)
        assert app.focused.id == "process-table"
        await pilot.press("enter")
        await settle(pilot)
        assert isinstance(app.screen, RunPage)
        assert app.screen.run_id.endswith("77aa")


async def test_a_foreign_process_opens_nothing_and_is_named(panel: Any, sample: Workspace) -> None:
    app = panel(sample, sampler=playing("8", "9c1e", "77aa"))
    async with app.run_test(size=(120, 40)) as pilot:
        await _opened(pilot)
        await pilot.press(*["down"] * 6)
        await settle(pilot)
        line = _line(app, "398113")
        assert "mlin" in line
        assert "foreign" in line
        await pilot.press("enter")
        await settle(pilot)
        assert app.screen.NAME == "gpus"


async def test_the_metric_of_the_chart_goes_round(panel: Any, sample: Workspace) -> None:
    app = panel(sample, sampler=playing("8", "9c1e", "77aa"))
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        seen = []
        for _metric in range(8):
            seen.append(_line(app, "GPU 0 ").strip().removeprefix("GPU 0 ").split("  ")[0])
            await pilot.press("m")
            await pilot.pause()
        assert seen == [
            "load %", "memory GiB", "power W", "temperature °C", "SM clock MHz", "PCIe MB/s", "NVLink MB/s",
            "load %",
        ]  # fmt: skip


async def test_sorting_puts_the_busiest_first_and_keeps_the_cursor(panel: Any, sample: Workspace) -> None:
    app = panel(sample, sampler=playing("8", "9c1e", "77aa"))
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        table = app.screen.query_one("#devices", DeviceTable)
        await pilot.press("o")
        await settle(pilot)
        loads = [gpu.utilization for gpu in app.store.telemetry.gpus]
        order = [row.key for row in table.rows]
        assert order == [uuid(i) for i in sorted(range(8), key=lambda i: -loads[i])]
        assert table.cursor == uuid(0)


async def test_mig_instances_lie_below_their_device(panel: Any, sample: Workspace) -> None:
    app = panel(sample, sampler=playing("mig", "9c1e", "77aa"))
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        assert "4 MIG instances" in _device(app, "0")
        assert "36.4 / 40.0" in _device(app, "0.0")
        assert "olmo-1b-9c1e" in _device(app, "0.0")
        assert "jupyter-lab of mlin" in _device(app, "0.1")
        assert "free" in _device(app, "0.3")
        assert "the driver doesn't tell this" in screen_text(app)  # no load under MIG
        await pilot.press("down")
        await settle(pilot)
        await pilot.press("m")
        await settle(pilot)
        assert "GPU 0.0 memory GiB" in screen_text(app)


async def test_a_lost_device_stays_listed_and_says_what_to_do(panel: Any, sample: Workspace) -> None:
    app = panel(sample, sampler=playing("lost", "9c1e", "77aa"))
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        assert "lost" in _device(app, "2")
        await pilot.press("down", "down")
        await settle(pilot)
        assert "dmesg" in screen_text(app)
        assert "load %" in screen_text(app)  # what it did before is still there


async def test_a_driver_that_tells_nothing_gives_dashes_and_no_zeros(panel: Any, sample: Workspace) -> None:
    app = panel(sample, sampler=playing("unsupported"))
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        assert "–" in _device(app, "0")
        assert "0%" not in _device(app, "0")
        assert "0.0" not in _device(app, "0")


async def test_a_missing_driver_is_told_with_the_fix_beside_the_machine(
    panel: Any, sample: Workspace
) -> None:
    app = panel(sample, sampler=playing("none"))
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        text = screen_text(app)
        assert "but no driver: install" in text
        assert "processor" in text
        assert "212 GiB of 1.0 TiB" in text


async def test_without_any_gpu_the_machine_is_shown_with_its_slots(panel: Any, sample: Workspace) -> None:
    leases.take("cpu:0", "20261124-073012-demo-1f00", sample.logs)
    app = panel(sample, sampler=playing(None))
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        text = screen_text(app)
        assert "no NVIDIA device in this machine" in text
        assert "63 of 64 free" in text
        assert "demo-1f00  1 slot" in text
        assert "CPU %" in text
        await pilot.press("m")
        await settle(pilot)
        assert "memory GiB" in screen_text(app)


async def test_a_leased_device_without_a_process_says_whose_it_is(panel: Any, sample: Workspace) -> None:
    leases.take(uuid(7), "20261124-073012-waiting-1f00", sample.logs)
    app = panel(sample, sampler=playing("8", "9c1e", "77aa"))
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        assert "leased by waiting-1f00" in _device(app, "7")


async def test_what_an_ended_run_left_is_ended_after_asking(
    panel: Any, sample: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = next(run for run in sample.runs() if run.run_id.endswith("1f00"))
    find = leftovers.find
    # The machine may have those of other tests: they are none of this one's business.
    monkeypatch.setattr(leftovers, "find", lambda: [each for each in find() if each.path == str(run.path)])
    environment = {**os.environ, "HEADNODE_RUN": run.run_id, "HEADNODE_RUN_DIR": str(run.path)}
    left = psutil.Popen(["sleep", "600"], env=environment)
    app = panel(sample, sampler=playing("8", "9c1e", "77aa"))
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            await _opened(pilot)
            await pilot.press("x")
            await settle(pilot)
            assert "End 1 process of ended runs?" in app.screen.title_text()
            assert f"pid {left.pid}" in screen_text(app)
            assert "demo-1f00" in screen_text(app)
            assert left.poll() is None
            await pilot.press("enter")
            await settle(pilot)
            assert left.wait(60) != 0
            await settle(pilot)
            await pilot.press("x")
            await settle(pilot)
            assert app.screen.NAME == "gpus"  # nothing is left to ask about
    finally:
        if left.poll() is None:
            left.kill()
            left.wait()


async def test_only_changed_cells_are_painted_again(panel: Any, sample: Workspace) -> None:
    app = panel(sample, sampler=playing("8", "9c1e", "77aa"))
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        table = app.screen.query_one("#devices", DeviceTable)
        painted: list[Any] = []
        table.refresh = lambda *regions, **_: painted.extend(regions)
        table.set_rows(list(table.rows))
        assert painted == []
        first = table.rows[0]
        changed = Row(first.key, (*first.cells[:3], "999", *first.cells[4:]))
        table.set_rows([changed, *table.rows[1:]])
        (region,) = painted
        assert region.height == 1
        assert region.width == table.column_width("power")


async def test_the_page_in_chinese_has_no_english_sentence(panel: Any, sample: Workspace) -> None:
    app = panel(sample, sampler=playing("none"), language="zh")
    async with app.run_test(size=(80, 24)) as pilot:
        await _opened(pilot)
        text = screen_text(app)
        assert "没有 GPU" in text
        assert "processor" not in text


def _sample(time: float, load: float | None) -> Sample:
    gpu = {"index": 0, "uuid": "GPU-1", "utilization": load}
    found = read_sample({"time": time, "node": "n", "cpu_percent": load, "gpus": [gpu]})
    assert found is not None
    return found


def test_history_before_the_panel_comes_from_runs_and_unknown_values_are_left_out() -> None:
    history = DeviceHistory()
    history.add(_sample(100.0, 50.0))
    history.add(_sample(102.0, None))
    history.add(_sample(104.0, 60.0))
    history.add(_sample(103.0, 99.0))  # the clock was set back
    history.add_earlier([_sample(98.0, 40.0), _sample(96.0, 30.0), _sample(101.0, 77.0)])
    assert history.series("GPU-1", "utilization") == ([96.0, 98.0, 100.0, 104.0], [30.0, 40.0, 50.0, 60.0])
    assert history.series("host", "cpu")[1] == [30.0, 40.0, 50.0, 60.0]
    assert history.series("GPU-2", "power") == ([], [])


def test_what_a_run_recorded_of_this_machine_is_in_the_history(sample: Workspace) -> None:
    import platform

    from tui.widgets.gpu_surroundings import surroundings

    run = next(run for run in sample.runs() if run.run_id.endswith("9c1e"))
    line = {"time": 50.0, "node": "n", "gpus": [{"index": 0, "uuid": "GPU-1", "utilization": 12.0}]}
    run.telemetry(platform.node()).write_text(json.dumps(line) + "\n")
    history = DeviceHistory()
    assert surroundings([run], history).seeded
    assert history.series("GPU-1", "utilization") == ([50.0], [12.0])


def test_the_gpu_page_loads_no_torch() -> None:
    code = "import sys, tui.pages.gpus, tui.pages.doctor; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.stdout.strip() == "False"
