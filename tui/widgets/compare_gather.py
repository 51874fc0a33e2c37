"""What the Compare page reads in threads: the numbers of the table, and the facts that may differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from tui.comparing.facts import SPEED, Compared, Metric, Values, at_step, compare, eval_names
from tui.comparing.profiles import Facts, read_facts
from tui.widgets.compare_table import Line, Sheet

if TYPE_CHECKING:
    from tui.comparing.source import CompareSource
    from tui.plotting.trace import Reading
    from tui.store.runs import RunView


@dataclass(frozen=True)
class Numbers:
    """The values of the runs (in the source's order, by id) as of a version of the source."""

    version: int
    run_ids: tuple[str, ...]
    metric: Metric
    evaluation: Metric | None
    speed: Metric
    problems: Mapping[str, str]


class Gathered(Message, bubble=False):
    """A thread is done with the numbers."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self.numbers = numbers


class Differ(Message, bubble=False):
    """A thread is done with the facts, by run id."""

    def __init__(self, facts: Mapping[str, Facts]) -> None:
        super().__init__()
        self.facts = facts


def gather(source: CompareSource, name: str) -> Numbers:
    """The numbers of a metric, of the first evaluation that any run has, and of speed."""
    version, pairs = source.version, source.readers
    readers = [reader for _run, reader in pairs]
    evaluations = eval_names(source.names())
    shown = next((each for each in evaluations if each != name), None)
    return Numbers(
        version,
        tuple(run.run_id for run, _reader in pairs),
        compare(readers, name),
        compare(readers, shown) if shown is not None else None,
        compare(readers, SPEED),
        dict(source.problems),
    )


def facts_of(views: Sequence[RunView]) -> dict[str, Facts]:
    """What is known of each run but for its metrics."""
    return {view.run_id: read_facts(view.directory, view.record) for view in views}


def sheet_of(
    numbers: Numbers | None,
    lines: Sequence[Compared],
    states: Mapping[str, str],
    baseline: str,
    at: Sequence[Reading] = (),
) -> Sheet:
    """The table of these runs, the baseline first; with readings `at` a cursor, those stand for the common
    step's values. A run that the numbers don't know yet has none.
    """
    metric = numbers.metric if numbers is not None else Metric("", (), None, None)
    if at:
        metric = at_step(metric, max(each.step for each in at), {each.line: each.value for each in at})
    order = numbers.run_ids if numbers is not None else ()
    evaluation = numbers.evaluation if numbers is not None else None
    found = [
        Line(
            line,
            states[line.run_id],
            _of(metric, order, line.run_id),
            _of(evaluation, order, line.run_id),
            _of(numbers.speed if numbers is not None else None, order, line.run_id),
            numbers.problems.get(line.run_id, "") if numbers is not None else "",
        )
        for line in lines
    ]
    found.sort(key=lambda line: line.run.run_id != baseline)
    return Sheet(metric, tuple(found), baseline, evaluation.name if evaluation is not None else None)


def _of(metric: Metric | None, order: Sequence[str], run_id: str) -> Values | None:
    if metric is None or run_id not in order:
        return None
    return metric.values[order.index(run_id)]
