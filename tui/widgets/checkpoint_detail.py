"""All that is known of one checkpoint, as lines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from rich.text import Text

from tui import describe, theme
from tui.clean import clean
from tui.format import age, ago, count, loss, number, pad, percent, short_count, size
from tui.i18n import _, render
from tui.widgets.lines import wrapped

if TYPE_CHECKING:
    from runtime.messages import Message
    from runtime.run.checkpoints import Checkpoint
    from runtime.run.complete import Complete
    from tui.widgets.checkpoint_list import Shelf

_LABEL = 18


def address(run_id: str, step: int) -> str:
    """`RUN@STEP`, as every command takes it."""
    return f"{run_id}@{step}"


def detail_lines(
    shelf: Shelf,
    checkpoint: Checkpoint,
    now: float,
    width: int,
    problems: Sequence[Message] = (),
    reading: float | None = None,
) -> list[Text]:
    """`problems`: what verifying has found; `reading`: the share that has been verified so far."""
    text = theme.style("text")
    lines = [_soundness(checkpoint, now, problems, reading)]
    for problem in problems:
        lines += [Text.assemble("  ", line) for line in wrapped(render(problem), text, width - 2)]
    marks = _marks(shelf, checkpoint)
    if marks:
        lines += wrapped(marks, theme.style("accent"), width)
    lines.append(Text())
    if checkpoint.complete is None:
        return [*lines, *_field(_("directory"), _directory(checkpoint), width)]
    for label, value in _facts(checkpoint.complete, checkpoint, now):
        lines += _field(label, value, width)
    return [*lines, Text(), *_files(checkpoint.complete, width)]


def _soundness(
    checkpoint: Checkpoint, now: float, problems: Sequence[Message], reading: float | None
) -> Text:
    if reading is not None:
        words = _("verifying {share}; esc cancels").format(share=percent(reading))
        return Text(words, theme.style("accent"))
    if problems:
        words = _("damaged: a resume passes over it and sets it aside")
        return Text("✗ " + words, theme.style("failed"))
    if checkpoint.state == "invalid":
        why = render(checkpoint.problem) if checkpoint.problem is not None else _("its files were damaged")
        return Text("✗ " + _("invalid: {problem}").format(problem=why), theme.style("failed"))
    if checkpoint.state == "foreign":
        return Text(_("of a newer version"), theme.style("muted"))
    if checkpoint.state == "partial":
        words = _("unfinished: cut short, or being saved; it is never offered for a resume")
        return Text(words, theme.style("muted"))
    if checkpoint.verified is not None:
        words = _("every byte verified {ago}").format(ago=ago(now - checkpoint.verified))
        return Text("✓ " + words, theme.style("done"))
    words = _("not verified yet: v reads every byte; a resume does so by itself")
    return Text("– " + words, theme.style("muted"))


def _marks(shelf: Shelf, checkpoint: Checkpoint) -> str:
    parts = []
    if checkpoint.protected:
        parts.append(_("protected: neither retention nor x deletes it"))
    if shelf.best == checkpoint.step and shelf.metric is not None:
        parts.append(_("best: the lowest {metric}").format(metric=clean(shelf.metric)))
    return "   ".join(parts)


def _facts(complete: Complete, checkpoint: Checkpoint, now: float) -> list[tuple[str, str]]:
    saved = _("{age} ago by attempt {attempt} of {run}").format(
        age=age(now - complete.time), attempt=complete.attempt, run=describe.short_id(complete.run_id)
    )
    numbers = [
        f"{clean(name)} {loss(value) if name.endswith('loss') else number(value)}"
        for name, value in complete.metrics.items()
    ]
    versions = ", ".join(f"{clean(name)} {clean(value)}" for name, value in complete.versions.items())
    at = _("{step}   {tokens} tokens   loss {loss}   {strategy} {world}").format(
        step=count(complete.step),
        tokens=short_count(complete.tokens),
        loss=loss(complete.loss),
        strategy=clean(complete.strategy),
        world=complete.world_size,
    )
    facts = [
        (_("saved"), saved),
        (_("step"), at),
        (_("metrics"), ",  ".join(numbers)),
        (_("data fingerprint"), clean(complete.data_fingerprint or "")),
        (_("versions"), versions),
        (_("directory"), _directory(checkpoint)),
    ]
    return [(label, value) for label, value in facts if value]


def _directory(checkpoint: Checkpoint) -> str:
    """From the workspace on."""
    return clean(PurePath(*checkpoint.path.parts[-4:]))


def _field(label: str, value: str, width: int) -> list[Text]:
    head, *rest = wrapped(value, theme.style("text"), max(12, width - _LABEL)) or [Text()]
    first = Text.assemble((pad(label, _LABEL), theme.style("muted")), head)
    return [first, *(Text.assemble(" " * _LABEL, line) for line in rest)]


def _files(complete: Complete, width: int) -> list[Text]:
    muted, text = theme.style("muted"), theme.style("text")
    name_width = max([len(_("FILE")), *(Text(clean(file.name)).cell_len for file in complete.files)])
    name_width = max(8, min(name_width, width - 9 - 16 - 4))
    head = f"{pad(_('FILE'), name_width)}  {pad(_('SIZE'), 9, 'right')}  SHA-256"
    lines = [Text(head, muted)]
    for file in complete.files:
        lines.append(
            Text.assemble(
                (pad(clean(file.name), name_width), text),
                (f"  {size(file.bytes):>9}", text),
                (f"  {clean(file.sha256)[:16]}", muted),
            )
        )
    return lines
