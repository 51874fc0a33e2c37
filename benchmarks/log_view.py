"""How a log of 1 GB opens and is searched.

    python benchmarks/log_view.py [SIZE_IN_MB]

Prints medians: from `show(path)` to the last lines on screen (goal ≤ 0.3 s), one page up, a literal search
through the whole file in MB/s (goal ≥ 500), both ways and without regard to case, the search for an error,
and by how much the process has grown. The file is written to the temporary directory first, and read once
before the searches are timed, so that these don't time the disk.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from textual.app import App, ComposeResult

from tui.widgets.log_search import Needle, next_error, search
from tui.widgets.log_view import LogView

ROUNDS = 5


def write_log(path: Path, megabytes: int) -> int:
    """A training's log of this size; returns its bytes."""
    lines = "".join(
        f"2026-11-24 14:{i // 60 % 60:02d}:{i % 60:02d} step {451_000 + i} loss {2.41 + i % 7 * 1e-3:.4f} "
        f"gn 0.31 lr 2.1e-4 371.{i % 10}k tok/s\n"
        for i in range(12_000)
    ).encode()
    with path.open("wb") as file:
        while file.tell() < megabytes * 1_000_000:
            file.write(lines)
        return file.tell()


def median_seconds(run: Callable[[], object], rounds: int = ROUNDS) -> float:
    times = []
    for _round in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


class _App(App[None]):
    def compose(self) -> ComposeResult:
        yield LogView()


async def screen(path: Path) -> tuple[float, float]:
    """Seconds to open the file and to go one page up, each up to the strips."""
    app = _App()
    async with app.run_test(size=(200, 60)) as pilot:
        await pilot.pause()
        view = app.query_one(LogView)

        def strips() -> None:
            for y in range(view.lines.size.height):
                view.lines.render_line(y)

        def opened() -> None:
            view.show(path)
            strips()

        def up() -> None:
            view.lines.action_page(-1)
            strips()

        return median_seconds(opened), median_seconds(up)


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "rank-0.log"
        size = write_log(path, megabytes)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        opened, up = asyncio.run(screen(path))
        print(f"open {size / 1e9:.2f} GB: {opened * 1000:.1f} ms, page up {up * 1000:.1f} ms")
        search(path, Needle("no such text"), 0)
        searches: dict[str, Callable[[], object]] = {
            "forwards, any case ": lambda: search(path, Needle("no such text"), 0),
            "forwards, this case": lambda: search(path, Needle("No such text"), 0),
            "backwards, any case": lambda: search(path, Needle("no such text"), 1 << 62, forwards=False),
            "next error         ": lambda: next_error(path, 0),
        }
        for name, run in searches.items():
            print(f"search {name} {size / 1e6 / median_seconds(run):8.0f} MB/s")
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"memory grew by {grown / 1024:.0f} MiB at most")


if __name__ == "__main__":
    main()
