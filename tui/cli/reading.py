"""The wait while a checkpoint is read: how far, how fast, how long still."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tui.cli.output import Output
from tui.cli.progress import Progress
from tui.format import count, duration, percent, size
from tui.i18n import _


@contextmanager
def reading_steps(out: Output) -> Iterator[Callable[[int, int, int], None]]:
    """The same with the step of the checkpoint that is read in front, as a resume calls it: it may read more
    than one."""
    began: dict[int, float] = {}

    def show(step: int, done: int, total: int) -> None:
        seconds = time.monotonic() - began.setdefault(step, time.monotonic())
        text = _("verifying checkpoint {step}").format(step=count(step))
        progress.update(f"{text}  {reading_facts(done, total, seconds)}", stage=step)

    with Progress(out) as progress:
        yield show if out.terminal else lambda step, done, total: None


@contextmanager
def reading(out: Output, step: int | None = None) -> Iterator[Callable[[int, int], None]]:
    """A progress callback (bytes done, bytes in all) that shows itself on a terminal, and nothing
    elsewhere."""
    began = time.monotonic()

    def show(done: int, total: int) -> None:
        text = (
            _("verifying checkpoint {step}").format(step=count(step)) if step is not None else _("verifying")
        )
        progress.update(f"{text}  {reading_facts(done, total, time.monotonic() - began)}")

    with Progress(out) as progress:
        yield show if out.terminal else lambda done, total: None


def reading_facts(done: int, total: int, seconds: float) -> str:
    """`42%   1.2 of 3.0 GiB   812 MiB/s   2s left`."""
    share = done / total if total else 1.0
    parts = [percent(share), _("{done} of {all}").format(done=size(done), all=size(total))]
    if seconds > 0.2 and done:
        rate = done / seconds
        parts.append(f"{size(rate)}/s")
        if done < total:
            parts.append(_("{duration} left").format(duration=duration((total - done) / rate)))
    return "   ".join(parts)
