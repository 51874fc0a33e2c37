"""Reading a long stretch of a metrics file aside, into the cache as far as there is one.

A thread sees to it. It lets helper processes parse (so that neither the interpreter nor a second core of the
panel is held up), each a part of the file, and takes their work out of the cache; what they didn't do, for
whatever reason, it parses itself.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from runtime.run.metrics_cache import MetricsCache
from runtime.run.metrics_columns import Block, MemoryBlock, merge, parse
from runtime.run.metrics_source import Mark, line_start, whole_lines

SEGMENT = 64 << 20
"""Source bytes a segment of the cache; bounds what is held in memory while reading to about a third of
that."""
WORTH_KEEPING = 1 << 20
"""Source bytes; to parse less takes a few milliseconds, which isn't worth a file."""
WORTH_HELP = 48 << 20
"""Source bytes; helpers take a few tenths of a second to start."""
_HELPERS = 2
_BREATH = 0.0002


@dataclass
class Stretch:
    """What was read of a file from an offset on.

    `kept` are blocks in the cache (or in memory where there is none), `recent` follows them from
    `recent_start` on and isn't in the cache; all end at `read_to`.
    """

    recent_start: int
    read_to: int
    kept: list[Block] = field(default_factory=list)
    recent: MemoryBlock | None = None
    cache_works: bool = True

    def read(self, descriptor: int, cache: MetricsCache, end: int, proceed: Callable[[], bool]) -> None:
        """Reads on to the last whole line before `end`; asks between pieces whether to go on."""
        blocks: list[Block] = []
        for data, read_to in whole_lines(descriptor, self.read_to, end):
            if not proceed():
                return
            blocks.append(parse(data))
            self.read_to = read_to
            if self.read_to - self.recent_start >= SEGMENT:
                self._keep(descriptor, cache, merge(blocks))
                blocks = []
        if not blocks:
            return
        rest = merge(blocks)
        if self.read_to - self.recent_start >= WORTH_KEEPING:
            self._keep(descriptor, cache, rest)
        else:
            self.recent = rest

    def take_cached(self, descriptor: int, cache: MetricsCache) -> None:
        """Goes on as far as the cache goes."""
        blocks, self.read_to = cache.load(descriptor, self.read_to)
        self.kept.extend(blocks)
        self.recent_start = self.read_to

    def _keep(self, descriptor: int, cache: MetricsCache, block: MemoryBlock) -> None:
        cached = None
        if self.cache_works:
            cached = cache.save(block, descriptor, self.recent_start, self.read_to)
            self.cache_works = cached is not None
        self.kept.append(block if cached is None else cached)
        self.recent_start = self.read_to


class ReadJob:
    """Reads the bytes from `mark` to `end`; when it is `done`, `result` is what it read, or `error` says why
    it isn't all.
    """

    def __init__(self, path: Path, cache: MetricsCache, mark: Mark, end: int) -> None:
        self.result = Stretch(mark.offset, mark.offset)
        self.error: Exception | None = None
        self._path = path
        self._cache = cache
        self._mark = mark
        self._end = end
        self._helped = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metrics reader", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether the thread has ended."""
        return not self._thread.is_alive()

    @property
    def progress(self) -> float:
        """Share read so far."""
        read = max(self.result.read_to - self._mark.offset, self._helped)
        return read / max(1, self._end - self._mark.offset)

    def join(self) -> None:
        """Waits for the end."""
        self._thread.join()

    def stop(self) -> None:
        """Ends the thread soon; what it has is of no use then."""
        self._stopped.set()

    def _run(self) -> None:
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                if self._mark.holds(descriptor):
                    self._read(descriptor)
            finally:
                os.close(descriptor)
        except Exception as error:  # noqa: BLE001 (raised again by the reader's next poll)
            self.error = error

    def _read(self, descriptor: int) -> None:
        if self._end - self._mark.offset >= WORTH_HELP and self._cache.writable():
            self._let_help(descriptor)
            self.result.take_cached(descriptor, self._cache)
        self.result.read(descriptor, self._cache, self._end, self._proceed)
        self._cache.prune()

    def _proceed(self) -> bool:
        time.sleep(_BREATH)  # lets a thread that draws have the interpreter
        return not self._stopped.is_set()

    def _let_help(self, descriptor: int) -> None:
        """Runs the helpers to their end, or to ours."""
        bounds = [self._mark.offset]
        for number in range(1, _HELPERS):
            middle = self._mark.offset + (self._end - self._mark.offset) * number // _HELPERS
            bounds.append(line_start(descriptor, middle, self._end))
        helpers = []
        try:
            for start, end in zip(bounds, [*bounds[1:], self._end], strict=True):
                helpers.append(_start_helper(self._path, self._cache, start, end))
            while any(helper.poll() is None for helper in helpers) and not self._stopped.wait(0.02):
                self._helped = self._cache.bytes_between(self._mark.offset, self._end)
        except OSError:  # no process to be had: the thread does it
            return
        finally:
            for helper in helpers:
                helper.kill()
                helper.wait()


def _start_helper(path: Path, cache: MetricsCache, start: int, end: int) -> subprocess.Popen[bytes]:
    package_root = str(Path(__file__).parents[2])
    search = os.pathsep.join(filter(None, [package_root, os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-m", "runtime.run.metrics_job", str(path), str(cache.root), str(start), str(end)],
        env={**os.environ, "PYTHONPATH": search},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def main(arguments: list[str]) -> int:
    """A helper: reads the stretch of a file that is given by its arguments into the cache."""
    path, root, start, end = Path(arguments[0]), Path(arguments[1]), int(arguments[2]), int(arguments[3])
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    stretch = Stretch(start, start)
    stretch.read(descriptor, MetricsCache(path, root), end, lambda: stretch.cache_works)
    return 0 if stretch.cache_works else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
