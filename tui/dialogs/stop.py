"""How to stop: what each way does, how long it takes, and what is lost by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text
from textual.app import ComposeResult

from tui import describe, theme
from tui.dialogs.dialog import Choice, Dialog
from tui.format import count, duration
from tui.i18n import _, ngettext
from tui.widgets.lines import Lines

if TYPE_CHECKING:
    from tui.store.runs import RunView


@dataclass(frozen=True)
class StopChoice:
    """`save`: a checkpoint first; `kill`: don't wait for anything."""

    save: bool
    kill: bool


class StopDialog(Dialog[StopChoice]):
    """For one run or several; `now` in Unix seconds."""

    def __init__(self, views: Sequence[RunView], now: float) -> None:
        super().__init__()
        self._views, self._now = list(views), now

    def title_text(self) -> str:
        if len(self._views) == 1:
            return _("Stop {run}?").format(run=describe.short_id(self._views[0].run_id))
        return ngettext("Stop {count} run?", "Stop {count} runs?", len(self._views)).format(
            count=len(self._views)
        )

    def content(self) -> ComposeResult:
        if len(self._views) > 1:
            names = [Text(describe.short_id(view.run_id), theme.style("text")) for view in self._views]
            yield Lines([*names, Text()])

    def choices(self) -> list[Choice[StopChoice]]:
        saving, losing = self._saving(), self._losing()
        keep = Choice[StopChoice]("escape", _("keep running"), "", None)
        if not any(saves(view) for view in self._views):
            return [
                Choice(
                    "enter", _("stop"), _("SIGTERM first, SIGKILL after the grace"), StopChoice(False, False)
                ),
                Choice("k", _("kill now"), _("loses what it hasn't written"), StopChoice(False, True)),
                keep,
            ]
        return [
            Choice("enter", _("save a checkpoint, then stop"), saving, StopChoice(True, False)),
            Choice("n", _("stop without saving"), losing, StopChoice(False, False)),
            Choice("k", _("kill now"), losing, StopChoice(False, True)),
            keep,
        ]

    def _saving(self) -> str:
        """How long the last saves took, with the step that has to end first."""
        seconds = [known for view in self._views if (known := save_seconds(view)) is not None]
        return (
            _("about {duration}").format(duration=duration(max(seconds)))
            if seconds
            else _("no save timed yet")
        )

    def _losing(self) -> str:
        if len(self._views) != 1 or self._views[0].record is None:
            return _("loses the steps since the last checkpoints")
        record = self._views[0].record
        last, step = record.summary.checkpoint, record.summary.step
        if last is None:
            lost, since = step, record.started
        else:
            lost, since = (None if step is None else step - last["step"]), last["time"]
        if lost is None:
            return _("loses what it has done so far")
        if lost <= 0:
            return _("loses nothing")
        text = ngettext("loses {count} step", "loses {count} steps", lost).format(count=count(lost))
        return (
            _("{steps} ({duration})").format(steps=text, duration=duration(max(0.0, self._now - since)))
            if since
            else text
        )


def saves(view: RunView) -> bool:
    """Whether the run can save a checkpoint: somebody's own command can't be asked to."""
    record = view.record
    return (
        record is not None
        and record.job not in {"command", "prepare"}
        and record.state not in {"queued", "starting"}
    )


def save_seconds(view: RunView) -> float | None:
    """Seconds of the newest save that the run has told of."""
    from runtime.run.events import read_events

    saved = [event for event in read_events(view.directory) if event.event == "checkpoint_saved"]
    seconds = saved[-1].detail.get("seconds") if saved else None
    return float(seconds) if isinstance(seconds, (int, float)) else None
