"""The summary in run.json, kept from what the ranks write: metrics.jsonl, their reports, their heartbeats."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from runtime.launch.sparkline import Sparkline
from runtime.run.checkpoints import list_checkpoints
from runtime.run.jsontext import number, parse_object
from runtime.run.layout import RunDirectory
from runtime.run.record import LastCheckpoint, Summary
from runtime.run.tail import LineTail

LOSS = "train/loss"
SPEED = "throughput/tokens_per_second"
_BACKLOG = 64 << 10
"""Bytes of metrics.jsonl that are looked at when it is opened, and that may pile up between two looks: a
summary needs its end."""
_LINES = 500
_WINDOW = 300.0
"""Seconds over which the speed for the time left is averaged, so that evaluations and saves are in it."""
_SETTLED = 3.0
"""Seconds of an attempt that are needed for a first estimate."""


class SummaryKeeper:
    """Keeps the summary of one run. `poll` at about 1 Hz; it reads only what is new, and never more than
    some 64 KiB."""

    def __init__(self, run: RunDirectory, summary: Summary) -> None:
        self._run = run
        self.summary = summary
        self._attempt = 0
        self._tail: LineTail | None = None
        self._sparkline = Sparkline()
        self._tokens_per_step: float | None = None
        self._checkpoints_stamp: tuple[int, ...] | None = None
        self._pace: deque[tuple[float, int]] = deque()
        self._step: int | None = None
        self._stage: str | None = None  # of preparing data, by the rank's report

    def begin(self, attempt: int, resume: Mapping[str, Any] | None, total_steps: int | None) -> None:
        """A new attempt, going on from `resume`: what was logged beyond that will be logged again."""
        self._attempt = attempt
        self._pace.clear()
        self._stage = None
        start = int(resume["step"]) if resume is not None else 0
        self._step = start if resume is not None else None  # a job that logs no step has none
        self._sparkline = Sparkline.of_file(self._run.metrics, LOSS, before=start if attempt > 1 else None)
        step = self._step if attempt > 1 or resume is not None else self.summary.step
        self.summary = replace(
            self.summary,
            step=step,
            total_steps=total_steps if total_steps is not None else self.summary.total_steps,
            sparkline=self._sparkline.values(),
            eta_seconds=None,
            tokens_per_second=None,
            phase=None,
        )
        self._tail = None

    def adopt(self, attempt: int, total_steps: int | None) -> None:
        """An attempt that another supervisor began: what has been logged so far is counted."""
        self._attempt = attempt
        self._step = self.summary.step
        self._sparkline = Sparkline.of_file(self._run.metrics, LOSS)
        if self.summary.total_steps is None:
            self.summary = replace(self.summary, total_steps=total_steps)

    def report(self, line: Mapping[str, Any]) -> None:
        """A line of a rank's report: totals, a rollback, or how the preparation of data gets on."""
        if line.get("event") == "totals":
            self._tokens_per_step = number(line.get("tokens_per_step")) or self._tokens_per_step
            self._stage = None
            steps, tokens = number(line.get("total_steps")), number(line.get("total_tokens"))
            self.summary = replace(
                self.summary,
                total_steps=int(steps) if steps is not None else self.summary.total_steps,
                total_tokens=int(tokens) if tokens is not None else self.summary.total_tokens,
                progress=None,
                eta_seconds=None,
            )
        elif line.get("event") == "rolled_back":
            to = number(line.get("to"))
            self._step = int(to) if to is not None else self._step
        elif line.get("event") == "prepared":
            self._stage = None
            self.summary = replace(self.summary, progress=None, eta_seconds=None)
        elif line.get("event") == "progress":
            done, total, rate = (number(line.get(name)) for name in ("done", "total", "rate"))
            share = min(1.0, done / total) if done is not None and total else None
            left = (total - done) / rate if done is not None and total and rate else None
            self._stage = str(line["phase"]) if line.get("phase") else None
            self.summary = replace(self.summary, progress=share, eta_seconds=left)

    def poll(self, phase: str | None, step: int | None, *, over: bool = False) -> Summary:
        """The summary of this moment; `updated` changes only if something else did. `phase` and `step` are
        rank 0's."""
        before = self.summary
        self._read_metrics()
        self._look_at_checkpoints()
        self._advance(phase, step, over)
        if replace(self.summary, updated=before.updated) != before:
            self.summary = replace(self.summary, updated=time.time())
        return self.summary

    def _read_metrics(self) -> None:
        path = self._run.metrics
        if self._tail is None:
            self._tail = LineTail(path)
            self._skip()
        lines = self._tail.poll(limit=4 * _BACKLOG)
        if len(lines) > _LINES:
            self._skip()
            lines = lines[-_LINES:]
        metrics = dict(self.summary.metrics)
        for line in lines:
            row = parse_object(line)
            if row is None or row.get("attempt") != self._attempt:
                continue
            step = number(row.get("step"))
            if step is not None:
                self._step = int(step)
            for name, value in row.items():
                found = number(value) if "/" in name else None
                if found is not None:
                    metrics[name] = found
            loss = number(row.get(LOSS))
            if loss is not None and step is not None:
                self._sparkline.add(int(step), loss)
        if lines:
            self.summary = replace(self.summary, metrics=metrics, sparkline=self._sparkline.values())

    def _skip(self) -> None:
        """Goes on near the end of the file where too much lies before it."""
        assert self._tail is not None
        try:
            size = self._run.metrics.stat().st_size
        except OSError:
            return
        if size - self._tail.offset > _BACKLOG:
            self._tail = LineTail(self._run.metrics)
            self._tail.offset = size - _BACKLOG

    def _look_at_checkpoints(self) -> None:
        try:
            status = self._run.checkpoints.stat()
        except OSError:
            return
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp == self._checkpoints_stamp:
            return
        self._checkpoints_stamp = stamp
        complete = [item for item in list_checkpoints(self._run) if item.state == "complete"]
        newest: LastCheckpoint | None = None
        if complete:
            last = complete[-1]
            newest = {"step": last.step, "time": last.time, "bytes": last.bytes}
        self.summary = replace(self.summary, checkpoint=newest)

    def _advance(self, phase: str | None, step: int | None, over: bool) -> None:
        training = phase in ("step", "evaluate", "checkpoint", "finish")
        if training and step is not None and (self._step is None or step > self._step):
            self._step = step
        total = self.summary.total_steps
        changes: dict[str, Any] = {"phase": phase if training else self._stage or phase}
        if training or over:
            changes["step"] = self._step
            if self._step is not None and total:
                changes["progress"] = min(1.0, self._step / total)
        if self._step is not None and self._tokens_per_step is not None:
            changes["tokens"] = int(self._step * self._tokens_per_step)
        if over:
            changes |= {"eta_seconds": None, "phase": None}
        elif training and self._step is not None:
            changes |= self._speed(self._step, total)
        self.summary = replace(self.summary, **changes)

    def _speed(self, step: int, total: int | None) -> dict[str, Any]:
        """Time left and tokens per second by this attempt's own pace: steps of an earlier attempt took
        their time then."""
        now = time.monotonic()
        if self._pace and step < self._pace[-1][1]:  # rolled back
            self._pace.clear()
        if not self._pace or step != self._pace[-1][1]:
            self._pace.append((now, step))
        while len(self._pace) > 2 and now - self._pace[0][0] > _WINDOW:
            self._pace.popleft()
        then, first = self._pace[0]
        last_time, last = self._pace[-1]
        speed = self.summary.metrics.get(SPEED)
        if last_time - then < _SETTLED or last <= first:
            return {"tokens_per_second": speed} if speed is not None else {}
        rate = (last - first) / (last_time - then)
        if speed is None and self._tokens_per_step is not None:
            speed = rate * self._tokens_per_step
        # What has passed since the last step began counts as part of the next one: the estimate falls by
        # itself.
        left = max(0.0, (total - last) / rate - (now - last_time)) if total is not None else None
        return {"tokens_per_second": speed, "eta_seconds": round(left) if left is not None else None}
