"""Runs and their checkpoints as rows of a table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from tui import describe, theme
from tui.clean import clean
from tui.format import age, count, duration, loss, percent, short_count, size
from tui.i18n import _, ngettext, pgettext, render
from tui.widgets.checkpoint_detail import address
from tui.widgets.table import Column, Row

if TYPE_CHECKING:
    from runtime.launch.trash import Trashed
    from runtime.messages import Message
    from runtime.run.checkpoints import Checkpoint
    from runtime.run.record import Parent
    from tui.store.runs import RunView
    from tui.widgets.checkpoint_list import Shelf

_ROOMY = 100


def checkpoint_columns(width: int) -> list[Column]:
    """The columns for a table of this width in cells."""
    roomy = width >= _ROOMY
    columns = [
        Column("step", _("RUN / STEP"), 26, flexible=True, maximum=40),
        Column("loss", _("LOSS"), 7, "right"),
        Column("tokens", _("TOKENS"), 7, "right"),
        Column("size", _("SIZE"), 9, "right"),
        Column("age", pgettext("how long ago", "AGE"), 5, "right"),
        Column("world", _("WORLD"), 9),
        Column("checked", _("CHECKED"), 15, flexible=True),
    ]
    return [column for column in columns if roomy or column.key not in {"tokens", "world"}]


def run_key(run_id: str) -> str:
    """The key of a run's row."""
    return f"run:{run_id}"


def checkpoint_key(run_id: str, checkpoint: Checkpoint) -> str:
    """The key of a checkpoint's row."""
    return f"checkpoint:{run_id}:{checkpoint.name}"


def trashed_key(run_id: str, one: Trashed) -> str:
    """The key of the row of a deleted checkpoint."""
    return f"trashed:{run_id}:{one.path.name}"


def run_row(view: RunView, shelf: Shelf | None, unfolded: bool, depth: int = 0) -> Row:
    """`▾ demo-1f00  ✓ completed   3 checkpoints, 120 MiB`; `depth` levels below the run that it came from."""
    muted = theme.style("muted")
    record = view.record
    state = describe.outcome(record) if record is not None else describe.word(view.state)
    line = Text.assemble(
        ("  " * (depth - 1) + "└ " if depth else "", theme.style("faint")),
        ("▾ " if unfolded else "▹ ", theme.style("accent")),
        (describe.short_id(view.run_id), theme.style("bold text")),
        (f"  {describe.glyph(view.state)} {state}", theme.style(describe.style(view.state))),
        end="",
    )
    if record is not None and record.parent is not None:
        line.append("   " + _origin(record.parent, named=not depth), muted)
    last = record.summary.checkpoint if record is not None else None
    if shelf is not None:
        number = len(shelf.checkpoints)
        words = ngettext("{count} checkpoint", "{count} checkpoints", number).format(count=number)
        found = _(", ").join((words, size(shelf.bytes))) if number else _("no checkpoint")
        line.append(f"   {found}", muted)
    elif last is not None:
        line.append("   " + _("newest {step}").format(step=count(last["step"])), muted)
    else:
        line.append("   " + _("no checkpoint yet") if view.active else "   " + _("no checkpoint"), muted)
    return Row(run_key(view.run_id), wide=line)


def _origin(parent: Parent, *, named: bool) -> str:
    """Where a run came from; with the parent's name where it doesn't stand under it."""
    step = count(parent["step"])
    where = address(describe.short_id(parent["run_id"]), parent["step"]) if named else step
    if parent.get("kind") == "weights":
        return _("weights of {address}").format(address=where)
    return _("branch at {address}").format(address=where)


@dataclass(frozen=True)
class RowMaker:
    """`failed` is what verifying found wrong, by directory; `reading` the share verified so far."""

    columns: Sequence[Column]
    now: float
    failed: Mapping[Path, Sequence[Message]] = field(default_factory=dict)
    reading: Mapping[Path, float | None] = field(default_factory=dict)
    marked: Collection[Path] = ()

    def trashed(self, shelf: Shelf, one: Trashed) -> Row:
        """A checkpoint that was deleted and can still be brought back."""
        left = duration(one.seconds_left)
        words = _("deleted; u brings it back ({duration} left)").format(duration=left)
        if one.seconds_left <= 0:
            words = _("deleted; it is being removed")
        line = Text(f"  {count(one.step):>9}   ", theme.style("muted"), end="")
        return Row(trashed_key(shelf.run_id, one), wide=line.append(words, theme.style("warning")))

    def row(self, shelf: Shelf, checkpoint: Checkpoint) -> Row:
        """One checkpoint; one that is none any more, or not yet, with the reason in place of its numbers."""
        key = checkpoint_key(shelf.run_id, checkpoint)
        muted, text = theme.style("muted"), theme.style("text")
        step = count(checkpoint.step)
        if checkpoint.state == "partial":
            words = _("unfinished: cut short, or being saved")
            return Row(
                key,
                wide=Text(f"  {step:>9}   {_(', ').join((words, size(checkpoint.bytes)))}", muted, end=""),
            )
        if checkpoint.state == "foreign":
            return Row(key, wide=Text(f"  {step:>9}   " + _("of a newer version"), muted, end=""))
        if checkpoint.state == "invalid":
            why = (
                render(checkpoint.problem) if checkpoint.problem is not None else _("its files were damaged")
            )
            line = Text(f"  {step:>9}", muted, end="")
            line.append("   ✗ " + _("invalid: {problem}").format(problem=why), theme.style("failed"))
            return Row(key, wide=line)
        complete = checkpoint.complete
        assert complete is not None
        marked = checkpoint.path in self.marked
        name = Text.assemble(("◆ " if marked else "  ", theme.style("accent")), (f"{step:>9}", text), end="")
        if checkpoint.protected:
            name.append("  " + _("protected"), theme.style("accent"))
        if shelf.best == checkpoint.step:
            name.append("  " + _("best"), theme.style("done"))
        cells = {
            "step": name,
            "loss": Text(loss(complete.loss), text),
            "tokens": Text(short_count(complete.tokens), text),
            "size": Text(size(checkpoint.bytes), text),
            "age": Text(age(self.now - checkpoint.time), muted),
            "world": Text(f"{clean(complete.strategy)} {complete.world_size}", muted),
            "checked": self._checked(checkpoint),
        }
        return Row(key, tuple(cells[column.key] for column in self.columns))

    def _checked(self, checkpoint: Checkpoint) -> Text:
        if checkpoint.path in self.reading:
            share = self.reading[checkpoint.path]
            words = (
                _("waits for its turn")
                if share is None
                else _("verifying {share}").format(share=percent(share))
            )
            return Text(words, theme.style("accent"))
        problems = self.failed.get(checkpoint.path)
        if problems:
            return Text("✗ " + render(problems[0]), theme.style("failed"))
        if checkpoint.verified is not None:
            return Text("✓ " + _("verified"), theme.style("done"))
        return Text("– " + _("not yet (v)"), theme.style("muted"))
