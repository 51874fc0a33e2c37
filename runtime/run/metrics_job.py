"""Reading a long stretch of a metrics file on a thread of its own, into the cache as far as there is one."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from runtime.run.metrics_cache import MetricsCache
from runtime.run.metrics_columns import Block, MemoryBlock, merge, parse
from runtime.run.metrics_source import Mark, whole_lines

SEGMENT = 64 << 20
"""Source bytes a segment of the cache; bounds what the thread holds in memory to about a third of that."""
WORTH_KEEPING = 1 << 20
"""Source bytes; to parse less takes a few milliseconds, which isn't worth a file."""
_BREATH = 0.0002


class ReadJob:
    """Reads the bytes from `mark` to `end`. When `done`, `kept` are the blocks in the cache (or in memory
    without one), `recent` is what follows them and isn't kept yet, from `recent_start` to `read_to`; or
    `error` says why not."""

    def __init__(self, path: Path, cache: MetricsCache, mark: Mark, end: int, *, polite: bool) -> None:
        self.kept: list[Block] = []
        self.recent: MemoryBlock | None = None
        self.recent_start = mark.offset
        self.read_to = mark.offset
        self.cache_works = True
        self.error: Exception | None = None
        self._path = path
        self._cache = cache
        self._mark = mark
        self._end = end
        self._polite = polite
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
        return (self.read_to - self._mark.offset) / max(1, self._end - self._mark.offset)

    def join(self) -> None:
        """Waits for the end."""
        self._thread.join()

    def stop(self) -> None:
        """Ends the thread soon; what it has is of no use."""
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
        blocks: list[Block] = []
        for data, read_to in whole_lines(descriptor, self._mark.offset, self._end):
            if self._stopped.is_set():
                return
            blocks.append(parse(data))
            self.read_to = read_to
            if self._polite:
                time.sleep(_BREATH)  # lets a thread that draws have the interpreter
            if self.read_to - self.recent_start >= SEGMENT:
                self._keep(descriptor, merge(blocks))
                blocks = []
        if blocks:
            rest = merge(blocks)
            if self.read_to - self.recent_start >= WORTH_KEEPING:
                self._keep(descriptor, rest)
            else:
                self.recent = rest
        self._cache.prune()

    def _keep(self, descriptor: int, block: MemoryBlock) -> None:
        cached = (
            self._cache.save(block, descriptor, self.recent_start, self.read_to) if self.cache_works else None
        )
        self.cache_works = cached is not None
        self.kept.append(block if cached is None else cached)
        self.recent_start = self.read_to
