"""What the panel costs with many runs: 20 that go on and 1,000 that are over, on a real terminal of 120×40.

    python benchmarks/many_runs.py [--live 20] [--finished 1000] [--rounds 7] [--seconds 20] [--json]

A second process writes to each live run what its ranks and its supervisor would: two lines of metrics a
second and a new `run.json` every second. *Ready*: from the start of the process until the first screen with
runs on it stands; the median. *Idle*: the processor time of the panel (its sampler is counted apart) over
`--seconds`, while nobody presses anything. *Key*: from the moment a key is sent until the first byte of the
answer has come, over 200 keys down, up, to the end and home; between two keys the terminal is quiet for a
moment, so that an answer can't be taken for news of a run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.panel import PANEL, _children, _collect, _environment, _processor, _seconds  # noqa: E402
from runtime.run.layout import RunDirectory  # noqa: E402
from runtime.run.metrics import MetricsWriter  # noqa: E402
from runtime.run.record import Summary, read_record, write_record  # noqa: E402
from runtime.run.workspace import Workspace, init_workspace  # noqa: E402
from tests.tui.sample_workspace import PLANS, make_run, values  # noqa: E402
from tests.tui.terminal import Terminal  # noqa: E402

QUIET_SECONDS = 0.06
KEYS = ("j", "j", "k", "j", "\x1b[F", "k", "\x1b[H", "j")


def main() -> int:
    options = _options()
    if options.write is not None:
        write(Workspace(options.write))
        return 0
    with tempfile.TemporaryDirectory(prefix="headnode-benchmark-") as directory:
        home = Path(directory)
        workspace = make(home / "train", options.live, options.finished)
        writer = subprocess.Popen([sys.executable, __file__, "--write", str(workspace.root)])
        try:
            result = measure(workspace, home, options)
        finally:
            writer.terminate()
            writer.wait()
    print(json.dumps(result) if options.json else _text(result))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--live", type=int, default=20)
    parser.add_argument("--finished", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=7, help="starts of the panel; the median counts")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long the idle panel is watched")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def make(root: Path, live: int, finished: int) -> Workspace:
    """The workspace: runs that are over differ in age, state and loss; a tenth of them has a tag."""
    workspace, now = init_workspace(root), time.time()
    rng = random.Random(7)
    over = [plan for plan in PLANS if plan.ended is not None]
    patterns = [
        make_run(workspace, replace(plan, suffix=f"f{index:03x}"), now) for index, plan in enumerate(over)
    ]
    for number in range(finished - len(over)):
        pattern = patterns[number % len(patterns)]
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now - 86400 * rng.uniform(4, 300)))
        name = f"{stamp}-{pattern.run_id[16:-5]}-{number:04x}"
        run = RunDirectory(workspace.logs / name)
        (run.path / "annotations").mkdir(parents=True)
        run.record.write_text(pattern.record.read_text().replace(pattern.run_id, name))
        if number % 10 == 0:
            from runtime.run.annotations import tag

            tag(run, "baseline")
    pattern_plan = next(plan for plan in PLANS if plan.suffix == "9c1e")
    for number in range(live):
        make_run(workspace, replace(pattern_plan, suffix=f"aa{number:02x}", age=3600.0 + number), now)
    return workspace


def write(workspace: Workspace) -> None:
    """Goes on logging to every live run, spread over the second."""
    live = [run for run in workspace.runs() if (record := read_record(run)) is not None and record.active]
    writers = [MetricsWriter(run.metrics, 2) for run in live]
    rng, step = random.Random(1), 451_002
    while True:
        begun = time.monotonic()
        step += 2
        for index, (run, writer) in enumerate(zip(live, writers, strict=True)):
            now = values(step, 739_328, rng)
            writer.write(step - 1, now)
            writer.write(step, now)
            record = read_record(run)
            assert record is not None
            old = record.summary
            curve = (*old.sparkline[1:], now["train/loss"])
            summary = Summary(
                **{**old.__dict__, "updated": time.time(), "step": step, "progress": step / 739_328,
                   "metrics": {**old.metrics, **now}, "sparkline": curve,
                   "tokens_per_second": now["throughput/tokens_per_second"]}
            )  # fmt: skip
            write_record(run, replace(record, summary=summary))
            due = begun + (index + 1) / len(live)
            time.sleep(max(0.0, due - time.monotonic()))


def measure(workspace: Workspace, home: Path, options: argparse.Namespace) -> dict[str, object]:
    command = ["-c", PANEL, str(workspace.root)]
    ready = [_seconds(command, home, b"-aa00") for _round in range(options.rounds + 1)][1:]
    with Terminal([sys.executable, *command], _environment(home)) as terminal:
        terminal.read_until(lambda output: b"-aa00" in output)
        _collect(terminal, 8.0)
        pid = terminal.process.pid
        children = _children(pid)
        begin, before = time.perf_counter(), _processor(pid)
        sampler = sum(map(_processor, children))
        sent = _collect(terminal, options.seconds)
        passed = time.perf_counter() - begin
        idle = 100 * (_processor(pid) - before) / passed
        sampling = 100 * (sum(map(_processor, children)) - sampler) / passed
        answers = sorted(_answer(terminal, KEYS[number % len(KEYS)]) for number in range(200))
        resident = _resident(pid)
    return {
        "live": options.live,
        "finished": options.finished,
        "rounds": options.rounds,
        "ready_seconds": round(statistics.median(ready), 3),
        "processor_percent": round(idle, 2),
        "sampler_percent": round(sampling, 2),
        "kilobytes_per_second": round(sent / passed / 1000, 2),
        "key_milliseconds_median": round(1000 * statistics.median(answers), 1),
        "key_milliseconds_95": round(1000 * answers[int(len(answers) * 0.95)], 1),
        "resident_mib": round(resident / 2**20, 1),
    }


def _answer(terminal: Terminal, key: str) -> float:
    """Seconds until something comes after the key, sent into a quiet moment."""
    while select.select([terminal.master], [], [], QUIET_SECONDS)[0]:
        terminal.read(0.005)
    begin = time.perf_counter()
    terminal.press(key)
    select.select([terminal.master], [], [], 2.0)
    return time.perf_counter() - begin


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _text(result: dict[str, object]) -> str:
    return "\n".join(
        [
            f"{result['live']} live runs and {result['finished']} that are over",
            f"  ready    {result['ready_seconds']} s (at most 0.5; median of {result['rounds']})",
            f"  idle     {result['processor_percent']} % of a core (at most 3), "
            f"sampler {result['sampler_percent']} %, {result['kilobytes_per_second']} kB/s sent",
            f"  key      {result['key_milliseconds_median']} ms, 95 % within "
            f"{result['key_milliseconds_95']} ms (at most 50)",
            f"  memory   {result['resident_mib']} MiB resident",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
