"""What the panel costs, on a real terminal of 120×40, beside an empty Textual app in the same run.

    python benchmarks/panel.py [--rounds 7] [--seconds 10] [--json]

*Ready*: from the start of the process until the first screen stands (and for the panel, with the runs in it),
alternating with an
app of Textual that has nothing in it; medians. *Idle*: with a run that logs two steps a second, the processor
time of the panel (and
of its sampler) and the bytes that it sends, on the Runs page and on the page of the run, each over
`--seconds`. *Answered*: from a key until the first byte of the row, curve or page that it moves, on a
terminal that is read at once.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from runtime.run.workspace import Workspace  # noqa: E402
from tests.tui.sample_workspace import PLANS, live, make_workspace  # noqa: E402
from tests.tui.terminal import Terminal  # noqa: E402

EMPTY = """
from textual.app import App
class Empty(App):
    pass
Empty().run()
"""
PANEL = """
import sys
from dataclasses import replace
from pathlib import Path
from runtime.run.workspace import Workspace
from tui.app import HeadnodeApp
from tui.store.services import Services
HeadnodeApp(Workspace(Path(sys.argv[1])), services=Services(adopt=lambda workspace: [])).run()
"""  # adoption is looked for as ever, but the sample's runs have no processes that could be adopted
LIVE = next(plan for plan in PLANS if plan.suffix == "9c1e")
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="headnode-benchmark-") as directory:
        home = Path(directory)
        workspace = make_workspace(home / "train", time.time())
        empty, panel = _ready(workspace, home, options.rounds)
        writer = threading.Thread(target=_write, args=(workspace,), daemon=True)
        writer.start()
        runs = _idle(workspace, home, options.seconds, keys="")
        run = _idle(workspace, home, options.seconds, keys="jj\r")
        keys = _answered(workspace, home, options.presses)
    result = {
        "rounds": options.rounds,
        "empty_ready_seconds": round(empty, 3),
        "panel_ready_seconds": round(panel, 3),
        "ready_ratio": round(panel / empty, 2),
        "runs_page": runs,
        "run_page": run,
        "keys": keys,
    }
    if options.json:
        print(json.dumps(result))
    else:
        _print(result)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="starts of each app; the median counts")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long the idle panel is watched")
    parser.add_argument("--presses", type=int, default=60, help="of the cursor keys; a quarter of other keys")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "VIRTUAL_ENV") if name in os.environ}
    path = os.pathsep.join([str(ROOT), *filter(None, [kept.get("PYTHONPATH")])])
    return {
        **kept,
        "PYTHONPATH": path,
        "HOME": str(home),
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
        "LANG": "C.UTF-8",
        "SSH_CONNECTION": "198.51.100.1 1 198.51.100.2 22",
    }


def _ready(workspace: Workspace, home: Path, rounds: int) -> tuple[float, float]:
    """Median seconds until ready: (empty app, panel). An empty app is ready when it has drawn its first
    frame."""
    empty, panel = [], []
    for _round in range(rounds + 1):
        empty.append(_seconds(["-c", EMPTY], home, b"\x1b[40;1H"))
        panel.append(_seconds(["-c", PANEL, str(workspace.root)], home, b"probe-e0e0"))
    return statistics.median(empty[1:]), statistics.median(
        panel[1:]
    )  # the first fills the caches of the disk


def _seconds(arguments: list[str], home: Path, sign: bytes) -> float:
    begin = time.perf_counter()
    with Terminal([sys.executable, *arguments], _environment(home)) as terminal:
        terminal.read_until(lambda output: sign in output)
        return time.perf_counter() - begin


def _write(workspace: Workspace) -> None:
    live(workspace, next(run for run in workspace.runs() if run.run_id.endswith(LIVE.suffix)), LIVE)


def _idle(workspace: Workspace, home: Path, seconds: float, keys: str) -> dict[str, float]:
    """Percent of a core and bytes a second on the page that these keys lead to."""
    with Terminal([sys.executable, "-c", PANEL, str(workspace.root)], _environment(home)) as terminal:
        terminal.read_until(lambda output: b"probe-e0e0" in output)
        terminal.read(1.0)
        for key in keys:
            terminal.press(key)
            terminal.read(0.3)
        _collect(terminal, 6.0)
        pid = terminal.process.pid
        children = _children(pid)
        begin, before = time.perf_counter(), _processor(pid)
        sampler = sum(map(_processor, children))
        sent = _collect(terminal, seconds)
        passed = time.perf_counter() - begin
        return {
            "processor_percent": round(100 * (_processor(pid) - before) / passed, 2),
            "sampler_percent": round(100 * (sum(map(_processor, children)) - sampler) / passed, 2),
            "kilobytes_per_second": round(sent / passed / 1000, 2),
        }


def _answered(workspace: Workspace, home: Path, presses: int) -> dict[str, dict[str, float]]:
    """Milliseconds until a key is answered, by what it does."""
    cursor, charts, pages = b"\xe2\x96\xb8", "┤".encode(), b"Profiles"
    with Terminal([sys.executable, "-c", PANEL, str(workspace.root)], _environment(home)) as terminal:
        terminal.read_until(lambda output: b"probe-e0e0" in output)
        _collect(terminal, 3.0)
        found = {"cursor": _times(terminal, "jjjjkkkk", cursor, presses)}
        found["page"] = _times(terminal, "21", pages, presses // 4)
        for key in "kkkkkkkkjj\r":  # a run with curves
            terminal.press(key)
            _collect(terminal, 0.5)
        _collect(terminal, 2.0)
        found["zoom"] = _times(terminal, "+-", charts, presses // 4)
    return found


def _times(terminal: Terminal, keys: str, sign: bytes, presses: int) -> dict[str, float]:
    times = []
    for number in range(presses):
        _collect(terminal, 0.25)
        before = len(terminal.output)
        terminal.press(keys[number % len(keys)])
        times.append(1000 * terminal.read_until(lambda output, b=before: sign in output[b:]))
    times.sort()
    return {
        "median_milliseconds": round(statistics.median(times), 1),
        "p95_milliseconds": round(times[min(len(times) - 1, int(len(times) * 0.95))], 1),
    }


def _collect(terminal: Terminal, seconds: float) -> int:
    """Reads for that long, whatever comes; how many bytes there were."""
    end, before = time.perf_counter() + seconds, len(terminal.output)
    while (left := end - time.perf_counter()) > 0:
        terminal.read(left)
        time.sleep(min(left, 0.01))
    return len(terminal.output) - before


def _processor(pid: int) -> float:
    """Seconds of processor time that the process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in listed for child in path.read_text().split()]


def _print(result: dict[str, object]) -> None:
    ratio = f"{result['ready_ratio']} × (at most 1.6)"
    print(f"ready (median of {result['rounds']})")
    print(f"  empty Textual app   {result['empty_ready_seconds']:.3f} s")
    print(f"  panel               {result['panel_ready_seconds']:.3f} s   {ratio}")
    for name, title in (("runs_page", "Runs page"), ("run_page", "page of a run")):
        page = result[name]
        assert isinstance(page, dict)
        print(f"idle, {title}, a run logs twice a second")
        print(f"  panel    {page['processor_percent']:.2f} % of a core (at most 2)")
        print(f"  sampler  {page['sampler_percent']:.2f} % of a core")
        print(f"  sent     {page['kilobytes_per_second']:.2f} kB/s (at most 20)")
    keys = result["keys"]
    assert isinstance(keys, dict)
    for name, times in keys.items():
        median, p95 = times["median_milliseconds"], times["p95_milliseconds"]
        print(f"a key is answered, {name:<7} median {median:.1f} ms, p95 {p95:.1f} ms (at most 50)")


if __name__ == "__main__":
    sys.exit(main())
