"""How a log of 1 GB opens and is searched.

    python benchmarks/log_view.py [SIZE_IN_MB]

Prints medians: from `show(path)` to the last lines on screen (goal ≤ 0.3 s), one page up, a literal search
through the whole file in MB/s (goal ≥ 500), both ways and without regard to case, a regular expression, the
search for an error, the same for eight logs of this size together merged by time, and how much anonymous
memory the process had at most (goal ≤ 150 MiB; what the kernel keeps of the files isn't its own). The files
are written to the temporary directory first, and read once before the searches are timed, so that these don't
time the disk.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from textual.app import App, ComposeResult

from tui.logs.jump import line_offset
from tui.logs.merge import MergedLog, Part
from tui.logs.search import Needle, Pattern, find_place, next_error, search
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


class AnonymousMemory(Thread):
    """The most anonymous memory (RssAnon, in MiB) that this process had while the `with` block went on."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0.0
        self._ended = Event()

    def run(self) -> None:
        while not self._ended.wait(0.01):
            self.most = max(self.most, anonymous_mebibytes())

    def __enter__(self) -> AnonymousMemory:
        self.most = anonymous_mebibytes()
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self.join()


def anonymous_mebibytes() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    return 0.0


def write_ranks(directory: Path, megabytes: int, ranks: int = 8) -> list[Part]:
    """Logs of so many ranks, of this size together, with a note of each second in which they grew."""
    parts = []
    for rank in range(ranks):
        log, times = directory / f"rank-{rank}.log", directory / f"rank-{rank}.times"
        size = write_log(log, megabytes // ranks)
        seconds = min(86_400, size // 200)
        times.write_bytes(
            b"".join(
                f"{1_795_000_000.0 + second:014.3f} {size * (second + 1) // seconds:016d}\n".encode()
                for second in range(seconds)
            )
        )
        parts.append(Part(f"[{rank}]", log, times))
    return parts


def searches_of(path: Path) -> dict[str, Callable[[], object]]:
    return {
        "forwards, any case ": lambda: search(path, Needle("no such text"), 0),
        "forwards, this case": lambda: search(path, Needle("No such text"), 0),
        "backwards, any case": lambda: search(path, Needle("no such text"), 1 << 62, forwards=False),
        "regular expression ": lambda: search(path, Pattern(r"no such \d+"), 0),
        "next error         ": lambda: next_error(path, 0),
        "line 10,000,000    ": lambda: line_offset(path, 10_000_000),
    }


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as name, AnonymousMemory() as memory:
        directory = Path(name)
        path = directory / "one.log"
        size = write_log(path, megabytes)
        opened, up = asyncio.run(screen(path))
        print(f"open {size / 1e9:.2f} GB: {opened * 1000:.1f} ms, page up {up * 1000:.1f} ms")
        search(path, Needle("no such text"), 0)
        for title, run in searches_of(path).items():
            print(f"search {title} {size / 1e6 / median_seconds(run):8.0f} MB/s")
        path.unlink()
        parts = write_ranks(directory, megabytes)
        merged = MergedLog(parts)
        load = median_seconds(merged.load)
        last = median_seconds(lambda: [merged.piece_before(merged.size - 4096 * n) for n in range(60)])
        print(f"merge {len(parts)} logs, {merged.size / 1e9:.2f} GB: {load * 1000:.0f} ms in a thread")
        print(f"60 lines from all over its end: {last * 1000:.1f} ms")
        find_place(merged, Needle("no such text"), 0, True)
        seconds = median_seconds(lambda: find_place(merged, Needle("no such text"), 0, True), 3)
        print(f"search through the merged logs  {merged.size / 1e6 / seconds:8.0f} MB/s")
    print(f"anonymous memory {memory.most:.0f} MiB at most")


if __name__ == "__main__":
    main()
