"""The metrics of several runs as one source of a `ChartGrid`: one line a run, always in the same order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tui.comparing.facts import Compared, all_names
from tui.plotting.model import Drawn

if TYPE_CHECKING:
    from runtime.run.metrics_reader import MetricsReader
    from tui.plotting.trace import SeriesLike


def open_reader(path: Path) -> MetricsReader:
    """The reader of a run's metrics."""
    from runtime.run.metrics_reader import MetricsReader

    return MetricsReader(path)


class CompareSource:
    """`show` says which runs; everything else is for the grid's reading thread.

    Runs come and go without the others being read again, and without the chart losing what it looks at. A
    run whose metrics can't be read has no line, and `problems` says why.
    """

    def __init__(self, open_metrics: Callable[[Path], MetricsReader] = open_reader) -> None:
        self._open = open_metrics
        self._wanted: tuple[tuple[Compared, Path], ...] = ()
        self._runs: tuple[Compared, ...] = ()
        self._readers: dict[str, MetricsReader] = {}
        self.problems: dict[str, str] = {}
        self.version = 0
        """Counts up whenever something has changed."""

    def show(self, runs: Sequence[tuple[Compared, Path]]) -> None:
        """These runs from now on, with the paths of their metrics; from the next poll on. For any thread."""
        self._wanted = tuple(runs)

    @property
    def readers(self) -> list[tuple[Compared, MetricsReader]]:
        """The runs as of the last poll, with their metrics."""
        return [(run, self._readers[run.run_id]) for run in self._runs if run.run_id in self._readers.copy()]

    def poll(self) -> bool:
        """Takes runs in and out, and reads what is new."""
        changed = self._take()
        for run_id, reader in self._readers.items():
            try:
                changed = reader.poll() or changed
                problem = None
            except OSError as error:
                problem = error.strerror or str(error)
            if problem != self.problems.get(run_id):
                changed = True
                if problem is None:
                    del self.problems[run_id]
                else:
                    self.problems[run_id] = problem
        if changed:
            self.version += 1
        return changed

    def _take(self) -> bool:
        wanted = self._wanted
        runs = tuple(run for run, _path in wanted)
        if runs == self._runs:
            return False
        paths = {run.run_id: path for run, path in wanted}
        readers = {run_id: self._readers.get(run_id) or self._open(path) for run_id, path in paths.items()}
        left = [reader for run_id, reader in self._readers.items() if run_id not in paths]
        self.problems = {run_id: text for run_id, text in self.problems.items() if run_id in paths}
        self._readers, self._runs = readers, runs
        for reader in left:
            reader.close()
        return True

    @property
    def exact(self) -> bool:
        return all(reader.exact for reader in self._readers.values())

    def names(self) -> list[str]:
        return all_names([reader for _run, reader in self.readers])

    def drawn(self, name: str) -> list[Drawn]:
        """A line for each run, an empty one where the run hasn't logged the metric: letters and colours
        stay.
        """
        return [
            Drawn(
                reader.series(name),
                label=run.letter,
                mark=run.letter,
                tokens_per_step=run.tokens_per_step,
                origin=run.origin,
            )
            for run, reader in self.readers
        ]

    def series(self, name: str) -> SeriesLike:
        """The first run's line."""
        return self.readers[0][1].series(name)

    def replaced(self, name: str) -> list[SeriesLike]:
        """Nothing: of each run the live line alone is compared."""
        return []

    def close(self) -> None:
        for reader in self._readers.values():
            reader.close()
