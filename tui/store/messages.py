"""What the store tells the app. Posted from its thread, handled on the panel's, and only when something has
changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from tui.store.follow import Followed
    from tui.store.runs import RunView
    from tui.store.telemetry import Sample


class RunsChanged(Message, bubble=False):
    """Runs as they are now, by id; None for a run that has vanished. The first one (`first`) holds those that
    changed last; the first `complete` one, which may be the same, makes up all there are."""

    def __init__(
        self, runs: Mapping[str, RunView | None], first: bool = False, complete: bool = True
    ) -> None:
        super().__init__()
        self.runs, self.first, self.complete = runs, first, complete


class TelemetrySample(Message, bubble=False):
    """A new sample of the machine; None when the sampler has ended and is being restarted."""

    def __init__(self, sample: Sample | None) -> None:
        super().__init__()
        self.sample = sample


class StoreNote(Message, bubble=False):
    """A trouble of the store itself, such as a workspace that can't be read; None when it is over."""

    def __init__(self, text: str | None) -> None:
        super().__init__()
        self.text = text


class RunFollowed(Message, bubble=False):
    """News of the run that the panel follows."""

    def __init__(self, run_id: str, followed: Followed) -> None:
        super().__init__()
        self.run_id, self.followed = run_id, followed
