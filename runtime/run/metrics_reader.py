"""Reading the metrics of a run as numpy columns: at once, in full, and kept up to date.

A long file is shown as a sample first, while a thread reads all of it; from then on each poll reads what is
new. What was read is kept in the user's cache directory, so that the next reader begins where this one ended.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import TracebackType

from runtime.run.metrics_cache import DamagedCache, MetricsCache
from runtime.run.metrics_columns import merge, parse
from runtime.run.metrics_job import WORTH_KEEPING, ReadJob
from runtime.run.metrics_lines import Lines, Series
from runtime.run.metrics_source import Mark, open_source, sample_rows, whole_lines

__all__ = ["MetricsReader", "Series", "sample"]

SAMPLE_POINTS = 4000
DIRECT = 8 << 20
"""Bytes that a poll reads itself (some 30 ms); more is left to a thread."""
_RECENT = 4 << 20


def sample(path: Path, points: int = SAMPLE_POINTS) -> dict[str, Series]:
    """About `points` rows from all over a file as curves by name (`exact` is False); empty where it is
    missing.
    """
    descriptor = open_source(path)
    if descriptor is None:
        return {}
    try:
        lines = Lines([sample_rows(descriptor, os.fstat(descriptor).st_size, points)], exact=False)
    finally:
        os.close(descriptor)
    return {name: lines.series(name) for name in lines.names}


class MetricsReader:
    """The metrics of a run; see `Series`.

    `poll` is for one thread at a time, best not the one that draws; the other methods are quick and safe from
    any thread. `cache_dir` stands for the user's cache directory.
    """

    def __init__(self, path: Path, cache_dir: Path | None = None) -> None:
        self.path = path
        self._cache = MetricsCache(path, cache_dir)
        self._cache_works = True
        self._lock = threading.RLock()
        self._mark: Mark | None = None
        self._modified = 0
        self._lines = Lines()
        self._recent_start = 0
        self._sample: Lines | None = None
        self._job: ReadJob | None = None
        self._damaged = False
        self._loaded = False

    @property
    def exact(self) -> bool:
        """Whether every line read counts; False while a sample stands for a long file."""
        return self._sample is None

    @property
    def progress(self) -> float:
        """Share of a long stretch that was read so far; 1 when none is outstanding."""
        job = self._job
        return 1.0 if job is None else job.progress

    def poll(self) -> bool:
        """Reads what is new and returns whether anything changed; a fraction of a second whatever the file's
        length.

        A missing file changes nothing. Raises OSError for faults of the disk.
        """
        descriptor = open_source(self.path)
        if descriptor is None:
            return False
        try:
            return self._poll(descriptor)
        finally:
            os.close(descriptor)

    def load(self) -> bool:
        """Reads all there is, however long that takes: for who needs the exact curve and nothing before.
        Otherwise as `poll`.
        """
        self._loaded = True
        changed = self.poll()
        while self._job is not None:
            self._job.join()
            changed = self.poll() or changed
        return changed

    def names(self) -> list[str]:
        """The metrics seen so far, in the order in which they came."""
        with self._lock:
            return (self._sample or self._lines).names

    def series(self, name: str) -> Series:
        """The live line of a metric: a later attempt that starts at step s has replaced what came before at
        steps ≥ s.

        Empty for a metric that there isn't (yet).
        """
        with self._lock:
            try:
                return (self._sample or self._lines).series(name)
            except DamagedCache:
                return self._without_cache().series(name)

    def replaced(self, name: str) -> list[Series]:
        """What later attempts replaced of a metric, one series an attempt, to be drawn dimmed."""
        with self._lock:
            try:
                return (self._sample or self._lines).replaced(name)
            except DamagedCache:
                return self._without_cache().replaced(name)

    def close(self) -> None:
        """Stops reading, and keeps what was read for the next time."""
        if self._job is not None:
            self._job.stop()
            self._job = None
        descriptor = open_source(self.path)
        if descriptor is not None:
            try:
                if self._mark is not None and self._mark.holds(descriptor):
                    self._keep_recent(descriptor, WORTH_KEEPING)
            finally:
                os.close(descriptor)

    def __enter__(self) -> MetricsReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _poll(self, descriptor: int) -> bool:
        status = os.fstat(descriptor)
        size = status.st_size
        changed = self._damaged
        if self._damaged:
            self._forget()
        if self._mark is not None and self._job is None:
            seen = (self._mark.inode, self._mark.offset, self._modified)
            if (status.st_ino, size, status.st_mtime_ns) == seen:
                return changed
        self._modified = status.st_mtime_ns
        if self._mark is not None and not self._mark.holds(descriptor):
            self._forget()
            changed = True
        if self._mark is None:
            changed = self._open(descriptor) or changed
        if self._job is not None:
            if not self._job.done:
                return changed
            changed = self._take(self._job, descriptor)
        assert self._mark is not None
        if size - self._mark.offset > DIRECT:
            return self._read_aside(descriptor, size) or changed
        return self._read_on(descriptor, size) or changed

    def _forget(self) -> None:
        """The file, or its cache, isn't what it was: nothing that was read counts any more."""
        if self._job is not None:
            self._job.stop()
        with self._lock:
            self._job = None
            self._mark = None
            self._sample = None
            self._lines = Lines()
            self._damaged = False

    def _open(self, descriptor: int) -> bool:
        """Takes what the cache has."""
        blocks, end = self._cache.load(descriptor)
        with self._lock:
            self._lines = Lines(blocks)
            self._lines.seal()
            self._mark = Mark.at(descriptor, end)
            self._recent_start = end
        return bool(blocks)

    def _read_aside(self, descriptor: int, size: int) -> bool:
        """Begins to read a long stretch on a thread, and shows a sample meanwhile."""
        assert self._mark is not None
        self._keep_recent(descriptor, 1)
        self._job = ReadJob(self.path, self._cache, self._mark, size)
        if self._loaded or self._sample is not None:
            return False
        sampled = Lines([sample_rows(descriptor, size, SAMPLE_POINTS)], exact=False)
        with self._lock:
            self._sample = sampled
        return True

    def _take(self, job: ReadJob, descriptor: int) -> bool:
        """Shows what the thread has read instead of the sample."""
        self._job = None
        if job.error is not None:
            raise job.error
        with self._lock:
            for block in job.result.kept:
                self._lines.add(block)
            self._lines.seal()
            if job.result.recent is not None:
                self._lines.add(job.result.recent)
            self._recent_start = job.result.recent_start
            self._cache_works = self._cache_works and job.result.cache_works
            self._mark = Mark.at(descriptor, job.result.read_to)
            shown = self._sample.shown if self._sample is not None else []
        for name in shown:  # so that the next to draw them needn't wait
            self._prepare(name)
        with self._lock:
            self._sample = None
        return True

    def _read_on(self, descriptor: int, size: int) -> bool:
        """Reads a short stretch here and now."""
        assert self._mark is not None
        pieces = list(whole_lines(descriptor, self._mark.offset, size))
        if not pieces:
            return False
        block = merge([parse(data) for data, _ in pieces])
        mark = Mark.at(descriptor, pieces[-1][1])
        with self._lock:
            self._lines.add(block)
            self._mark = mark
        self._keep_recent(descriptor, _RECENT)
        return len(block) > 0

    def _keep_recent(self, descriptor: int, at_least: int) -> None:
        """Moves what is in memory only into the cache, if it is so many bytes of the file."""
        assert self._mark is not None
        start, end = self._recent_start, self._mark.offset
        recent = self._lines.recent
        if not self._cache_works or end - start < at_least or not recent:
            return
        cached = self._cache.save(merge(recent), descriptor, start, end)
        with self._lock:
            self._cache_works = cached is not None
            if cached is not None:
                self._lines.replace_recent(cached)
                self._recent_start = end

    def _prepare(self, name: str) -> None:
        """Builds the curve of a metric, so that `series` has it at once."""
        try:
            self._lines.series(name)
        except DamagedCache:
            self._damaged = True

    def _without_cache(self) -> Lines:
        """The cache turned out to be damaged: the next poll reads the file again, until then there is a
        sample.
        """
        self._cache.discard()
        self._damaged = True
        if self._loaded:
            self.load()
            return self._lines
        descriptor = open_source(self.path)
        blocks = []
        if descriptor is not None:
            try:
                blocks.append(sample_rows(descriptor, os.fstat(descriptor).st_size, SAMPLE_POINTS))
            finally:
                os.close(descriptor)
        self._sample = Lines(blocks, exact=False)
        return self._sample
